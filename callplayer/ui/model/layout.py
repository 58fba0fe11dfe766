"""How the window is shared out: the height and width of every part for a size. Pure."""

from __future__ import annotations

import msgspec

from callplayer.ui.model.speech import WAVE_ROWS

MIN_WIDTH = 60
MIN_HEIGHT = 16

WIDE = 138
"""From this width on there are two columns: the transcript, and beside it lists and facts."""

WORDS_CELLS = 90
"""The longest line of a transcript that reads well."""

COLUMN_GAP_CELLS = 3

SHORT_HEAD_CELLS, LONG_HEAD_CELLS = 23, 33
_LANE_ROWS = ((28, 1), (40, 2), (50, 3), (60, 4), (70, 5))
"""Below which height of the window a lane has how many rows."""
MOST_LANE_ROWS = 7
LARGE_FROM, WORDS_FROM = (22, 32), (28, 44)
"""From which height on the clock is twice and three times as large: without a transcript, and with
one."""


class Plan(msgspec.Struct, frozen=True):
    """Heights in rows and widths in cells; 0 hides a part.

    `clock_scale` is 1–3, or 0 for one line; `head_cells` stand before the lanes, of `lane_rows`
    each; `scale_row`: times stand below them; `body_rows` are left for the transcript, or for a
    panel in its place; `side_cells` is what a second column has, beside the transcript.
    """

    clock_scale: int
    head_cells: int
    lane_rows: int
    scale_row: bool
    gap: bool
    notice_rows: int
    stats_rows: int
    body_rows: int
    side_cells: int

    @property
    def track_rows(self) -> int:
        """The rows of marks, both parties' lanes and times."""
        return 1 + 2 * self.lane_rows + self.scale_row


def plan(
    width: int,
    height: int,
    *,
    stats_rows: int = 0,
    words: bool = True,
    pages: bool = False,
    dots: bool = True,
) -> Plan:
    """Return the plan for a window of at least MIN_WIDTH × MIN_HEIGHT; `width` is without edges.

    The more rows there are, the higher are lanes and clock, and most go to the transcript; without
    `words`, lanes and clock have some of those. `pages`: a panel is read page by page, and has what
    a small window can spare, and a part of the largest clock. Without `dots` lanes are too low to
    be waves.
    """
    lane_rows = next((rows for below, rows in _LANE_ROWS if height < below), MOST_LANE_ROWS)
    if not words and not stats_rows and height >= LARGE_FROM[0]:
        lane_rows += 1
    lane_rows = lane_rows if dots else min(lane_rows, WAVE_ROWS - 1)
    large, largest = LARGE_FROM if not words and not stats_rows else WORDS_FROM
    scale = 3 if height >= largest and width >= 118 else 2 if height >= large and width >= 78 else 1
    spare = pages and height < LARGE_FROM[0]
    scale = 0 if spare else min(scale, 2) if pages else scale
    gap = height >= (28 if words or stats_rows else 24)
    notice_rows = 2 if height >= 20 or not (words or stats_rows) else 1
    scale_row = height >= 20 or not (stats_rows or spare)
    clock_rows = {0: 1, 1: 3, 2: 5, 3: 8}[scale]
    tracks = 1 + 2 * lane_rows + scale_row
    gaps = (4 if stats_rows else 3) * gap
    body = height - 2 - clock_rows - tracks - notice_rows - stats_rows - gaps
    return Plan(
        clock_scale=scale,
        head_cells=head_cells(width),
        lane_rows=lane_rows,
        scale_row=scale_row,
        gap=gap,
        notice_rows=notice_rows,
        stats_rows=stats_rows,
        body_rows=body,
        side_cells=width - WORDS_CELLS - COLUMN_GAP_CELLS if width >= WIDE else 0,
    )


def head_cells(width: int) -> int:
    """Return how many cells stand before the lanes in a window of `width` cells."""
    if width < 78:
        return SHORT_HEAD_CELLS
    return LONG_HEAD_CELLS if width < 98 else min(width // 4 + 11, 62)


def window_start(index: int, count: int, height: int, start: int) -> int:
    """Return the first row to draw, so that row `index` is seen and nothing jumps without need."""
    start = min(max(start, index - height + 1), index)
    return max(min(start, count - height), 0)
