"""The JSON of Whisper and its kin: segments with words, words alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from callplayer.recordings.words.heard import (
    Heard,
    as_dicts,
    as_text,
    first_of,
    number,
    scaled,
    speaker_label,
)


def _whisper_word(word: dict[str, Any], speaker: str, language: str) -> Heard:
    return Heard(
        as_text(first_of(word, "word", "text")),
        number(word.get("start")),
        number(word.get("end")),
        speaker_label(word.get("speaker")) or speaker,
        confidence=number(first_of(word, "score", "probability", "confidence")),
        language=language,
    )


def whisper(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of whisperX and Whisper, or their segments where they have none.

    OpenAI has the words beside the segments.
    """
    language = as_text(data.get("language"))
    language = language if len(language) <= 5 else ""  # "english" is no code
    segments = as_dicts(data["segments"]) or [{}]
    words_of = [as_dicts(segment.get("words")) for segment in segments]
    are_beside = not any(words_of) and any("start" in each for each in as_dicts(data.get("words")))
    if are_beside:
        words_of = _shared_out(as_dicts(data.get("words")), segments)
    for segment, words in zip(segments, words_of, strict=True):
        speaker = speaker_label(segment.get("speaker"))
        if words:
            yield from _in_segment(
                [_whisper_word(word, speaker, language) for word in words],
                number(segment.get("start")), number(segment.get("end")),
            )  # fmt: skip
        elif not are_beside:
            yield Heard(
                as_text(segment.get("text")), number(segment.get("start")),
                number(segment.get("end")), speaker, language=language,
            )  # fmt: skip


def _shared_out(
    words: list[dict[str, Any]], segments: list[dict[str, Any]]
) -> list[list[dict[str, Any]]]:
    """Return the words of each segment: those that start before the next one does."""
    starts = [number(segment.get("start")) for segment in segments]
    found: list[list[dict[str, Any]]] = [[] for _ in segments]
    at = 0
    for word in words:
        start_s = number(word.get("start"))
        while start_s is not None and at + 1 < len(starts) and (starts[at + 1] or 0.0) <= start_s:
            at += 1
        found[at].append(word)
    return found


def _in_segment(words: list[Heard], start_s: float | None, end_s: float | None) -> Iterator[Heard]:
    """Yield a segment's words, those without a time at its edges put between word and edge."""
    timed = [at for at, word in enumerate(words) if word.start_s is not None]
    first, last = (timed[0], timed[-1]) if timed else (len(words), len(words) - 1)
    starts = words[first].start_s if timed else end_s
    ends = words[last].end_s if timed else None
    yield from _spread(words[:first], start_s, starts)
    yield from words[first : last + 1]
    if timed:
        yield from _spread(words[last + 1 :], ends, end_s)


def _spread(words: list[Heard], start_s: float | None, end_s: float | None) -> Iterator[Heard]:
    if start_s is None or end_s is None or end_s < start_s:
        yield from words
        return
    step_s = (end_s - start_s) / max(len(words), 1)
    for index, word in enumerate(words):
        begins_s = start_s + index * step_s
        yield replace(word, start_s=begins_s, end_s=begins_s + step_s)


def whisper_cpp(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the segments of whisper.cpp."""
    for segment in as_dicts(data["transcription"]):
        offsets = next(iter(as_dicts([segment.get("offsets")])), {})
        yield Heard(
            as_text(segment.get("text")),
            scaled(offsets.get("from"), 0.001), scaled(offsets.get("to"), 0.001),
            speaker_label(segment.get("speaker")),
        )  # fmt: skip


def words_alone(data: Any) -> Iterator[Heard]:
    """Yield words in a list, with `start` and `end` in s."""
    words = data if isinstance(data, list) else data["words"]
    for word in as_dicts(words):
        yield _whisper_word(word, "", "")
