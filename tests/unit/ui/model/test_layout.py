"""How the window is shared out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.ipc.messages import ClipEvent, StatsEvent
from callplayer.ui.keymap import help_groups, help_lines
from callplayer.ui.model.format import clip_texts
from callplayer.ui.model.layout import MIN_HEIGHT, MIN_WIDTH, WORDS_CELLS, head_cells, plan
from callplayer.ui.model.player import Notice
from callplayer.ui.screens.player.help import SIGNS, help_rows
from callplayer.ui.widgets.lines import notice_rows
from callplayer.ui.widgets.rows import cells
from callplayer.ui.widgets.stats import STATS_ROWS, stats_rows
from callplayer.ui.widgets.track_heads import slider_place

WIDTHS = st.integers(MIN_WIDTH - 2, 400)
HEIGHTS = st.integers(MIN_HEIGHT, 120)


@given(WIDTHS, HEIGHTS, st.booleans(), st.booleans())
def test_every_plan_fits_the_window(
    width: int, height: int, with_words: bool, with_stats: bool
) -> None:
    chosen = plan(width, height, stats_rows=STATS_ROWS if with_stats else 0, words=with_words)
    clock_rows = {0: 1, 1: 3, 2: 5, 3: 8}[chosen.clock_scale]
    gaps = (4 if with_stats else 3) * chosen.gap
    parts = clock_rows + chosen.track_rows + chosen.notice_rows + chosen.stats_rows + gaps
    assert 2 + parts + chosen.body_rows == height
    assert chosen.body_rows >= 0
    assert chosen.body_rows >= 5 or with_stats
    assert width - chosen.head_cells >= 35
    assert chosen.side_cells == 0 or chosen.side_cells + WORDS_CELLS + 3 == width


@pytest.mark.parametrize(
    ("height", "rows"), [(16, 1), (24, 1), (27, 1), (30, 2), (50, 4), (60, 5), (70, 7)]
)
def test_lanes_are_as_high_as_the_window_allows(height: int, rows: int) -> None:
    assert plan(118, height).lane_rows == rows
    assert plan(118, height, dots=False).lane_rows == min(rows, 2)


def test_room_goes_to_a_larger_clock_sooner_without_a_transcript() -> None:
    assert [plan(158, height).clock_scale for height in (16, 24, 30, 50)] == [1, 1, 2, 3]
    bare = [plan(158, height, words=False).clock_scale for height in (16, 24, 30, 50)]
    assert bare == [1, 2, 2, 3]
    assert plan(58, 50).clock_scale == 1


def test_a_wide_window_has_two_columns() -> None:
    assert plan(118, 40).side_cells == 0
    assert plan(138, 40).side_cells == 45


@given(st.integers(58, 300))
def test_a_slider_is_never_longer_than_forty_cells(width: int) -> None:
    for rows in (1, 2, 5):
        _, slider = slider_place(head_cells(width), rows)
        assert slider == 0 or 8 <= slider <= 40


@given(WIDTHS)
def test_help_and_statistics_fit_the_width_they_are_made_for(width: int) -> None:
    assert all(cells(row) <= width for row in help_rows(width))
    for stats in (None, StatsEvent(drift_ppm=-31.25)):
        rows = stats_rows(stats, width)
        assert all(cells(row) <= width for row in rows)
        assert len(rows) == STATS_ROWS


def test_no_help_is_cut_or_stands_against_the_next_key_in_the_smallest_window() -> None:
    for row in help_rows(MIN_WIDTH - 2):
        texts = [text for text, tone in row if tone == "text"]
        assert all(gap.isspace() for gap in texts[1::2])
        assert not any(text.rstrip().endswith("…") for text in texts), row


def test_the_wider_the_window_the_lower_is_the_help() -> None:
    heights = [len(help_rows(width)) for width in (58, 78, 98, 158)]
    assert heights == sorted(set(heights), reverse=True)


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


def test_a_path_is_never_cut_and_begins_at_the_users_own_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/desk")
    path = f"/home/desk/.local/share/callplayer/{'clips/' * 8}7043d29e_00m30s022_00m32s042.flac"
    saved = ClipEvent(stage="saved", start_ms=0, end_ms=1, sound=path)
    rows = notice_rows(Notice(clip_texts(saved)[0]), 60, 0)
    lines = [text for row in rows for text, _ in row]
    assert all(len(line) <= 60 for line in lines)
    assert "".join(line.strip() for line in lines[1:]) == path.replace("/home/desk", "~")


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
