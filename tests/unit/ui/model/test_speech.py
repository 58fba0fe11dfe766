"""Speech lanes: what was heard, what is known by its words only, and what is not known."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.ipc.messages import LaneState
from callplayer.ui.model.speech import (
    BIN_MS,
    CALL_TAKER_WORD,
    CALLER_WORD,
    HEARD_SILENCE,
    NO_WORD,
    UNKNOWN,
    WORD,
    Envelope,
    SpeechLanes,
)
from callplayer.ui.model.transcript import Script, after_words
from callplayer.ui.model.zoom import Span, deepest_zoom, whole_span, zoomed_span
from callplayer.ui.widgets.timeline_rows import lane_row
from callplayer.vendor.values import MAX_CALL_MS
from tests.rig.call_count import calls_of
from tests.ui.talk import TALK, long_talk

CALL = Span(0, 120_000)
PARTIES = ("caller", "callTaker")
TWO = tuple(LaneState(lane=party, carries=(party,)) for party in PARTIES)
MIXED = (LaneState(lane="call", carries=PARTIES),)


def script() -> Script:
    made = Script()
    for event in TALK:
        made = after_words(made, event.words)
    return made


def test_nothing_is_drawn_while_nothing_is_known() -> None:
    assert SpeechLanes().lanes(TWO, Script(), CALL, 61) == ()


def test_words_and_what_is_not_known_differ() -> None:
    caller, taker = SpeechLanes().lanes(TWO, script(), CALL, 121)
    assert caller.signs[76] == WORD
    assert taker.signs[76] == NO_WORD
    assert taker.signs[71] == WORD
    assert caller.signs[10] == NO_WORD
    assert set(caller.signs[108:]) == set(taker.signs[108:]) == {UNKNOWN}


def test_what_was_heard_goes_before_what_the_words_say() -> None:
    lanes, said = SpeechLanes(), script()
    lanes.lanes(TWO, said, CALL, 121)
    lanes.note("caller", 75_000, [-20.0] * 60)
    lanes.note("callTaker", 75_000, [-80.0] * 60)
    caller, taker = lanes.lanes(TWO, said, CALL, 121)
    assert set(caller.signs[75:78]) == {"▇"}
    assert set(taker.signs[75:78]) == {HEARD_SILENCE}
    assert caller.signs[74] == WORD


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 119_999), st.floats(-96.0, 0.0), st.sampled_from(PARTIES)),
        max_size=60,
    ),
    st.integers(8, 160),
    st.integers(0, 4),
)
def test_lanes_that_grew_are_those_drawn_anew(
    heard: list[tuple[int, float, str]], width: int, zoom: int
) -> None:
    grown, anew = SpeechLanes(), SpeechLanes()
    span = zoomed_span(CALL, zoom, 60_000, None)
    for at_ms, level_db, party in heard:
        levels_db = [level_db] * (1 + at_ms % 7)
        grown.note(party, at_ms, levels_db)
        grown.lanes(TWO, Script(), span, width)
        anew.note(party, at_ms, levels_db)
    assert grown.lanes(TWO, Script(), span, width) == anew.lanes(TWO, Script(), span, width)


def test_louder_is_higher_and_three_hours_are_small() -> None:
    lanes = SpeechLanes()
    for at_s, level_db in enumerate((-96.0, -46.0, -45.0, -35.0, -25.0, -12.0, 0.0)):
        lanes.note("call", 1000 * at_s, [level_db])
    assert lanes.lanes(MIXED, Script(), CALL, 121)[0].signs[:7] == "▁▁▂▄▆██"
    envelope = Envelope()
    last_ms = 3 * 3_600_000
    envelope.note(last_ms, [-20.0])
    assert envelope.level(last_ms, last_ms + BIN_MS) > envelope.level(0, last_ms)
    kept = pickle.dumps(envelope)
    assert len(kept) <= last_ms / BIN_MS + 200
    for outside_ms in (MAX_CALL_MS + BIN_MS, -2 * BIN_MS):
        envelope.note(outside_ms, [-20.0])
    assert pickle.dumps(envelope) == kept


def test_a_mixed_sound_has_one_lane_and_its_words_are_laid_to_the_parties() -> None:
    lanes, said = SpeechLanes(), script()
    lanes.note("call", 75_000, [-20.0] * 60)
    sound, words = lanes.lanes(MIXED, said, CALL, 121)
    assert set(sound.signs[75:78]) == {"▇"}
    assert sound.signs[71] == WORD
    assert words.signs[76] == CALLER_WORD
    assert words.signs[71] == CALL_TAKER_WORD
    assert words.signs[10] == NO_WORD
    assert set(words.signs[108:]) == {UNKNOWN}
    assert len(lanes.lanes(MIXED, Script(), CALL, 121)) == 1


def test_two_unnamed_sounds_are_two_lanes() -> None:
    lanes = SpeechLanes()
    lanes.note("call", 60_000, [-20.0])
    lanes.note("call-2", 60_000, [-80.0])
    two = tuple(LaneState(lane=name, carries=PARTIES) for name in ("call", "call-2"))
    one, other = lanes.lanes(two, Script(), CALL, 121)
    assert (one.signs[60], other.signs[60]) == ("▇", HEARD_SILENCE)


@pytest.mark.parametrize("end", [0, 40, 61, 99])
def test_a_lane_ends_where_the_call_has_come_to(end: int) -> None:
    caller, _ = SpeechLanes().lanes(TWO, script(), CALL, 61)
    row = lane_row(caller, 30, end)
    assert sum(len(text) for text, _ in row) == min(end, 61)


LOUDER = ((20_000, -80.0), (40_000, -40.0), (60_000, -20.0), (80_000, -3.0))


def rows_of_louder_sound(rows: int) -> list[str]:
    lanes = SpeechLanes()
    for at_ms, level_db in LOUDER:
        lanes.note("caller", at_ms, [level_db])
    lane, _ = lanes.lanes(TWO, script(), CALL, 121)
    drawn = [lane.row(at, rows) for at in range(rows)]
    middle = rows // 2 if rows > 2 else rows - 1
    assert [row[71] for row in drawn] == [NO_WORD if at == middle else " " for at in range(rows)], (
        "what is known by words only stands in one row"
    )
    return drawn


@pytest.mark.parametrize("rows", [1, 2])
def test_in_low_lanes_a_louder_sound_is_higher_and_silence_lies_on_the_ground(rows: int) -> None:
    drawn = rows_of_louder_sound(rows)
    heights = [sum(" ▁▂▃▄▅▆▇█".index(row[column]) for row in drawn) for column in (20, 40, 60, 80)]
    assert heights == sorted(set(heights))
    assert (heights[0], heights[-1]) == (1, 8 * rows - 2 if rows > 1 else 8)


@pytest.mark.parametrize("rows", [3, 4, 7])
def test_high_lanes_are_a_wave_around_the_middle_in_dots(rows: int) -> None:
    drawn = rows_of_louder_sound(rows)
    right = (0x08, 0x10, 0x20, 0x80)

    def dots(column: int) -> list[int]:
        lit = [bool((ord(row[column]) - 0x2800) & bit) for row in drawn for bit in right]
        return [at for at, on in enumerate(lit) if on]

    assert dots(20) == [2 * rows], "silence is a line"
    for column in (40, 60, 80):
        lit = dots(column)
        assert lit == list(range(lit[0], lit[-1] + 1))
        assert lit[0] + lit[-1] == 4 * rows - 1, "as far up as down"
    heights = [len(dots(column)) for column in (20, 40, 60, 80)]
    assert heights == sorted(set(heights))
    assert heights[-1] == 4 * rows - 2, "two lanes do not touch"


def test_a_wave_has_two_levels_a_column() -> None:
    lanes = SpeechLanes()
    lanes.note("caller", 59_500, [-3.0] * 10 + [-80.0] * 10)
    (lane, *_) = lanes.lanes(TWO, Script(), Span(0, 120_000), 121)
    sign = ord(lane.row(0, 3)[60]) - 0x2800
    assert sign & 0x40
    assert not sign & 0x80


def test_three_hours_are_drawn_by_a_few_calls_a_word() -> None:
    long = Script()
    for event in long_talk():
        long = after_words(long, event.words)
    draw = partial(SpeechLanes().lanes, TWO, long, Span(0, 10_800_000), 160)
    assert calls_of(draw) < 4 * 30_000


@settings(deadline=None)
@given(
    st.integers(1_000, 40_000_000),
    st.integers(0, 14),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_what_is_looked_at_closely_is_always_in_sight_and_stays_while_it_can(
    duration_ms: int, zoom: int, places: list[float]
) -> None:
    whole, last = whole_span(duration_ms, growing=False), None
    for share in places:
        at_ms = round(share * duration_ms)
        span = zoomed_span(whole, zoom, at_ms, last)
        assert span.holds(at_ms)
        assert 0 <= span.start_ms < span.end_ms <= duration_ms
        if last is not None and last.start_ms + last.length_ms * 0.1 < at_ms < (
            last.end_ms - last.length_ms * 0.1
        ):
            assert span == last
        last = span


def test_the_closest_look_is_ten_seconds_and_the_farthest_all() -> None:
    whole = Span(0, 3_600_000)
    assert zoomed_span(whole, 0, 5_000, None) == whole
    assert zoomed_span(whole, deepest_zoom(whole), 5_000, None).length_ms == 10_000
    assert deepest_zoom(Span(0, 9_000)) == 0


def test_where_no_words_are_known_no_column_says_that_there_are_none() -> None:
    lanes = SpeechLanes()
    lanes.note("caller", 100_000, [-20.0])
    states = [LaneState(lane="caller", carries=("caller",))]
    (lane,) = lanes.lanes(states, Script(), whole_span(272_000, growing=False), 78)
    assert NO_WORD not in lane.signs
