"""The JSON of speech recognisers, recognised by its form: words with times in s, and speakers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from callplayer.recordings.words.cloud import assembly, aws, aws_call_analytics, deepgram
from callplayer.recordings.words.google_azure import azure, azure_fast, google
from callplayer.recordings.words.heard import Heard, as_dicts, with_times
from callplayer.recordings.words.timed_text import TimedText
from callplayer.recordings.words.whisper import whisper, whisper_cpp, words_alone


def parse_recogniser(data: Any) -> list[TimedText] | None:
    """Return the words of a recogniser's answer, None if its form is not known."""
    for is_form, read in _FORMS:
        if is_form(data):
            return list(with_times(read(data)))
    return None


_Read = Callable[[Any], Iterable[Heard]]


def _has_list(data: Any, *keys: str) -> bool:
    for key in keys:
        if not isinstance(data, dict):
            return False
        data = data.get(key)
    return isinstance(data, list)


def _is_aws(data: Any) -> bool:
    return _has_list(data, "results", "items") or _has_list(
        data, "results", "channel_labels", "channels"
    )


def _is_google(data: Any) -> bool:
    return _has_list(data, "results") and any(
        "alternatives" in each for each in as_dicts(data["results"])
    )


def _first_word(data: Any) -> dict[str, Any]:
    words = data if isinstance(data, list) else data.get("words") if isinstance(data, dict) else []
    return next(iter(as_dicts(words)), {})


def _is_assembly(data: Any) -> bool:
    """Return whether a list of words has times in ms: none of them with a fraction."""
    word = _first_word(data)
    if not isinstance(data, dict) or "text" not in word or word.get("start") is None:
        return False
    times = [each.get(name) for each in as_dicts(data["words"]) for name in ("start", "end")]
    return all(at is None or isinstance(at, int) for at in times)


def _are_words_alone(data: Any) -> bool:
    word = _first_word(data)
    return ("word" in word or "text" in word) and "start_offset" not in word and "start" in word


_FORMS: tuple[tuple[Callable[[Any], bool], _Read], ...] = (
    (lambda data: _has_list(data, "results", "channels"), deepgram),
    (_is_aws, aws),
    (lambda data: _has_list(data, "Transcript"), aws_call_analytics),
    (_is_google, google),
    (lambda data: _has_list(data, "recognizedPhrases"), azure),
    (lambda data: _has_list(data, "phrases"), azure_fast),
    (lambda data: _has_list(data, "segments"), whisper),
    (lambda data: _has_list(data, "transcription"), whisper_cpp),
    (_is_assembly, assembly),
    (_are_words_alone, words_alone),
)
