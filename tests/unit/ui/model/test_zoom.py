"""Columns and places of the timeline."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.zoom import Span, whole_span
from callplayer.ui.widgets.rows import cells
from callplayer.ui.widgets.timeline_rows import Drawn, Marks, scale_row, timeline_rows, tracks_of

LIVE = StateEvent(
    phase="live",
    position_ms=271_900,
    audible_ms=271_800,
    duration_ms=272_000,
    paused=False,
    at_end=True,
    as_of_s=10.0,
    advancing=True,
)


@settings(deadline=None)
@given(st.integers(8, 300), st.integers(0, 20_000_000))
def test_the_ends_of_the_timeline_are_the_ends_of_the_call(width: int, duration_ms: int) -> None:
    span = whole_span(duration_ms, growing=False)
    assert span.position_ms(0, width) == 0
    assert span.position_ms(width - 1, width) == duration_ms
    assert span.position_ms(width + 50, width) == duration_ms
    assert span.position_ms(-3, width) == 0


@settings(deadline=None)
@given(st.integers(8, 300), st.integers(0, 10**7), st.integers(1000, 10**7), st.integers(0, 299))
def test_a_click_lands_where_the_cursor_is_then_drawn(
    width: int, start_ms: int, length_ms: int, column: int
) -> None:
    column = min(column, width - 1)
    span = Span(start_ms, start_ms + length_ms)
    assert span.column(span.position_ms(column, width), width) == column


@settings(deadline=None)
@given(st.integers(0, 200_000_000))
def test_a_growing_call_has_room_to_grow(duration_ms: int) -> None:
    span = whole_span(duration_ms, growing=True)
    assert span.start_ms == 0
    assert span.end_ms > duration_ms


def test_a_place_stays_in_its_column_while_the_call_grows_but_for_a_few_times_a_day() -> None:
    spans = [whole_span(second * 1000, growing=True) for second in range(86_400)]
    assert len(set(spans)) <= 20
    assert all(early.end_ms <= late.end_ms for early, late in itertools.pairwise(spans))


@settings(deadline=None)
@given(st.integers(24, 200), st.integers(1_000, 20_000_000))
def test_the_scale_of_a_growing_call_keeps_its_width_and_shows_the_live_end(
    width: int, duration_ms: int
) -> None:
    scale = scale_row(duration_ms, width, growing=True, span=whole_span(duration_ms, growing=True))
    assert cells(scale) <= width
    text = "".join(text for text, _ in scale)
    assert "live" in text
    for time in re.findall(r"[\d:]+", text):
        assert re.fullmatch(r"(\d+:)?\d{1,2}:\d\d", time), "no two times stand against each other"


@pytest.mark.parametrize("width", [58, 78, 158])
def test_what_has_not_happened_yet_is_blank(width: int) -> None:
    behind = msgspec.structs.replace(
        LIVE, phase="playing", position_ms=100_000, audible_ms=100_000, advancing=False
    )
    span = whole_span(272_000, growing=True)
    drawn = Drawn(Marks(), span, tracks_of(behind, (), 1, width))
    line, lane, _, _ = timeline_rows(behind, 10.0, width, drawn)
    live = span.column(272_000, width)
    for row, sign in ((line, "╌"), (lane, "░")):
        text = "".join(text for text, _ in row)
        assert len(text) == live + 1
        assert text[live] == sign
