"""Times, words and places on the screen."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model import format
from callplayer.ui.model.format import clock_text
from callplayer.ui.model.meters import SHARED, PartyMeter
from callplayer.ui.model.zoom import whole_span
from callplayer.ui.widgets.party import party_rows, slider_place
from callplayer.ui.widgets.pixels import cell_rows, large, pixel_width
from callplayer.ui.widgets.rows import cells
from callplayer.ui.widgets.timeline_rows import Drawn, Marks, PointedPlace, timeline_rows

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
    rows = timeline_rows(state, 100.0, width, 2)
    if width >= 24:
        assert all(cells(row) <= width for row in rows)
    assert len(rows) == 4
    assert cells(rows[1]) == width


def test_the_played_part_differs_by_glyph_and_is_true_to_an_eighth() -> None:
    def bar(position_ms: int) -> str:
        state = but(advancing=False, position_ms=position_ms, duration_ms=80_000)
        return "".join(text for text, _ in timeline_rows(state, 100.0, 81, 1)[1])

    assert bar(10_000) == "█" * 10 + "▌" + "░" * 70
    assert bar(10_125) == "█" * 10 + "▋" + "░" * 70


def test_confirmed_and_requested_cursor_have_their_own_marks_and_the_target_a_label() -> None:
    state = but(advancing=False, position_ms=10_000, requested_ms=30_000)
    row = "".join(text for text, _ in timeline_rows(state, 100.0, 61, 1)[0])
    assert row.index("◆") == 10
    assert row.index("◇") == 30
    assert "→ 0:30" in row


@given(st.integers(0, 272_000), st.integers(0, 140_000), st.integers(58, 200))
def test_labels_above_the_timeline_are_whole_or_not_there(
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
    drawn = Drawn(Marks(ahead="Caller", pointed=pointed), whole_span(272_000, growing=True))
    row = "".join(text for text, _ in timeline_rows(state, 100.0, width, 1, drawn)[0])
    assert len(row) <= width
    assert "● Caller speaks" in row or "aks" not in row
    target = f"→ {clock_text(requested_ms, 272_000, tenths=False)}"
    assert target in row or "→" not in row


@given(st.integers(40, 200), st.booleans(), st.booleans())
def test_a_panels_rows_fill_its_width(width: int, framed: bool, selected: bool) -> None:
    from callplayer.ipc.messages import LaneLevel, PartyState

    state = PartyState(party="callTaker", gain_db=-12.5, muted=True, soloed=True)
    level = LaneLevel(lane="callTaker", rms_db=-20.0, peak_db=-10.0, hold_db=-6.0)
    for meter in (PartyMeter("callTaker", "level"), SHARED):
        rows = party_rows(state, meter, level, width, selected=selected, framed=framed)
        assert {cells(row) for row in rows} == {width}
    start, cells_wide = slider_place(width, framed=framed)
    volume = "".join(text for text, _ in rows[1 if framed else 0])
    assert start <= volume.index("●") < start + cells_wide


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_large_glyphs_have_the_promised_size(scale: int) -> None:
    rows = large("0123456789:.", scale)
    assert len(rows) == cell_rows(scale)
    assert {len(row) for row in rows} == {pixel_width("0123456789:.") * scale}
    for look in format.PHASE_LOOKS.values():
        assert {len(row) for row in large((look.symbol,), scale)} == {5 * scale}


def test_every_state_has_its_own_symbol_and_word() -> None:
    looks = format.PHASE_LOOKS.values()
    assert len({look.symbol for look in looks}) == len(looks)
    assert len({look.word for look in looks}) == len(looks)
    assert len({large((look.symbol,), 1) for look in looks}) == len(looks)


@pytest.mark.parametrize("width", [54, 58, 78])
def test_the_cursor_never_stands_in_the_label_of_speech_at_the_live_end(width: int) -> None:
    for position_ms in range(0, 109_000, 1_000):
        state = but(position_ms=position_ms, duration_ms=109_000, call_over=False)
        drawn = Drawn(Marks(ahead="Caller"), whole_span(109_000, growing=True))
        row = "".join(text for text, _ in timeline_rows(state, 100.0, width, 1, drawn)[0])
        assert "● Caller speaks" in row or "speaks" not in row, row


def test_the_meter_has_ticks_where_its_zones_begin_and_is_dim_for_whom_nobody_hears() -> None:
    from callplayer.ipc.messages import LaneLevel, PartyState

    def sound(state: PartyState, rms_db: float) -> list[tuple[str, str]]:
        level = LaneLevel(lane="caller", rms_db=rms_db, peak_db=rms_db, hold_db=rms_db)
        meter = PartyMeter("caller", "level")
        row = party_rows(state, meter, level, 78, selected=False, framed=False)[1]
        return [(text, tone) for text, tone in row]

    for rms_db in (-50.0, -8.0, -1.0):
        row = sound(PartyState(party="caller"), rms_db)
        text = "".join(text for text, _ in row)
        start, width = slider_place(78, framed=False)
        at = [column - start for column, sign in enumerate(text) if sign == "│"]
        assert at == [int(width * (1 - 9 / 60)), int(width * (1 - 3 / 60))]
    tones = {tone for text, tone in sound(PartyState(party="caller", silenced=True), -1.0)}
    assert not tones & {"play", "alert"}
    tones = {tone for text, tone in sound(PartyState(party="caller"), -1.0)}
    assert "alert" in tones
