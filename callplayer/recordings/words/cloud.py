"""The JSON of Deepgram, AssemblyAI, AWS Transcribe and AWS Call Analytics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from callplayer.recordings.words.heard import (
    Heard,
    append_punctuation,
    as_dicts,
    as_text,
    first_of,
    number,
    scaled,
    speaker_label,
)


def deepgram(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of Deepgram."""
    channels = as_dicts(data["results"]["channels"])
    count = number((data.get("metadata") or {}).get("channels")) or len(channels)
    for index, channel in enumerate(channels):
        for best in as_dicts(channel.get("alternatives"))[:1]:
            for word in as_dicts(best.get("words")):
                yield Heard(
                    as_text(first_of(word, "punctuated_word", "word")),
                    number(word.get("start")), number(word.get("end")),
                    speaker_label(word.get("speaker")), str(index + 1) if count > 1 else "",
                    number(word.get("confidence")), as_text(channel.get("detected_language")),
                )  # fmt: skip


def aws(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of AWS Transcribe: by channel, or by speaker."""
    results = data["results"]
    language = as_text(results.get("language_code"))
    channels = as_dicts((results.get("channel_labels") or {}).get("channels"))
    speakers = {
        as_text(item.get("start_time")): as_text(item.get("speaker_label"))
        for segment in as_dicts((results.get("speaker_labels") or {}).get("segments"))
        for item in as_dicts(segment.get("items"))
    }
    if channels:
        for channel in channels:
            name = as_text(channel.get("channel_label")).rpartition("_")[2]
            place = str(int(name) + 1) if name.isdecimal() and len(name) < 10 else ""
            yield from _aws_items(as_dicts(channel.get("items")), speakers, place, language)
    else:
        yield from _aws_items(as_dicts(results.get("items")), speakers, "", language)


def _aws_items(
    items: list[dict[str, Any]], speakers: dict[str, str], channel: str, language: str
) -> list[Heard]:
    words: list[Heard] = []
    for item in items:
        best = next(iter(as_dicts(item.get("alternatives"))), {})
        text = as_text(best.get("content"))
        if item.get("type") == "punctuation":
            append_punctuation(words, text)
            continue
        start = item.get("start_time")
        speaker = as_text(item.get("speaker_label")) or speakers.get(as_text(start), "")
        words.append(
            Heard(text, number(start), number(item.get("end_time")), speaker, channel,
                  number(best.get("confidence")), as_text(item.get("language_code")) or language)
        )  # fmt: skip
    return words


def aws_call_analytics(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of AWS Call Analytics, by the roles of its participants."""
    language = as_text(data.get("LanguageCode"))
    for turn in as_dicts(data["Transcript"]):
        role = as_text(turn.get("ParticipantRole"))
        words: list[Heard] = []
        for item in as_dicts(turn.get("Items")):
            if item.get("Type") == "punctuation":
                append_punctuation(words, as_text(item.get("Content")))
                continue
            words.append(
                Heard(as_text(item.get("Content")), scaled(item.get("BeginOffsetMillis"), 0.001),
                      scaled(item.get("EndOffsetMillis"), 0.001), role, "",
                      number(item.get("Confidence")), language)
            )  # fmt: skip
        yield from words or [
            Heard(as_text(turn.get("Content")), scaled(turn.get("BeginOffsetMillis"), 0.001),
                  scaled(turn.get("EndOffsetMillis"), 0.001), role, language=language)
        ]  # fmt: skip


def assembly(data: dict[str, Any]) -> Iterator[Heard]:
    """Yield the words of AssemblyAI, whose times are ms."""
    for word in as_dicts(data["words"]):
        speaker = word.get("speaker")
        yield Heard(
            as_text(word.get("text")), scaled(word.get("start"), 0.001),
            scaled(word.get("end"), 0.001), f"Speaker {speaker}" if speaker else "",
            as_text(word.get("channel")), number(word.get("confidence")),
        )  # fmt: skip
