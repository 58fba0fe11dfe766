"""RTTM: who speaks when (SPEAKER lines), and words (LEXEME lines).

`<type> <file> <channel> <begin s> <duration s> <word> <subtype> <speaker> <confidence> [<…>]`;
`;;` starts a comment, `<NA>` stands for nothing.
"""

from __future__ import annotations

import math

from callplayer.recordings.words.timed_text import (
    TimedText,
    TranscriptError,
    Warn,
    checked,
    seconds,
)

_NOTHING = "<NA>"


def parse_rttm(text: str, warn: Warn) -> tuple[list[TimedText], list[TimedText]]:
    """Return the words, and the turns (whose text is empty).

    Raise TranscriptError for a line that is not RTTM.
    """
    words: list[TimedText] = []
    turns: list[TimedText] = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith(";;"):
            continue
        if not 8 <= len(fields) <= 10:
            raise TranscriptError(f"line {number}: RTTM has 9 or 10 fields")
        fields += [_NOTHING] * (10 - len(fields))  # some leave out the confidence
        kind = fields[0].upper()
        if kind in ("LEXEME", "SPEAKER"):
            piece = _piece(fields, number, warn)
            (words if kind == "LEXEME" else turns).append(piece)
    return [word for word in words if word.text], turns


def _piece(fields: list[str], number: int, warn: Warn) -> TimedText:
    channel, begin, duration, word, _subtype, speaker, confidence = fields[2:9]
    start_s = seconds(begin, number)
    return checked(
        TimedText(
            start_s,
            start_s + seconds(duration, number),
            "" if word == _NOTHING else word,
            "" if speaker == _NOTHING else speaker,
            "" if channel == _NOTHING else channel,
            _confidence(confidence),
        ),
        number,
        warn,
    )


def _confidence(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 1.0
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 1.0
