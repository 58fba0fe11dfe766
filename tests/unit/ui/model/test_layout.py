"""How the window is shared out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.ipc.messages import StatsEvent
from callplayer.ui.keymap import help_groups, help_lines
from callplayer.ui.model.layout import ALWAYS_ROWS, MIN_HEIGHT, MIN_WIDTH, plan
from callplayer.ui.model.player import Notice
from callplayer.ui.screens.player.help import SIGNS, help_height, help_rows
from callplayer.ui.widgets.lines import notice_rows
from callplayer.ui.widgets.rows import cells
from callplayer.ui.widgets.stats import STATS_ROWS, stats_rows

WIDTHS = st.integers(MIN_WIDTH - 2, 400)
HEIGHTS = st.integers(MIN_HEIGHT, 120)


@given(WIDTHS, HEIGHTS, st.booleans(), st.booleans())
def test_every_plan_fits_the_window(
    width: int, height: int, with_help: bool, with_stats: bool
) -> None:
    chosen = plan(
        width,
        height,
        help_rows=min(help_height(width), height - ALWAYS_ROWS) if with_help else 0,
        stats_rows=STATS_ROWS if with_stats else 0,
    )
    assert chosen.rows <= height


@given(WIDTHS, HEIGHTS)
def test_both_volumes_are_on_the_screen_at_every_allowed_size(width: int, height: int) -> None:
    assert plan(width, height).panels == 2


def test_room_goes_to_a_larger_clock() -> None:
    assert plan(58, 16).clock_scale == 1
    assert plan(78, 24).clock_scale == 2
    assert plan(158, 50).clock_scale == 3


@given(WIDTHS)
def test_help_and_statistics_fit_the_width_they_are_made_for(width: int) -> None:
    assert all(cells(row) <= width for row in help_rows(width))
    for stats in (None, StatsEvent(drift_ppm=-31.25)):
        rows = stats_rows(stats, width)
        assert all(cells(row) <= width for row in rows)
        assert len(rows) == STATS_ROWS


def test_no_help_is_cut_or_stands_against_the_next_key_in_the_smallest_window() -> None:
    for row in help_rows(MIN_WIDTH - 2):
        assert all(text.endswith(" ") for text, tone in row if tone == "text")
        assert not any(text.rstrip().endswith("…") for text, tone in row if tone == "text"), row


@pytest.mark.parametrize(
    ("drift_ppm", "text"), [(None, "—"), (0.0, "+0.0 ppm"), (-3.26, "-3.3 ppm")]
)
def test_an_unknown_drift_is_not_shown_as_a_number(drift_ppm: float | None, text: str) -> None:
    rows = stats_rows(StatsEvent(drift_ppm=drift_ppm), 78)
    values = [part.strip() for row in rows for part, _ in row]
    assert values[values.index("drift") + 1] == text


def test_a_long_reason_without_a_hint_goes_on_in_the_second_line() -> None:
    reason = "The room server does not answer. Trying again in 7 s."
    notice = Notice(reason, tone="hold")
    for width, height in ((40, 2), (78, 2), (78, 1)):
        rows = notice_rows(notice, width, height)
        assert len(rows) == height
        assert all(cells(row) <= width for row in rows)
        text = " ".join(part for row in rows for part, _ in row)
        assert " ".join(text.split()) == f"! {reason}"


@given(WIDTHS)
def test_the_help_has_every_key_and_every_sign(width: int) -> None:
    text = "\n".join("".join(part for part, _ in row) for row in help_rows(width))
    for keys, topic in help_lines():
        assert keys in text
        assert topic in text
    for sign, meaning in SIGNS:
        assert sign in text
        assert meaning in text
    for title, _ in help_groups():
        assert f"─ {title} " in text
