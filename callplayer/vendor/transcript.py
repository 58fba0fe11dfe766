"""Transcripts: the vendor's words to typed values and back, and the rule by which words replace.

Pure: no network, no clock. What the vendor leaves open is read tolerantly; a single word that makes
no sense is left out, and sizes are capped before anything is parsed. Words are as they came: clean
them (text.py) before showing them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Literal, TypeGuard, cast

import msgspec

from callplayer.vendor.parties import Party, party_named
from callplayer.vendor.times import parse_datetime
from callplayer.vendor.values import MAX_CALL_MS, WireError

MAX_TRANSCRIPT_BYTES = 1_000_000
MAX_WORD_CHARS = 200
MAX_LANGUAGE_CHARS = 35
MAX_WORD_S = 600.0
MAX_EARLY_S = 60.0
MAX_DIARIZED = 1_000_000
WORDS_A_MESSAGE = 200

_FIRST_YEAR, _LAST_YEAR = 1970, 2199

Speaker = Literal["Caller", "CallTaker", "Unknown"]
"""The vendor's two, and `Unknown` for a word without a speaker."""

SPEAKER_OF_PARTY: dict[Party, Speaker] = {"caller": "Caller", "callTaker": "CallTaker"}


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One word as it was heard, in the vendor's fields.

    `started_at` and `ended_at` are aware times in UTC, to the ms; `duration` and `start_offset` are
    in s, the latter from the start of the call; confidences are 0 to 1.
    """

    word: str
    speaker: Speaker
    confidence: float = 1.0
    started_at: datetime
    ended_at: datetime
    duration: float
    start_offset: float
    language_code: str = ""
    diarized_speaker: int = 0
    diarized_speaker_confidence: float = 0.0


_started_at = attrgetter("started_at")


# --- the replacement rule -------------------------------------------------------------------------


def replace_words(words: Sequence[Word], new: Sequence[Word]) -> tuple[Word, ...]:
    """Return one speaker's words, in order, after `new` ones of the same speaker have come.

    The new words replace those of `words` (which are in order) whose `started_at` is at or after
    that of the first new one.
    """
    if not new:
        return tuple(words)
    ordered = sorted(new, key=_started_at)
    kept = bisect_left(words, ordered[0].started_at, key=_started_at)
    return (*words[:kept], *ordered)


@dataclass(frozen=True)
class Transcript:
    """All words of a call so far: of each speaker in order of `started_at`."""

    caller: tuple[Word, ...] = ()
    call_taker: tuple[Word, ...] = ()
    unknown: tuple[Word, ...] = ()

    def of(self, speaker: Speaker) -> tuple[Word, ...]:
        """Return one speaker's words."""
        return cast(tuple[Word, ...], getattr(self, _FIELDS[speaker]))

    def apply(self, new: Iterable[Word]) -> Transcript:
        """Return the transcript after a message: each speaker's new words replace the old ones."""
        of_speaker: dict[Speaker, list[Word]] = {}
        for word in new:
            of_speaker.setdefault(word.speaker, []).append(word)
        after = {_FIELDS[each]: self.of(each) for each in _FIELDS}
        for speaker, words in of_speaker.items():
            after[_FIELDS[speaker]] = replace_words(self.of(speaker), words)
        return Transcript(**after)

    def in_order(self) -> tuple[Word, ...]:
        """Return the words of all speakers by `started_at`."""
        return tuple(sorted(self.caller + self.call_taker + self.unknown, key=_started_at))

    def __len__(self) -> int:
        return len(self.caller) + len(self.call_taker) + len(self.unknown)


_FIELDS: dict[Speaker, str] = {
    "Caller": "caller",
    "CallTaker": "call_taker",
    "Unknown": "unknown",
}


def in_messages(transcript: Transcript, max_words: int = WORDS_A_MESSAGE) -> list[tuple[Word, ...]]:
    """Return all words in messages of one speaker and about `max_words` each, the earliest first.

    Applied one after the other they give all words: those that start at the same time stay in one
    message, as the second would else replace the first.
    """
    messages: list[tuple[Word, ...]] = []
    for speaker in _FIELDS:
        ordered = transcript.of(speaker)
        start = 0
        while start < len(ordered):
            end = min(start + max_words, len(ordered))
            while end < len(ordered) and ordered[end].started_at == ordered[end - 1].started_at:
                end += 1
            messages.append(ordered[start:end])
            start = end
    return sorted(messages, key=lambda message: message[0].started_at)


# --- out ------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()


def encode_transcript(words: Iterable[Word]) -> bytes:
    """Return a message of these words as the vendor's JSON, UTF-8."""
    return _encoder.encode({"type": "transcript", "words": [_vendor_word(word) for word in words]})


def format_moment(moment: datetime) -> str:
    """Return the vendor's way to write a word's time: ISO 8601 in UTC, to the ms."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _vendor_word(word: Word) -> dict[str, Any]:
    return {
        "word": word.word,
        "speaker": word.speaker,
        "confidence": word.confidence,
        "started_at": format_moment(word.started_at),
        "ended_at": format_moment(word.ended_at),
        "duration": word.duration,
        "start_offset": word.start_offset,
        "language_code": word.language_code,
        "diarized_speaker": word.diarized_speaker,
        "diarized_speaker_confidence": word.diarized_speaker_confidence,
    }


# --- in -------------------------------------------------------------------------------------------


class _LooseWord(msgspec.Struct, frozen=True):
    word: str
    speaker: Any = None
    confidence: Any = None
    started_at: Any = None
    ended_at: Any = None
    duration: Any = None
    start_offset: Any = None
    language_code: Any = None
    diarized_speaker: Any = None
    diarized_speaker_confidence: Any = None


class _LooseMessage(msgspec.Struct, frozen=True):
    type: str
    words: list[msgspec.Raw]


_message_decoder = msgspec.json.Decoder(_LooseMessage)
_word_decoder = msgspec.json.Decoder(_LooseWord)


def iter_words(payload: bytes | msgspec.Raw) -> Iterator[Word]:
    """Return the words of a message, each read as it is asked for.

    Raise WireError for anything that is no transcript. A word without a text, a time or an offset
    that make sense is left out.
    """
    size = memoryview(payload).nbytes
    if size > MAX_TRANSCRIPT_BYTES:
        raise WireError(f"a transcript of {size} bytes; {MAX_TRANSCRIPT_BYTES} are the most")
    try:
        loose = _message_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("not a transcript of the contract") from error
    if loose.type != "transcript":
        raise WireError("not a transcript of the contract")
    words = (read_word(raw) for raw in loose.words)
    return (word for word in words if word is not None)


def read_word(raw: bytes | msgspec.Raw, call_started_at: datetime | None = None) -> Word | None:
    """Return one word of the vendor's JSON, None if it makes no sense.

    Where the time of the call's start is given, a word needs no `started_at` of its own.
    """
    try:
        loose = _word_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _word(loose, call_started_at)


def word_at(
    call_started_at: datetime,
    start_offset: float,
    duration: float,
    word: str,
    speaker: Speaker,
    *,
    confidence: float = 1.0,
    language_code: str = "",
) -> Word | None:
    """Return the word said `start_offset` s into a call, for `duration` s; None if that is absurd.

    Texts are cut to the lengths that a message may have.
    """
    return _word(
        _LooseWord(
            word,
            speaker,
            confidence,
            start_offset=start_offset,
            duration=duration,
            language_code=language_code,
        ),
        call_started_at,
    )


def _word(loose: _LooseWord, call_started_at: datetime | None) -> Word | None:
    text = loose.word[:MAX_WORD_CHARS].strip()
    offset_s = _number(loose.start_offset, -MAX_EARLY_S, MAX_CALL_MS / 1000)
    started_at = parse_datetime(loose.started_at)
    if started_at is None and call_started_at is not None and offset_s is not None:
        started_at = call_started_at + timedelta(seconds=offset_s)
    if not text or offset_s is None or not _is_sane(started_at):
        return None
    started_at = _to_ms(started_at)
    duration_s = _number(loose.duration, 0.0, MAX_WORD_S)
    ended_at = parse_datetime(loose.ended_at)
    if duration_s is None:
        stated_s = (ended_at - started_at).total_seconds() if _is_sane(ended_at) else 0.0
        duration_s = stated_s if 0.0 <= stated_s <= MAX_WORD_S else 0.0
    confidence = _number(loose.confidence, 0.0, 1.0)
    language = loose.language_code
    return Word(
        word=text,
        speaker=_speaker(loose.speaker),
        confidence=1.0 if confidence is None else confidence,
        started_at=started_at,
        ended_at=_to_ms(started_at + timedelta(seconds=duration_s)),
        duration=round(duration_s, 3),
        start_offset=max(round(offset_s, 3), 0.0),
        language_code=language[:MAX_LANGUAGE_CHARS] if isinstance(language, str) else "",
        diarized_speaker=int(_number(loose.diarized_speaker, 0.0, MAX_DIARIZED) or 0),
        diarized_speaker_confidence=_number(loose.diarized_speaker_confidence, 0.0, 1.0) or 0.0,
    )


def _speaker(name: object) -> Speaker:
    party = party_named(name) if isinstance(name, str) else None
    return "Unknown" if party is None else SPEAKER_OF_PARTY[party]


def _number(value: object, low: float, high: float) -> float | None:
    """Return a number inside its limits, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def _is_sane(moment: datetime | None) -> TypeGuard[datetime]:
    return moment is not None and _FIRST_YEAR <= moment.year <= _LAST_YEAR


def _to_ms(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC) + timedelta(microseconds=500)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
