"""The `words` of a sidecar: a JSON object as it stands beside the demo calls."""

from __future__ import annotations

from datetime import datetime

import msgspec

from callplayer.recordings.words.pieces import MAX_WORDS, TranscriptError
from callplayer.words import Word, read_word


class _Words(msgspec.Struct, frozen=True):
    words: tuple[msgspec.Raw, ...] = ()


def parse_sidecar_words(content: bytes, call_started_at: datetime) -> tuple[Word, ...]:
    """Return the words, timed from `call_started_at` by their offsets; none if it has no `words`.

    Raise TranscriptError if it is no such object, or one of the words makes no sense.
    """
    try:
        raw = msgspec.json.decode(content, type=_Words).words
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise TranscriptError("it is no JSON object with a list of words") from None
    if len(raw) > MAX_WORDS:
        raise TranscriptError(f"there are more than {MAX_WORDS} words")
    words = []
    for number, each in enumerate(raw, 1):
        word = read_word(each, call_started_at)
        if word is None:
            raise TranscriptError(f"word {number} has no text, or no offset of a call")
        words.append(word)
    return tuple(words)
