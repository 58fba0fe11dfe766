"""What every kind of transcript comes down to: pieces of text with a time, then words."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from msgspec.structs import replace as replace_fields

from callplayer.recordings.words.names import Names
from callplayer.vendor.transcript import MAX_WORD_S, Speaker, Word, word_at
from callplayer.vendor.values import MAX_CALL_MS

Warn = Callable[[str], None]
"""Takes one line about what is left out, or read differently from how it is written."""

MAX_WORDS = 500_000
CHANNELS: Mapping[str, Speaker] = {
    **dict.fromkeys(("1", "A", "a"), "Caller"),
    **dict.fromkeys(("2", "B", "b"), "CallTaker"),
}


class TranscriptError(ValueError):
    """A transcript that is not what its kind of file says; the text names the line, no words."""


@dataclass(frozen=True)
class TimedText:
    """A stretch of one speaker's text, or of silence; times in s from the start of the call.

    `speaker` and `channel` are named as the file names them.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str = ""
    channel: str = ""
    confidence: float = 1.0
    language: str = ""


EARLY_S = 1.0
"""How far before the call a recogniser may begin: that is taken as the call's beginning."""


def seconds(text: str, line: int) -> float:
    """Return a number of seconds of a call; raise TranscriptError if it is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -EARLY_S <= value <= MAX_CALL_MS / 1000:
        raise TranscriptError(f"line {line}: a time is no number of seconds of a call")
    return max(value, 0.0)


def checked(piece: TimedText, line: int, warn: Warn) -> TimedText:
    """Return the piece; one that ends before it starts has no length, and `warn` is called."""
    if piece.end_s < piece.start_s:
        warn(f"line {line}: it ends before it starts, and is taken at its start")
        return replace(piece, end_s=piece.start_s)
    return piece


_start_s = attrgetter("start_s")


def attribute(pieces: Iterable[TimedText], turns: Sequence[TimedText]) -> list[TimedText]:
    """Return the pieces; one without a speaker gets the one who speaks most then in `turns`."""
    found = list(pieces)
    ordered = sorted(turns, key=_start_s)
    begun: list[TimedText] = []
    upto = 0
    for at in sorted(range(len(found)), key=lambda at: found[at].start_s):
        piece = found[at]
        already = bisect_right(ordered, piece.start_s, key=_start_s)
        begun = [turn for turn in begun + ordered[upto:already] if turn.end_s >= piece.start_s]
        upto = already
        if not piece.speaker:
            later = bisect_right(ordered, piece.end_s, key=_start_s)
            found[at] = _given(piece, begun + ordered[already:later])
    return found


def _given(piece: TimedText, turns: Sequence[TimedText]) -> TimedText:
    def overlap_s(turn: TimedText) -> float:
        return min(piece.end_s, turn.end_s) - max(piece.start_s, turn.start_s)

    best = max(turns, key=overlap_s, default=None)
    if best is None or overlap_s(best) < 0:
        return piece
    return replace(piece, speaker=best.speaker, channel=best.channel)


def words_of(
    pieces: Iterable[TimedText], call_started_at: datetime, names: Names, most: int = MAX_WORDS
) -> tuple[Word, ...]:
    """Return the words of the pieces, a piece's time shared out by the words' lengths.

    `names` says who is meant by a speaker's name in the file; else the name says it itself (such as
    `caller`, `dispatcher`), else the channel. Raise TranscriptError for more than `most` words.
    """
    found: list[Word] = []
    diarized: dict[tuple[str, str], int] = {}
    for piece in pieces:
        number = diarized.setdefault((piece.speaker, piece.channel), len(diarized) + 1)
        for word in _words_of_piece(piece, call_started_at, _speaker(piece, names)):
            if len(found) == most:
                raise TranscriptError(f"there are more than {most} words")
            found.append(replace_fields(word, diarized_speaker=number))
    return tuple(sorted(found, key=lambda word: word.started_at))


def _words_of_piece(
    piece: TimedText, call_started_at: datetime, speaker: Speaker
) -> Iterable[Word]:
    texts = piece.text.split()
    # The letters and the gap after them; words take about as long to say as to write.
    weights = [len(text) + 1 for text in texts]
    second_s = (piece.end_s - piece.start_s) / max(sum(weights), 1)
    before = 0
    for text, weight in zip(texts, weights, strict=True):
        word = word_at(
            call_started_at,
            piece.start_s + before * second_s,
            min(weight * second_s, MAX_WORD_S),
            text,
            speaker,
            confidence=piece.confidence,
            language_code=piece.language,
        )
        before += weight
        if word is not None:
            yield word


def _speaker(piece: TimedText, names: Names) -> Speaker:
    return names.speaker(piece.speaker) or CHANNELS.get(piece.channel, "Unknown")
