"""Gives every part of the player's screen its height, as planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from callplayer.ui.model.layout import Plan
from callplayer.ui.widgets.clock import Clock
from callplayer.ui.widgets.party import PartyPanel
from callplayer.ui.widgets.pixels import cell_rows
from callplayer.ui.widgets.rows import EDGE_CELLS
from callplayer.ui.widgets.timeline import Timeline


def below_gap(gap: bool) -> tuple[int, int, int, int]:
    """Return the margins (top, right, bottom, left) of a part, in cells: a gap is above it."""
    return (int(gap), EDGE_CELLS, 0, EDGE_CELLS)


def show_all(parts: Iterable[Widget], shown: bool) -> None:
    """Show or hide parts."""
    for part in parts:
        part.display = shown


def arrange_clock(clock: Clock, chosen: Plan) -> None:
    """Give the clock its size."""
    clock.largest_scale = chosen.clock_scale
    clock.styles.height = cell_rows(chosen.clock_scale)
    clock.styles.margin = below_gap(chosen.gaps >= 1)


def arrange_timeline(timeline: Timeline, chosen: Plan) -> None:
    """Give the timeline its height; a panel takes its place."""
    timeline.display = chosen.help_rows == 0
    timeline.styles.height = chosen.bar_rows + 2
    timeline.styles.margin = below_gap(chosen.gaps >= 2)


def arrange_parties(panels: Sequence[PartyPanel], chosen: Plan) -> None:
    """Give the parties' panels their height, or hide them."""
    for place, panel in enumerate(panels):
        panel.display = chosen.panels > 0
        panel.styles.margin = below_gap(place == 0 and chosen.gaps >= 3)
        panel.framed = chosen.framed
        panel.styles.height = chosen.panel_rows


def arrange_panel(panel: Widget, chosen: Plan, *, is_open: bool) -> None:
    """Give a panel that takes the timeline's place its height."""
    panel.display = is_open
    panel.styles.height = chosen.help_rows
    panel.styles.margin = below_gap(chosen.gaps >= 2)
