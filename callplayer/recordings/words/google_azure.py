"""The JSON of Google Speech-to-Text and of Azure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callplayer.recordings.words.heard import (
    Heard,
    as_dicts,
    as_text,
    end_of,
    first_of,
    iso_duration_s,
    number,
    scaled,
    speaker_label,
)

_TICKS_A_S = 10_000_000


def google(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of Google Speech-to-Text, v1 and v2."""
    results = as_dicts(data["results"])
    bests = [(each, next(iter(as_dicts(each.get("alternatives"))), {})) for each in results]
    tagged = [_is_diarized(best) for _, best in bests]
    if len(bests) > 1 and tagged[-1] and not any(tagged[:-1]):
        bests = bests[-1:]  # with diarization the last result has all words again
    channels = {tag for each in results if (tag := _channel_tag(each))}
    for result, best in bests:
        channel = _channel_tag(result) if len(channels) > 1 else ""
        words = as_dicts(best.get("words"))
        language = as_text(result.get("languageCode"))
        end_s = number(first_of(result, "resultEndTime", "resultEndOffset"))
        if not words:
            yield Heard(as_text(best.get("transcript")), None, end_s, channel=channel)
        times = [_google_times(word) for word in words]
        if words and all(each == (None, None) for each in times):
            times[-1] = (None, end_s)
        for word, (starts_s, ends_s) in zip(words, times, strict=True):
            yield Heard(
                as_text(word.get("word")), starts_s, ends_s,
                speaker_label(word.get("speakerTag") or word.get("speakerLabel") or None), channel,
                number(word.get("confidence")) or number(best.get("confidence")), language,
            )  # fmt: skip


def _google_times(word: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return when a word starts and ends, where it says so: a start of 0 s is left out."""
    start_s = number(first_of(word, "startTime", "startOffset", "start_time"))
    end_s = number(first_of(word, "endTime", "endOffset", "end_time"))
    return (0.0 if start_s is None and end_s is not None else start_s), end_s


def _channel_tag(result: dict[str, Any]) -> str:
    tag = result.get("channelTag")
    return str(tag) if isinstance(tag, int | str) and tag else ""


def _is_diarized(best: dict[str, Any]) -> bool:
    return any(
        word.get("speakerTag") or word.get("speakerLabel") for word in as_dicts(best.get("words"))
    )


def azure(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of an Azure batch transcription."""
    phrases = as_dicts(data["recognizedPhrases"])
    channels = {str(phrase.get("channel")) for phrase in phrases}
    for phrase in sorted(phrases, key=lambda each: number(each.get("offsetInTicks")) or 0.0):
        place = phrase.get("channel")
        channel = str(place + 1) if isinstance(place, int) and len(channels) > 1 else ""
        speaker = speaker_label(phrase.get("speaker"))
        best = next(iter(as_dicts(phrase.get("nBest"))), {})
        words = as_dicts(first_of(best, "displayWords", "words"))
        for word in words or [{**phrase, "word": best.get("display")}]:
            start_s = _azure_s(word, "offset")
            yield Heard(
                as_text(first_of(word, "word", "displayText")), start_s,
                end_of(start_s, _azure_s(word, "duration")), speaker, channel,
                number(first_of(word, "confidence")) or number(best.get("confidence")),
                as_text(phrase.get("locale")),
            )  # fmt: skip


def _azure_s(word: dict[str, Any], name: str) -> float | None:
    ticks = number(word.get(f"{name}InTicks"))
    return iso_duration_s(word.get(name)) if ticks is None else ticks / _TICKS_A_S


def azure_fast(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of an Azure fast transcription."""
    phrases = as_dicts(data["phrases"])
    channels = {str(phrase.get("channel")) for phrase in phrases}
    for phrase in phrases:
        place = phrase.get("channel")
        channel = str(place + 1) if isinstance(place, int) and len(channels) > 1 else ""
        for word in as_dicts(phrase.get("words")) or [phrase]:
            start_s = scaled(word.get("offsetMilliseconds"), 0.001)
            yield Heard(
                as_text(word.get("text")), start_s,
                end_of(start_s, scaled(word.get("durationMilliseconds"), 0.001)),
                speaker_label(phrase.get("speaker")), channel, number(phrase.get("confidence")),
                as_text(phrase.get("locale")),
            )  # fmt: skip
