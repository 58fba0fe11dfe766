"""STM, the reference transcripts of speech recognition: one line a stretch of speech.

`<file> <channel> <speaker> <begin s> <end s> [<label,…>] <words…>`; `;;` starts a comment.
"""

from __future__ import annotations

import re

from callplayer.recordings.words.timed_text import (
    TimedText,
    TranscriptError,
    Warn,
    checked,
    seconds,
)

_NOT_SAID = ("ignore_time_segment_in_scoring", "inter_segment_gap")
_NO_SPEAKERS = ("excluded_region", "inter_segment_gap")
_CHOICE = re.compile(r"\{([^{}/]*)(?:/[^{}]*)?\}")


def parse_stm(text: str, warn: Warn) -> list[TimedText]:
    """Return the stretches of speech; raise TranscriptError for a line that is not STM."""
    pieces = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(maxsplit=5)
        if not fields or fields[0].startswith(";;"):
            continue
        if len(fields) < 5:
            raise TranscriptError(
                f"line {number}: file, channel, speaker, begin and end are needed"
            )
        _file, channel, speaker, begin, end, *rest = fields
        said = _said(rest[0] if rest else "")
        piece = TimedText(seconds(begin, number), seconds(end, number), said, speaker, channel)
        if said and speaker not in _NO_SPEAKERS:
            pieces.append(checked(piece, number, warn))
    return pieces


def _said(text: str) -> str:
    """Return the words without a label, of alternatives the first, of optional ones all."""
    if text.startswith("<") and ">" in text:
        text = text.partition(">")[2]
    text = _CHOICE.sub(r"\1", text)
    words = (word.strip("()") for word in text.split())
    return " ".join(word for word in words if word not in ("", "@", *_NOT_SAID))
