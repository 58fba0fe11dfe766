"""How the window is shared out: the height of every part for a size. Pure.

The parts that must be there come first; what is left of the rows goes to comfort, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

MIN_WIDTH = 60
MIN_HEIGHT = 16
ALWAYS_ROWS = 6
"""Header, clock at its smallest, notice and footer."""


@dataclass(frozen=True)
class Plan:
    """Heights in rows; 0 hides a part. `clock_scale` is 1–3, `framed` puts panels in frames."""

    clock_scale: int = 1
    bar_rows: int = 1
    framed: bool = False
    notice_rows: int = 1
    gaps: int = 0
    panels: int = 2
    help_rows: int = 0
    stats_rows: int = 0

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
        return ends + self.gaps + clock + timeline + panels + self.help_rows + self.stats_rows


def plan(width: int, height: int, parties: int, *, help_rows: int = 0, stats_rows: int = 0) -> Plan:
    """Return the plan for a window of at least MIN_WIDTH × MIN_HEIGHT.

    Help takes the place of timeline and panels; statistics take the place of the panels only when
    there is no room for both.
    """
    if help_rows:
        best = Plan(panels=0, help_rows=help_rows)
    else:
        best = Plan(panels=parties, stats_rows=stats_rows)
        if best.rows > height:
            best = replace(best, panels=0)
    for wish in _wishes(width, best.panels > 0):
        wished = wish(best)
        if wished.rows <= height:
            best = wished
    return best


def window_start(index: int, count: int, height: int, start: int) -> int:
    """Return the first row to draw, so that row `index` is seen and nothing jumps without need."""
    start = min(max(start, index - height + 1), index)
    return max(min(start, count - height), 0)


def _wishes(width: int, panels: bool) -> list[Callable[[Plan], Plan]]:
    wishes: list[Callable[[Plan], Plan]] = [
        lambda plan: replace(plan, gaps=1),
        lambda plan: replace(plan, gaps=2),
        lambda plan: replace(plan, notice_rows=2),
        lambda plan: replace(plan, gaps=3),
    ]
    if width >= 78:
        wishes.append(lambda plan: replace(plan, clock_scale=2))
    if panels:
        wishes.append(lambda plan: replace(plan, framed=True))
    if width >= 120:
        wishes.append(lambda plan: replace(plan, clock_scale=3))
    wishes.append(lambda plan: replace(plan, bar_rows=2))
    return wishes
