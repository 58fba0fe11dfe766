"""Words: exact JSON out, tolerant and bounded reading in, and the rule by which they replace."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.vendor.transcript import (
    MAX_LANGUAGE_CHARS,
    MAX_TRANSCRIPT_BYTES,
    MAX_WORD_CHARS,
    Transcript,
    Word,
    encode_transcript,
    in_messages,
    iter_words,
    read_word,
    replace_words,
)
from callplayer.vendor.values import WireError
from tests.rig.cable import START, said
from tests.rig.call_count import calls_of

VENDOR_WORD: dict[str, Any] = {
    "word": "help",
    "speaker": "Caller",
    "confidence": 0.93,
    "started_at": "2026-03-14T02:47:10.250Z",
    "ended_at": "2026-03-14T02:47:10.600Z",
    "duration": 0.35,
    "start_offset": 1.25,
    "language_code": "en-US",
    "diarized_speaker": 1,
    "diarized_speaker_confidence": 0.75,
}


def message(*words: dict[str, Any], **changes: Any) -> bytes:
    """A transcript message as JSON."""
    return json.dumps({"type": "transcript", "words": list(words)} | changes).encode()


# --- JSON -----------------------------------------------------------------------------------------


def test_a_message_is_the_vendors_json() -> None:
    decoded = tuple(iter_words(message(VENDOR_WORD)))
    assert json.loads(encode_transcript(decoded)) == json.loads(message(VENDOR_WORD))


def test_a_word_is_read_in_full() -> None:
    (word,) = tuple(iter_words(message(VENDOR_WORD | {"later": {"field": [1]}})))
    assert word == Word(
        word="help",
        speaker="Caller",
        confidence=0.93,
        started_at=START + timedelta(milliseconds=1250),
        ended_at=START + timedelta(milliseconds=1600),
        duration=0.35,
        start_offset=1.25,
        language_code="en-US",
        diarized_speaker=1,
        diarized_speaker_confidence=0.75,
    )


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"speaker": "call_taker"}, "speaker", "CallTaker"),
        ({"speaker": "somebody"}, "speaker", "Unknown"),
        ({"speaker": None}, "speaker", "Unknown"),
        ({"started_at": "2026-03-14 02:47:10 UTC"}, "started_at", START + timedelta(seconds=1)),
        ({"started_at": "2026-03-14T03:47:10+01:00"}, "started_at", START + timedelta(seconds=1)),
        ({"duration": None}, "duration", 0.35),
        ({"duration": 1e9, "ended_at": "soon"}, "duration", 0.0),
        ({"confidence": 7}, "confidence", 1.0),
        ({"confidence": "much"}, "confidence", 1.0),
        ({"diarized_speaker": -4}, "diarized_speaker", 0),
        ({"diarized_speaker": 10**400}, "diarized_speaker", 0),
        ({"start_offset": -0.02}, "start_offset", 0.0),
        ({"language_code": 5}, "language_code", ""),
        ({"language_code": "x" * 500}, "language_code", "x" * MAX_LANGUAGE_CHARS),
        ({"word": "w" * 5000}, "word", "w" * MAX_WORD_CHARS),
        ({"word": "\x1b]0;x\x07"}, "word", "\x1b]0;x\x07"),  # harmless only once it is shown
    ],
)
def test_odd_fields_are_read_tolerantly(changes: dict[str, Any], field: str, value: object) -> None:
    (word,) = tuple(iter_words(message(VENDOR_WORD | changes)))
    assert getattr(word, field) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"word": ""},
        {"word": "  "},
        {"word": None},
        {"word": 5},
        {"started_at": None},
        {"started_at": "yesterday"},
        {"started_at": "0001-01-01T00:00:00Z"},
        {"started_at": "9999-12-31T23:59:59+00:00"},
        {"start_offset": None},
        {"start_offset": True},
        {"start_offset": -3600},
        {"start_offset": 1e300},
        {"start_offset": 10**400},
        {"start_offset": "1.25"},
    ],
)
def test_absurd_words_are_left_out_and_the_others_stay(changes: dict[str, Any]) -> None:
    words = tuple(iter_words(message(VENDOR_WORD | changes, VENDOR_WORD)))
    assert [word.start_offset for word in words] == [1.25]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b'"transcript"',
        b'{"type":"transcript"}',
        b'{"type":"transcript","words":null}',
        b'{"type":"transcript","words":{}}',
        b'{"type":"status","words":[]}',
        b'{"words":[]}',
        b'{"type":"transcript","words":[{"word":"a","start_offset":NaN}]}',
        b'{"type":"transcript","words":[' + b"[" * 100_000,
        b'{"type":"transcript","words":[]}' + b" " * MAX_TRANSCRIPT_BYTES,
    ],
)
def test_what_is_no_transcript_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        tuple(iter_words(payload))
    assert len(str(caught.value)) < 100


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(payload: bytes) -> None:
    with contextlib.suppress(WireError):
        tuple(iter_words(payload))


TEXT = st.text("aé0\x1b\u202e ", max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*VENDOR_WORD]), JSON))
def test_any_fields_make_a_sane_word_or_none(fields: dict[str, Any]) -> None:
    word = read_word(msgspec.json.encode(VENDOR_WORD | fields))
    if word is not None:
        assert 0 < len(word.word) <= MAX_WORD_CHARS
        assert 0.0 <= word.confidence <= 1.0
        assert word.start_offset >= 0.0
        assert word.started_at <= word.ended_at
        assert tuple(iter_words(encode_transcript([word]))) == (word,)


def test_a_word_of_a_known_call_needs_no_time_of_its_own() -> None:
    entry = {"word": "hi", "speaker": "CallTaker", "start_offset": 61.2345, "duration": 0.5}
    word = read_word(json.dumps(entry).encode(), START)
    assert word is not None
    assert word.started_at == START + timedelta(milliseconds=61_235)
    assert word.ended_at == START + timedelta(milliseconds=61_735)
    assert read_word(json.dumps(entry).encode()) is None


# --- the replacement rule -------------------------------------------------------------------------


def test_new_words_replace_those_at_or_after_the_first() -> None:
    earlier = [said(1, "one"), said(2, "too"), said(3, "tree")]
    after = replace_words(earlier, [said(2, "two"), said(2.6, "three"), said(4, "four")])
    assert [word.word for word in after] == ["one", "two", "three", "four"]


def test_the_other_speaker_keeps_every_word() -> None:
    transcript = Transcript().apply([said(1, "a"), said(2, "b"), said(1.5, "x", "CallTaker")])
    after = transcript.apply([said(1, "c")])
    assert [word.word for word in after.in_order()] == ["c", "x"]


def test_no_new_words_change_nothing() -> None:
    transcript = Transcript().apply([said(1)])
    assert transcript.apply([]) == transcript


SPEAKERS = st.sampled_from(["Caller", "CallTaker", "Unknown"])
WORDS = st.builds(
    lambda tenths, speaker, text: said(tenths / 10, text, speaker),
    st.integers(0, 300),
    SPEAKERS,
    st.text("abc", min_size=1, max_size=2),
)
MESSAGES = st.lists(st.lists(WORDS, max_size=8), max_size=12)


def plainly(messages: list[list[Word]]) -> list[Word]:
    """The contract's rule word by word, with no thought of speed."""
    words: list[Word] = []
    for new in messages:
        for speaker in dict.fromkeys(word.speaker for word in new):
            said_by = [word for word in new if word.speaker == speaker]
            since = min(word.started_at for word in said_by)
            words = [w for w in words if w.speaker != speaker or w.started_at < since] + said_by
    return words


@settings(deadline=None)
@given(MESSAGES)
def test_the_rule_is_the_contracts(messages: list[list[Word]]) -> None:
    transcript = Transcript()
    for new in messages:
        transcript = transcript.apply(new)
    assert sorted(transcript.in_order(), key=repr) == sorted(plainly(messages), key=repr)
    for speaker in ("Caller", "CallTaker", "Unknown"):
        times = [word.started_at for word in transcript.of(speaker)]
        assert times == sorted(times)
        assert all(word.speaker == speaker for word in transcript.of(speaker))


@settings(deadline=None)
@given(st.lists(WORDS, max_size=60), st.integers(1, 7))
def test_messages_put_together_are_all_words(words: list[Word], max_words: int) -> None:
    messages = in_messages(Transcript().apply(words), max_words)
    transcript = Transcript()
    for each in messages:
        assert len({word.speaker for word in each}) == 1
        transcript = transcript.apply(each)
    assert sorted(transcript.in_order(), key=repr) == sorted(words, key=repr)
    starts = [each[0].started_at for each in messages]
    assert starts == sorted(starts)


def test_a_message_costs_its_own_words_only() -> None:
    costs = []
    for count in (3_000, 30_000):
        words = [said(0.36 * n, "word", ("Caller", "CallTaker")[n % 2]) for n in range(count)]
        messages = [encode_transcript(each) for each in in_messages(Transcript().apply(words))]
        transcript = Transcript()

        def take_all(messages: list[bytes] = messages) -> None:
            nonlocal transcript
            for each in messages:
                transcript = transcript.apply(tuple(iter_words(each)))

        whole = calls_of(take_all)
        assert len(transcript) == count
        corrected = [said(0.36 * (count - 100))]
        costs.append((whole / count, calls_of(partial(transcript.apply, corrected))))
    (word_of_few, message_of_few), (word_of_many, message_of_many) = costs
    assert word_of_many < 1.1 * word_of_few
    assert message_of_many < 1.1 * message_of_few
