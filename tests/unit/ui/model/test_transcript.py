"""The transcript as it is read: utterances, hits, quotes, and changes that leave the rest alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.text import plain_text
from callplayer.ui.model.transcript import (
    Script,
    after_words,
    fold,
    kept_place,
    last_word_end_ms,
    quote,
    speaks_until_ms,
    word_at,
)
from callplayer.ui.model.transcript_search import find, nearest_hit, times_text
from callplayer.vendor.transcript import Speaker, Transcript, Word, in_messages
from tests.rig.call_count import calls_of

BEGAN = datetime(2026, 1, 15, 14, 0, tzinfo=UTC)


def said(
    at_s: float, text: str, speaker: Speaker = "Caller", long_s: float = 0.3, sure: float = 0.9
) -> Word:
    start = BEGAN + timedelta(seconds=at_s)
    return Word(
        word=text,
        speaker=speaker,
        confidence=sure,
        started_at=start,
        ended_at=start + timedelta(seconds=long_s),
        duration=long_s,
        start_offset=at_s,
    )


def script_of(*words: Word) -> Script:
    script = Script()
    for message in in_messages(Transcript().apply(words)):
        script = after_words(script, message)
    return script


def texts(script: Script) -> list[str]:
    return [f"{each.speaker}: {each.text}" for each in script.utterances]


CALL = (
    *(said(1 + 0.4 * n, word, "CallTaker") for n, word in enumerate(["911", "what", "is", "it"])),
    *(said(4 + 0.4 * n, word) for n, word in enumerate(["My", "house", "is", "on", "fire"])),
    said(4.9, "okay", "CallTaker"),
    *(said(8 + 0.4 * n, word) for n, word in enumerate(["Please", "hurry", "my", "house"])),
)


def test_utterances_are_whole_although_the_other_talks_in_between() -> None:
    assert texts(script_of(*CALL)) == [
        "CallTaker: 911 what is it",
        "Caller: My house is on fire",
        "CallTaker: okay",
        "Caller: Please hurry my house",
    ]


def test_new_words_replace_what_they_correct_and_leave_what_was_before() -> None:
    before = script_of(*CALL)
    after = after_words(before, (said(8.0, "Police"), said(8.4, "hurry")))
    assert texts(after)[-1] == "Caller: Police hurry"
    assert all(a is b for a, b in zip(after.utterances[:3], before.utterances[:3], strict=True))


def test_words_of_one_speaker_do_not_touch_the_other() -> None:
    after = after_words(script_of(*CALL), (said(3.9, "wait", "CallTaker"),))
    assert texts(after) == [
        "CallTaker: 911 what is it",
        "CallTaker: wait",
        "Caller: My house is on fire",
        "Caller: Please hurry my house",
    ]


SPEAKERS: st.SearchStrategy[Speaker] = st.sampled_from(["Caller", "CallTaker", "Unknown"])
MESSAGES = st.lists(
    st.tuples(
        SPEAKERS,
        st.integers(0, 600),
        st.lists(st.tuples(st.integers(1, 40), st.integers(0, 90)), min_size=1, max_size=12),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(MESSAGES)
def test_a_script_that_grew_is_the_script_of_all_its_words(
    messages: list[tuple[Speaker, int, list[tuple[int, int]]]],
) -> None:
    script, transcript = Script(), Transcript()
    for number, (speaker, start, steps) in enumerate(messages):
        words, at = [], start
        for gap, length in steps:
            words.append(said(at / 10, f"w{number}", speaker, length / 10))
            at += gap
        script = after_words(script, words)
        transcript = transcript.apply(words)
    drawn = [
        (speaker, word.start_ms)
        for speaker in ("Caller", "CallTaker", "Unknown")
        for each in script.utterances
        if each.speaker == speaker
        for word in each.words
    ]
    assert drawn == [
        (speaker, round(word.start_offset * 1000))
        for speaker in ("Caller", "CallTaker", "Unknown")
        for word in transcript.of(speaker)
    ]
    assert script.starts_ms == sorted(script.starts_ms)


@settings(deadline=None)
@given(MESSAGES)
def test_a_script_does_not_depend_on_how_its_words_came(
    messages: list[tuple[Speaker, int, list[tuple[int, int]]]],
) -> None:
    words = [
        said((start + sum(gap for gap, _ in steps[:n])) / 10, f"w{m}", speaker, steps[n][1] / 10)
        for m, (speaker, start, steps) in enumerate(messages)
        for n in range(len(steps))
    ]
    whole = script_of(*words)
    piecewise = Script()
    for message in in_messages(Transcript().apply(words), 3):
        piecewise = after_words(piecewise, message)
    assert sorted(map(repr, piecewise.utterances)) == sorted(map(repr, whole.utterances))


def script_after(
    script: Script, messages: list[tuple[Speaker, int, list[tuple[int, int]]]]
) -> Script:
    """Return a script after messages of words, each of a speaker, from a start, by their steps."""
    for speaker, start, steps in messages:
        words, at = [], start
        for gap, length in steps:
            words.append(said(at / 10, "word", speaker, length / 10))
            at += gap
        script = after_words(script, words)
    return script


@settings(deadline=None)
@given(MESSAGES.filter(bool), MESSAGES, st.data())
def test_a_place_is_kept_through_corrections_and_always_is_one(
    first: list[tuple[Speaker, int, list[tuple[int, int]]]],
    more: list[tuple[Speaker, int, list[tuple[int, int]]]],
    data: st.DataObject,
) -> None:
    before = script_after(Script(), first)
    after = script_after(before, more)
    utterance = data.draw(st.integers(0, len(before.utterances) - 1))
    word = data.draw(st.integers(0, len(before.utterances[utterance].words) - 1))
    kept = kept_place(before, (utterance, word), after)
    assert kept is not None
    was, now = before.utterances[utterance], after.utterances[kept[0]]
    place_ms = was.words[word].start_ms
    same = [each for each in after.utterances if each.speaker == was.speaker]
    starts_ms = [each.start_ms for found in same for each in found.words]
    if place_ms in starts_ms:
        assert (now.speaker, now.words[kept[1]].start_ms) == (was.speaker, place_ms)
    assert kept_place(before, (utterance, word), Script()) is None


def test_a_place_whose_word_was_taken_away_is_what_the_same_speaker_said_before() -> None:
    before = script_of(*CALL)
    after = after_words(before, (said(8.0, "Police"),))
    assert kept_place(before, (3, 2), after) == (3, 0)
    after = after_words(before, (said(4.0, "My"),))
    assert kept_place(before, (3, 3), after) == (1, 0)


def test_how_often_is_written_as_people_say_it() -> None:
    assert (times_text(1), times_text(2)) == ("once", "2 times")


def test_search_finds_words_parts_and_phrases_in_any_case() -> None:
    script = script_of(*CALL)
    assert [hit.position_ms for hit in find(script, "HOUSE")] == [4_400, 9_200]
    assert [(hit.first, hit.last) for hit in find(script, "is on fi")] == [(2, 4)]
    assert find(script, "  my   house ")[1].position_ms == 8_800
    assert find(script, "") == ()
    assert find(script, "ambulance") == ()


@pytest.mark.parametrize(
    ("wanted", "position_ms"),
    [
        ("lane fernhollow", 2_000), ("LANE, Fernhollow!", 2_000), ("911 what", 0),
        ("5550142", 31_000), ("555-0142", 31_000), ("(555) 0142", 31_000), ("it’s", 30_000),
        ("it's", 30_000), ("ITS", 30_000), ("9-1-1", 0), ("—", 33_000), ("road 5", 32_000),
    ],
)  # fmt: skip
def test_search_folds_punctuation_quotes_digits_and_goes_on_across_turns(
    wanted: str, position_ms: int
) -> None:
    script = script_of(
        said(0.0, "911,", "CallTaker"), said(0.4, "what?", "CallTaker"),
        said(2.0, "lane"), said(6.0, "Okay.", "CallTaker"), said(10.0, "Fernhollow"),
        said(30.0, "It’s"), said(31.0, "555"), said(31.4, "0142."), said(32.0, "road"),
        said(33.0, "—"), said(34.0, "5"),
    )  # fmt: skip
    assert [hit.position_ms for hit in find(script, wanted)][:1] == [position_ms]
    assert find(script, "lane okay") == ()
    assert find(script, "5550143") == ()


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=6),
             min_size=1, max_size=60),
    st.data(),
)  # fmt: skip
def test_whatever_is_said_is_found_where_it_is_said(words: list[str], data: st.DataObject) -> None:
    script = script_of(*(said(0.3 * n, word, long_s=0.2) for n, word in enumerate(words)))
    at = data.draw(st.integers(0, len(words) - 1))
    hits = find(script, words[at])
    assert round(300 * at) in [hit.position_ms for hit in hits]
    for hit in hits:
        each = script.utterances[hit.utterance]
        covered = " ".join(word.text for word in each.words[hit.first : hit.last + 1])
        assert fold(plain_text(words[at])) in fold(covered) or hit.last == len(each.words) - 1
    assert list(hits) == sorted(hits)


def test_the_next_hit_is_the_first_at_or_after_a_place_and_the_last_at_the_end() -> None:
    hits = find(script_of(*CALL), "house")
    assert [nearest_hit(hits, at_ms) for at_ms in (0, 4_400, 4_401, 99_999)] == [0, 0, 1, 1]
    assert nearest_hit((), 0) == -1


@pytest.mark.parametrize(
    ("at_ms", "wanted"),
    [
        (4_200, "Caller: My house is on fire"),
        (1_500, "CallTaker: 911 what is it"),
        (200, "CallTaker: 911 what is it"),
        (60_000, ""),
    ],
)
def test_what_is_said_at_a_place_is_quoted(at_ms: int, wanted: str) -> None:
    assert quote(script_of(*CALL), at_ms) == wanted.replace("CallTaker", "Call taker")


def test_the_word_at_a_place() -> None:
    script = script_of(*CALL)
    assert word_at(script, 4_450) == "Caller: house"
    assert word_at(script, 5_000) == "Call taker: okay"
    assert word_at(script, 7_000) == ""
    assert last_word_end_ms(script) == 9_500


def test_words_of_the_network_are_harmless_and_unsure_ones_marked() -> None:
    script = script_of(said(1, "\x1b[2J\u202eevil", sure=0.2), said(1.4, "sure", sure=0.95))
    evil, sure = script.utterances[0].words
    assert "\x1b" not in evil.text
    assert "\u202e" not in evil.text
    assert evil.unsure
    assert not sure.unsure


def long_call(count: int) -> list[Word]:
    speakers: tuple[Speaker, Speaker] = ("Caller", "CallTaker")
    return [
        said(n * 0.36, f"word{n % 997}", speakers[n // 25 % 2], long_s=0.3) for n in range(count)
    ]


def test_a_late_word_costs_no_whole_rebuild_and_a_search_only_its_hits() -> None:
    words = long_call(30_000)
    script = script_of(*words)
    assert sum(len(each.words) for each in script.utterances) == 30_000
    late = (said(30_000 * 0.36, "late", "Caller"),)
    assert calls_of(partial(after_words, script, late)) < 30_000 / 5
    script = after_words(script, late)
    find(script, "warm")  # what is searched is folded once
    hits = len(find(script, "word12"))
    assert hits > 300
    assert calls_of(partial(find, script, "word12")) < 10 * hits


def test_speech_lasts_until_the_last_speaker_is_done() -> None:
    script = script_of(said(1, "one"), said(30, "two"), said(30.2, "three", "CallTaker", long_s=9))
    assert speaks_until_ms(script, 900) < 0
    assert speaks_until_ms(script, 20_000) == script.utterances[0].end_ms
    assert speaks_until_ms(script, 30_300) == 39_200


def test_a_word_near_a_place_is_the_nearest_within_reach() -> None:
    script = script_of(said(1, "one"), said(3, "two", "CallTaker"))
    assert word_at(script, 1_100) == "Caller: one"
    assert word_at(script, 2_000) == ""
    assert word_at(script, 2_000, 800) == "Caller: one"
    assert word_at(script, 2_600, 800) == "Call taker: two"
    assert word_at(script, 9_000, 800) == ""
