"""How the window is shared out: the height of every part for a size. Pure.

Necessary parts come first; the rest of the rows goes to the other parts, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

MIN_WIDTH = 60
MIN_HEIGHT = 16
ALWAYS_ROWS = 6
"""Header, clock at its smallest, notice and footer."""


@dataclass(frozen=True)
class Plan:
    """Heights in rows; 0 hides a part. `clock_scale` is 1–3, `framed` puts panels in frames.

    `words_rows` is what the transcript has at least; it also gets what is left.
    """

    clock_scale: int = 1
    bar_rows: int = 1
    framed: bool = False
    notice_rows: int = 1
    gaps: int = 0
    panels: int = 2
    help_rows: int = 0
    stats_rows: int = 0
    words_rows: int = 0

    @property
    def panel_rows(self) -> int:
        """The height of one party's panel."""
        return 4 if self.framed else 2

    @property
    def rows(self) -> int:
        """The rows that all parts together take."""
        clock = {1: 3, 2: 5, 3: 8}[self.clock_scale]
        timeline = 0 if self.help_rows else self.bar_rows + 2
        panels = self.panels * self.panel_rows
        ends = 1 + self.notice_rows + 1
        instead = self.help_rows + self.stats_rows
        return ends + self.gaps + clock + timeline + panels + instead + self.words_rows


def plan(
    width: int,
    height: int,
    *,
    help_rows: int = 0,
    stats_rows: int = 0,
    words: bool = False,
) -> Plan:
    """Return the plan for a window of at least MIN_WIDTH × MIN_HEIGHT.

    A panel, such as the help, takes the place of timeline, parties and `words`, the transcript;
    statistics take the place of the parties, then of the words, only where there is no room.
    """
    if help_rows:
        best = Plan(panels=0, help_rows=help_rows)
    else:
        best = Plan(stats_rows=stats_rows)
        if best.rows > height:
            best = replace(best, panels=0)
    words = words and not help_rows
    for wish in _wishes(width, best.panels > 0, words):
        wished = wish(best)
        if wished.rows <= height:
            best = wished
    return best


def window_start(index: int, count: int, height: int, start: int) -> int:
    """Return the first row to draw, so that row `index` is seen and nothing jumps without need."""
    start = min(max(start, index - height + 1), index)
    return max(min(start, count - height), 0)


Wish = Callable[[Plan], Plan]


def _wishes(width: int, panels: bool, words: bool) -> list[Wish]:
    """Return what makes a plan better, the most needed first."""
    larger_clock: list[Wish] = [_with(clock_scale=2)] if width >= 78 else []
    framed: list[Wish] = [_with(framed=True)] if panels else []
    last_gap: list[Wish] = [_with(gaps=3)] if panels else []
    largest_clock: list[Wish] = [_with(clock_scale=3)] if width >= 120 else []
    if words:
        return [
            *(_with(words_rows=rows) for rows in (2, 3, 6)),
            *larger_clock,
            *(_with(gaps=1), _with(bar_rows=2), _with(notice_rows=2)),
            *(_with(words_rows=10), _with(gaps=2), _with(words_rows=14)),
            *(*framed, *last_gap, *largest_clock),
        ]
    return [
        *(_with(gaps=1), _with(gaps=2), _with(notice_rows=2), *last_gap),
        *(*larger_clock, *framed, *largest_clock),
        _with(bar_rows=2),
    ]


def _with(**better: Any) -> Wish:
    return lambda plan: replace(plan, **better)
