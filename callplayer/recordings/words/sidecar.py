"""Words in JSON: the vendor's own, as beside the demo calls, or a recogniser's, by its form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from callplayer.recordings.words.heard import number
from callplayer.recordings.words.names import Names
from callplayer.recordings.words.recognisers import parse_recogniser
from callplayer.recordings.words.timed_text import MAX_WORDS, TimedText, TranscriptError, Warn
from callplayer.vendor.transcript import MAX_EARLY_S, Word, read_word

_NO_WORDS = ("incident", "talkgroup", "srcList", "sources", "start_time")
"""A file that has one of these describes a call, and need not have words."""


def parse_json(
    content: bytes, call_started_at: datetime, warn: Warn, names: Names
) -> tuple[list[Word], list[TimedText]]:
    """Return the vendor's words, timed from `call_started_at`, or the pieces of a recogniser.

    A word that makes no sense is left out, and `warn` is given a line on it. Raise TranscriptError
    if it is no JSON, or in no form that is known.
    """
    try:
        data = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise TranscriptError("it is no JSON") from None
    pieces = parse_recogniser(data)
    if pieces is not None:
        return [], pieces
    words = data.get("words") if isinstance(data, Mapping) else None
    if words is None and isinstance(data, Mapping) and any(key in data for key in _NO_WORDS):
        return [], []
    if not isinstance(words, list):
        raise TranscriptError("its words are not in a form that is known")
    if len(words) > MAX_WORDS:
        raise TranscriptError(f"there are more than {MAX_WORDS} words")
    return _vendor_words(words, call_started_at, warn, names), []


def _vendor_words(
    words: list[Any], call_started_at: datetime, warn: Warn, names: Names
) -> list[Word]:
    mended = _with_starts([dict(word) for word in words if isinstance(word, dict)])
    if words and not mended:
        raise TranscriptError("its words are not in a form that is known: none has a time")
    found = []
    for place, word in enumerate(mended, 1):
        speaker = names.speaker(word["speaker"]) if isinstance(word.get("speaker"), str) else None
        if speaker is not None:
            word["speaker"] = speaker
        read = read_word(msgspec.json.encode(word), call_started_at)
        if read is None:
            warn(f"word {place} has no text or no sense, and is left out")
        else:
            found.append(read)
    return found


def _with_starts(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the words with offsets as numbers, those without one put between their neighbours.

    None are returned if none has an offset.
    """
    starts = [number(word.get("start_offset")) for word in words]
    lengths = [max(number(word.get("duration")) or 0.0, 0.0) for word in words]
    if all(start is None for start in starts):
        return []
    from_s, waiting = 0.0, list[int]()
    for at, start in enumerate(starts):
        if start is None:
            waiting.append(at)
            continue
        step_s = max(start - from_s, 0.0) / max(len(waiting), 1)
        for place, each in enumerate(waiting):
            starts[each] = from_s + place * step_s
        waiting, from_s = [], max(start, 0.0) + lengths[at]
    for word, start, length in zip(words, starts, lengths, strict=True):
        start_s = from_s if start is None else start  # after the last one that has a time
        word["start_offset"] = 0.0 if -MAX_EARLY_S <= start_s < 0 else start_s
        word["duration"] = length
        if (confidence := number(word.get("confidence"))) is not None:
            word["confidence"] = confidence
    return words
