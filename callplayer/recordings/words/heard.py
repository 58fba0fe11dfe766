"""Words as recognisers have them, and the fields that they are read from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from callplayer.recordings.words.timed_text import TimedText, TranscriptError
from callplayer.vendor.transcript import MAX_EARLY_S
from callplayer.vendor.values import MAX_CALL_MS

_MOST = 1e15
USUAL_S, SLOW_S = 0.3, 1.0
"""How long a word takes; of what has an end only, the words are no longer than the second."""

_ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?")


@dataclass(frozen=True)
class Heard:
    """A word or a stretch of text as a recogniser has it; times in s, None where it has none."""

    text: str
    start_s: float | None
    end_s: float | None
    speaker: str = ""
    channel: str = ""
    confidence: float | None = None
    language: str = ""


def _within_a_call(word: Heard) -> Heard:
    """Return the word, a little before the call's start at it; raise TranscriptError if absurd."""
    at_s = word.end_s if word.start_s is None else word.start_s
    if at_s is None or 0 <= at_s <= MAX_CALL_MS / 1000:
        return word
    if not -MAX_EARLY_S <= at_s < 0:
        raise TranscriptError("a word's time is past the end of any call")
    return replace(word, end_s=0.0) if word.start_s is None else replace(word, start_s=0.0)


def with_times(heard: Iterable[Heard]) -> Iterator[TimedText]:
    """Yield pieces; what has no time is put between its neighbours of the same channel."""
    channels: dict[str, list[Heard]] = {}
    for each in heard:
        if each.text.strip():
            channels.setdefault(each.channel, []).append(_within_a_call(each))
    for words in channels.values():
        yield from _timed(words)


def _timed(words: list[Heard]) -> Iterator[TimedText]:
    pending: list[Heard] = []
    last_s = 0.0
    for word in words:
        if word.start_s is not None:
            yield from _between(pending, last_s, max(word.start_s, last_s))
            pending = []
            end_s = word.start_s if word.end_s is None else max(word.end_s, word.start_s)
            yield _piece(word, word.start_s, end_s)
            last_s = end_s
            continue
        pending.append(word)
        if word.end_s is not None:
            end_s = max(word.end_s, last_s)
            yield from _between(pending, max(last_s, end_s - _length_s(pending, SLOW_S)), end_s)
            pending, last_s = [], end_s
    yield from _between(pending, last_s, last_s + _length_s(pending, USUAL_S))


def _length_s(words: list[Heard], word_s: float) -> float:
    return word_s * sum(len(each.text.split()) for each in words)


def _between(words: list[Heard], start_s: float, end_s: float) -> Iterator[TimedText]:
    step_s = (end_s - start_s) / max(len(words), 1)
    for index, word in enumerate(words):
        yield _piece(word, start_s + index * step_s, start_s + (index + 1) * step_s)


def _piece(word: Heard, start_s: float, end_s: float) -> TimedText:
    confidence = 1.0 if word.confidence is None else min(max(word.confidence, 0.0), 1.0)
    return TimedText(
        start_s, end_s, word.text.strip(), word.speaker, word.channel, confidence, word.language
    )


def number(value: object) -> float | None:
    """Return a number, or a text that is one, as float; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("s"))
        except ValueError:
            return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < _MOST else None
    if isinstance(value, dict):  # Google's Duration
        seconds, nanos = number(value.get("seconds", 0)), number(value.get("nanos", 0))
        return None if seconds is None or nanos is None else seconds + nanos / 1e9
    return None


def scaled(value: object, unit: float) -> float | None:
    """Return a number times `unit`; None for anything else."""
    found = number(value)
    return None if found is None else found * unit


def iso_duration_s(value: object) -> float | None:
    """Return the seconds of an ISO 8601 duration such as PT1M2.5S."""
    match = _ISO_DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def as_text(value: object) -> str:
    """Return a text; "" for anything else."""
    return value if isinstance(value, str) else ""


def speaker_label(value: object) -> str:
    """Return a speaker's name or number as text."""
    if isinstance(value, bool) or value is None:
        return ""
    return f"Speaker {value}" if isinstance(value, int) else as_text(value)


def as_dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list; none of anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def first_of(data: dict[str, Any], *keys: str) -> Any:
    """Return the first of the keys that is there."""
    return next((data[key] for key in keys if data.get(key) is not None), None)


def end_of(start_s: float | None, length_s: float | None) -> float | None:
    """Return where a word of that start and length ends."""
    return None if start_s is None or length_s is None else start_s + length_s


def append_punctuation(words: list[Heard], mark: str) -> None:
    """Put a mark behind the last word."""
    if words:
        words[-1] = replace(words[-1], text=words[-1].text + mark)
