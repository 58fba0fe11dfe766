"""Times, words and places on the screen."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.ipc.messages import LaneLevel, LaneState, PartyState, StateEvent
from callplayer.ui.model import format
from callplayer.ui.model.format import clock_text, is_growing
from callplayer.ui.model.layout import head_cells
from callplayer.ui.model.meters import SHARED, PartyMeter
from callplayer.ui.model.navigation import Loop
from callplayer.ui.model.speech import (
    CALL_TAKER_WORD,
    CALLER_WORD,
    UNKNOWN,
    WORDS_LANE,
    SpeechLane,
)
from callplayer.ui.model.zoom import whole_span
from callplayer.ui.widgets.pixels import cell_rows, large, pixel_width
from callplayer.ui.widgets.rows import Row, cells
from callplayer.ui.widgets.timeline_rows import (
    Drawn,
    Marks,
    PointedPlace,
    scale_row,
    timeline_rows,
    tracks_of,
)
from callplayer.ui.widgets.track_heads import (
    LONGEST_SLIDER_CELLS,
    PartyHead,
    party_rows,
    pointed_text,
    slider_place,
)

NO_MARKS = Marks()

PLAYING = StateEvent(
    phase="playing",
    position_ms=10_120,
    audible_ms=10_000,
    duration_ms=60_000,
    paused=False,
    call_over=True,
    advancing=True,
    as_of_s=100.0,
)


def but(**changes: object) -> StateEvent:
    return msgspec.structs.replace(PLAYING, **changes)


def test_while_advancing_the_audible_cursor_moves_with_the_clock() -> None:
    assert format.shown_position_ms(PLAYING, 100.0) == 10_000
    assert format.shown_position_ms(PLAYING, 101.5) == 11_500


def test_the_shown_position_stops_at_the_end_and_never_goes_back_behind_the_state() -> None:
    assert format.shown_position_ms(PLAYING, 1000.0) == 60_000
    assert format.shown_position_ms(PLAYING, 90.0) == 10_000


def test_the_audible_cursor_stands_until_the_sound_of_a_new_place_comes() -> None:
    jumped = but(audible_in_ms=80)
    shown = [format.shown_position_ms(jumped, 100.0 + s) for s in (0.0, 0.08, 0.1, 1.0)]
    assert shown == [10_000, 10_000, 10_020, 10_920]


@given(st.integers(0, 59_000), st.integers(0, 200), st.floats(0.0, 0.5).map(lambda s: round(s, 4)))
def test_the_clock_is_drawn_again_when_its_last_digit_turns_over_and_not_before(
    audible_ms: int, audible_in_ms: int, since_s: float
) -> None:
    state = but(audible_ms=audible_ms, audible_in_ms=audible_in_ms)
    now_s = state.as_of_s + since_s
    turn_s = now_s + format.until_turn_s(state, now_s)
    before, after = (
        format.shown_position_ms(state, moment_s) // 100
        for moment_s in (max(now_s, turn_s - 0.002), turn_s)
    )
    assert after == format.shown_position_ms(state, now_s) // 100 + 1 or turn_s - now_s < 0.001
    assert before == format.shown_position_ms(state, now_s) // 100


def test_at_rest_the_confirmed_position_is_shown() -> None:
    assert format.shown_position_ms(but(advancing=False, phase="paused"), 105.0) == 10_120


def test_while_the_link_is_down_clock_and_length_stand_still() -> None:
    down = but(advancing=False, phase="reconnecting", paused=False, call_over=False)
    assert {format.shown_position_ms(down, 100.0 + s) for s in (0.0, 0.5, 90.0)} == {10_120}
    assert {format.shown_duration_ms(down, 100.0 + s) for s in (0.0, 0.5, 90.0)} == {60_000}


def test_a_call_that_goes_on_grows_between_two_states_but_only_so_far() -> None:
    live = but(call_over=False)
    assert format.shown_duration_ms(live, 101.0) == 61_000
    assert format.shown_duration_ms(live, 200.0) == 60_000 + format.CARRY_AT_MOST_S * 1000
    assert format.shown_duration_ms(but(), 101.0) == 60_000
    assert format.shown_duration_ms(but(call_over=False, phase="reconnecting"), 101.0) == 60_000


def test_waiting_goes_on_between_two_states() -> None:
    assert format.waiting_s(but(unconfirmed_s=0.0), 105.0) == 0.0
    assert format.waiting_s(but(unconfirmed_s=0.5), 100.7) == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("ms", "longest_ms", "text"),
    [
        (0, 60_000, "0:00.0"),
        (83_499, 272_000, "1:23.4"),
        (59_999, 272_000, "0:59.9"),
        (754_050, 3_599_999, "12:34.0"),
        (754_050, 3_600_000, "0:12:34"),
        (36_000_000, 36_000_000, "10:00:00"),
        (-5, 0, "0:00.0"),
    ],
)
def test_clock_text(ms: int, longest_ms: int, text: str) -> None:
    assert format.clock_text(ms, longest_ms) == text


@pytest.mark.parametrize(
    ("gain_db", "text"),
    [(0.0, "0 dB"), (3.0, "+3 dB"), (-40.0, "−40 dB"), (-4.5, "−4.5 dB"), (-0.01, "0 dB")],
)
def test_gain_text(gain_db: float, text: str) -> None:
    assert format.gain_text(gain_db) == text


@pytest.mark.parametrize(
    ("level_db", "text"), [(-96.0, "silent"), (-18.4, "−18 dB"), (-0.2, "0 dB"), (2.0, "2 dB")]
)
def test_level_text(level_db: float, text: str) -> None:
    assert format.level_text(level_db) == text


def test_phone_numbers_of_north_america_are_grouped_and_others_left_alone() -> None:
    assert format.phone_text("+15550100199") == "+1 555 010 0199"
    assert format.phone_text("+442079460000") == "+442079460000"
    assert format.phone_text("") == ""


def test_datetimes_are_written_one_way_and_what_is_none_as_it_came() -> None:
    assert format.when_text("2026-03-15T19:22:41+01:00") == "2026-03-15 18:22:41 UTC"
    assert format.when_text("2026-03-15 19:22:41 UTC") == "2026-03-15 19:22:41 UTC"
    assert format.when_text("yesterday") == "yesterday"
    zone = ZoneInfo("America/New_York")
    assert format.when_text("2026-11-01 06:00:30 UTC", zone) == "2026-11-01 01:00:30 EST"


@given(st.integers(30, 200), st.floats(-40.0, 20.0))
def test_slider_columns_and_gains_agree_within_a_cell(width: int, gain_db: float) -> None:
    column = format.gain_to_column(gain_db, width)
    cell_db = 60.0 / (width - 1)
    assert abs(format.column_to_gain_db(column, width) - gain_db) <= cell_db / 2 + 0.5 + 1e-9


@given(
    st.integers(8, 250),
    st.integers(0, 30_000_000),
    st.floats(0.0, 1.0),
    st.none() | st.floats(0.0, 1.0),
    st.booleans(),
)
def test_timeline_rows_never_exceed_their_width(
    width: int, duration_ms: int, share: float, asked: float | None, growing: bool
) -> None:
    state = but(
        advancing=False,
        duration_ms=duration_ms,
        position_ms=round(share * duration_ms),
        requested_ms=None if asked is None else round(asked * duration_ms),
        call_over=not growing,
    )
    rows = timeline(state, width, lane_rows=2)
    if width >= 24:
        assert all(cells(row) <= width for row in rows)
    assert len(rows) == (6 if duration_ms else 5)
    assert growing or cells(rows[1]) == width


def timeline(
    state: StateEvent, width: int, marks: Marks = NO_MARKS, *, lane_rows: int = 1
) -> list[Row]:
    """Return a timeline of which nothing is known but the state and the marks."""
    span = whole_span(state.duration_ms, is_growing(state))
    tracks = tracks_of(state, (), lane_rows, width)
    return timeline_rows(state, 100.0, width, Drawn(marks, span, tracks))


def but_party(state: PartyState, **changes: object) -> PartyState:
    return msgspec.structs.replace(state, **changes)


def text_of(row: Row) -> str:
    return "".join(text for text, _ in row)


def test_played_and_remembered_differ_by_form_and_the_playhead_crosses_all_lanes() -> None:
    kept = ((5_000, 20_000), (40_000, 41_000))
    state = but(advancing=False, position_ms=10_000, duration_ms=80_000, remembered=kept)
    line, *lanes, _ = timeline(state, 81, lane_rows=3)
    assert text_of(line) == "╍" * 5 + "━" * 5 + "◆" + "─" * 10 + "╌" * 19 + "──" + "╌" * 39
    assert len(lanes) == 6
    assert {text_of(row)[10] for row in lanes} == {"│"}


def test_bookmarks_are_numbered_the_loop_is_tinted_and_the_current_hit_is_thick() -> None:
    state = but(advancing=False, position_ms=10_000, duration_ms=80_000)
    marks = Marks(
        loop=Loop(20_000, 30_000),
        bookmarks_ms=(40_000, 50_000),
        hits_ms=(60_000, 70_000),
        hit_ms=70_000,
    )
    line, lane, *_ = timeline(state, 81, marks)
    assert text_of(line)[20:31] == "A═════════B"
    assert text_of(line)[40:42] == "▾1"
    assert text_of(line)[50:52] == "▾2"
    assert (text_of(line)[60], text_of(line)[70]) == ("╷", "┃")
    tinted = [len(text) for text, tone in lane if tone.endswith("-loop")]
    assert sum(tinted) == 11


def test_a_mixed_sound_takes_both_places_until_words_lay_it_to_the_parties() -> None:
    mixed = (LaneState(lane="call", carries=("caller", "callTaker")),)
    state = but(lanes=mixed)
    (sound,) = tracks_of(state, (), 2, 40)
    assert sound.rows == 4
    words = SpeechLane(WORDS_LANE, CALLER_WORD * 20 + CALL_TAKER_WORD * 20)
    _, laid = tracks_of(state, (SpeechLane("call", UNKNOWN * 40), words), 2, 40)
    assert laid.lane is words
    assert words.row(0, 2) == "█" * 20 + " " * 20
    assert words.row(1, 2) == " " * 20 + "█" * 20


def test_a_party_without_a_sound_of_its_own_has_an_empty_lane() -> None:
    state = but(lanes=(LaneState(lane="caller", carries=("caller",)),))
    caller, taker = tracks_of(state, (), 1, 40)
    assert caller.lane is not None
    assert taker.lane is None


def test_confirmed_and_requested_cursor_have_their_own_marks_and_the_target_a_label() -> None:
    state = but(advancing=False, position_ms=10_000, requested_ms=30_000)
    row = text_of(timeline(state, 61)[0])
    assert row.index("◆") == 10
    assert row.index("◇") == 30
    assert "→ 0:30" in row


@given(st.integers(0, 272_000), st.integers(0, 140_000), st.integers(35, 200))
def test_a_target_above_the_timeline_is_whole_or_not_there(
    pointed_ms: int, requested_ms: int, width: int
) -> None:
    state = but(
        advancing=False,
        position_ms=0,
        requested_ms=requested_ms,
        duration_ms=272_000,
        call_over=False,
    )
    pointed = PointedPlace(pointed_ms, "0:04.0  10:30:04 UTC  Caller: Hi", by_key=True)
    row = text_of(timeline(state, width, Marks(ahead="Caller", pointed=pointed))[0])
    assert len(row) <= width
    assert "◇" in row
    target = f"→ {clock_text(requested_ms, 272_000, tenths=False)}"
    assert target in row or "→" not in row


@given(st.integers(58, 250), st.integers(1, 7), st.booleans())
def test_a_partys_head_keeps_to_its_width(window: int, rows: int, selected: bool) -> None:
    state = PartyState(party="callTaker", gain_db=-12.5)
    level = LaneLevel(lane="callTaker", rms_db=-20.0, peak_db=-10.0, hold_db=-6.0)
    rows, width = (1 if window < 98 else rows), head_cells(window)
    start, slider_cells = slider_place(width, rows)
    for changes in ({}, {"muted": True, "silenced": True}, {"soloed": True}):
        for meter in (PartyMeter("callTaker", "level"), SHARED):
            shown = but_party(state, **changes)
            head = PartyHead(shown, meter, level, selected)
            drawn = party_rows(head, width, rows)
            assert len(drawn) == rows
            assert all(cells(row) <= width - 1 for row in drawn)
            if slider_cells:
                assert slider_cells <= LONGEST_SLIDER_CELLS
                assert start <= text_of(drawn[0]).index("●") < start + slider_cells
            assert "−12.5 dB" in text_of(drawn[0])


@pytest.mark.parametrize(
    ("changes", "letter", "words"),
    [
        ({"muted": True, "silenced": True}, "M", "M MUTED"),
        ({"soloed": True}, "S", "S "),
        ({"silenced": True}, "×", "not heard"),
        ({"silenced": True, "muted_at_server": True}, "×", "not heard"),
    ],
)
def test_whether_a_party_is_heard_stands_in_each_head(
    changes: dict[str, Any], letter: str, words: str
) -> None:
    state = but_party(PartyState(party="caller"), **changes)
    head = PartyHead(state, PartyMeter("caller", "level"), None, is_selected=False)
    assert text_of(party_rows(head, 23, 1)[0]).rstrip().endswith(letter)
    assert words in text_of(party_rows(head, 33, 1)[0])
    assert words in text_of(party_rows(head, 40, 2)[1])
    shared = PartyHead(state, SHARED, None, is_selected=False)
    assert words in text_of(party_rows(shared, 33, 1)[0])


@pytest.mark.parametrize(
    ("cells_wide", "shown"),
    [
        (40, "↓1:23.4  10:31:23 UTC  Caller: smoke"),
        (23, "↓1:23.4  Caller: smoke"),
        (21, "↓1:23.4  10:31:23 UTC"),
    ],
)
def test_what_is_pointed_at_is_shortened_by_whole_parts(cells_wide: int, shown: str) -> None:
    assert pointed_text("↓1:23.4  10:31:23 UTC  Caller: smoke", cells_wide) == shown


@given(st.integers(40, 200), st.integers(61_000, 600_000))
def test_the_time_of_the_live_end_stands_apart_from_all_others(width: int, live_ms: int) -> None:
    row = scale_row(live_ms, width, True, whole_span(live_ms, True))
    text = "".join(part for part, _ in row)
    assert re.search(r"(^| )(└\S+ live|\S+ live┘)( |$)", text), text


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_large_glyphs_have_the_promised_size(scale: int) -> None:
    rows = large("0123456789:.", scale)
    assert len(rows) == cell_rows(scale)
    assert {len(row) for row in rows} == {pixel_width("0123456789:.") * scale}


def test_every_state_has_its_own_symbol_and_word() -> None:
    looks = format.PHASE_LOOKS.values()
    assert len({look.symbol for look in looks}) == len(looks)
    assert len({look.word for look in looks}) == len(looks)


@pytest.mark.parametrize("width", [33, 58, 78])
def test_the_meter_has_ticks_where_its_zones_begin_and_is_dim_for_a_party_that_is_not_heard(
    width: int,
) -> None:
    def sound(state: PartyState, rms_db: float) -> Row:
        level = LaneLevel(lane="caller", rms_db=rms_db, peak_db=rms_db, hold_db=rms_db)
        head = PartyHead(state, PartyMeter("caller", "level"), level, is_selected=False)
        return party_rows(head, width, 2)[1]

    for rms_db in (-50.0, -8.0, -1.0):
        text = text_of(sound(PartyState(party="caller"), rms_db))
        start, cells_wide = slider_place(width, 2)
        at = [column - start for column, sign in enumerate(text) if sign == "│"]
        assert at == [int(cells_wide * (1 - 9 / 60)), int(cells_wide * (1 - 3 / 60))]
    tones = {tone for text, tone in sound(PartyState(party="caller", silenced=True), -1.0)}
    assert not tones & {"play", "alert"}
    tones = {tone for text, tone in sound(PartyState(party="caller"), -1.0)}
    assert "alert" in tones
