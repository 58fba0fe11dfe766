"""How the window is shared out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callplayer.engine.messages import StateEvent, StatsEvent
from callplayer.ui.layout import MIN_HEIGHT, MIN_WIDTH, plan
from callplayer.ui.widgets.lines import help_height, help_rows, stats_height, stats_rows
from callplayer.ui.widgets.rows import cells

WIDTHS = st.integers(MIN_WIDTH - 2, 400)
HEIGHTS = st.integers(MIN_HEIGHT, 120)


@given(WIDTHS, HEIGHTS, st.integers(1, 3), st.booleans(), st.booleans())
def test_every_plan_fits_the_window(
    width: int, height: int, parties: int, with_help: bool, with_stats: bool
) -> None:
    chosen = plan(
        width,
        height,
        parties,
        help_rows=help_height(width) if with_help else 0,
        stats_rows=stats_height(width) if with_stats else 0,
    )
    assert chosen.rows <= height


@given(WIDTHS, HEIGHTS, st.integers(1, 3))
def test_all_parties_are_on_the_screen_at_every_allowed_size(
    width: int, height: int, parties: int
) -> None:
    assert plan(width, height, parties).panels == parties


def test_room_goes_to_a_larger_clock() -> None:
    assert plan(58, 16, 2).clock_scale == 1
    assert plan(78, 24, 2).clock_scale == 2
    assert plan(158, 50, 2).clock_scale == 3


@given(WIDTHS)
def test_help_and_statistics_fit_the_width_they_are_made_for(width: int) -> None:
    assert all(cells(row) <= width for row in help_rows(width))
    rows = stats_rows(StatsEvent(round_trip_ms=31.0), StateEvent(phase="playing"), width)
    assert all(cells(row) <= width for row in rows)
    assert len(rows) == stats_height(width)
