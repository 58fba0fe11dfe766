"""The timeline: what was played, what comes, both cursors, and a scale of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import (
    is_growing,
    shown_duration_ms,
)
from callplayer.ui.model.speech import SpeechLanes
from callplayer.ui.model.transcript import Script
from callplayer.ui.model.zoom import Span, whole_span, zoomed_span
from callplayer.ui.widgets.drag import Asked, DragRows
from callplayer.ui.widgets.rows import Row
from callplayer.ui.widgets.timeline_rows import (
    Drawn,
    Marks,
    timeline_rows,
    tracks_of,
    visible_state,
)
from callplayer.vendor.commands import Scrub

POINT_MOVES = {
    "left": -1,
    "right": 1,
    "shift+left": -5,
    "shift+right": 5,
    "pageup": -10,
    "pagedown": 10,
    "home": 0,
    "end": 0,
}
"""Keys that move the place pointed at, and by how many columns."""


class Timeline(DragRows):
    """Draws the call from start to end, `lane_rows` a party; a click or a drag asks to scrub."""

    lane_rows = 1

    @dataclass
    class Hovered(Message):
        """The mouse is over a column; None: it has left."""

        column: int | None

    @dataclass
    class Zoomed(Message):
        """The user turned the wheel: 1 closer, −1 farther."""

        step: int

    def __init__(self, lanes: SpeechLanes, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lanes = lanes
        self.span = Span(0, 0)
        self._duration_ms = 0
        self._hovered: int | None = None
        self._built_from: tuple[object, ...] = ()
        self._built: Sequence[Row] = ()

    def show(
        self,
        state: StateEvent,
        now_s: float,
        marks: Marks,
        script: Script,
        *,
        zoom: int,
        look_ms: int,
    ) -> None:
        """Draw the timeline as it stands at `now_s`, `zoom` times twice as close.

        `look_ms` is the place that is to be in sight.
        """
        self._duration_ms = shown_duration_ms(state, now_s)
        if not self._dragging:
            # The bar must not move under the mouse that drags it.
            whole = whole_span(self._duration_ms, is_growing(state))
            self.span = zoomed_span(whole, zoom, look_ms, self.span)
        span = self.span

        def build(width: int, height: int) -> Sequence[Row]:
            lanes = self._lanes.lanes(state.lanes, script, span, width) if width > 1 else ()
            drawn = Drawn(marks, span, tracks_of(state, lanes, self.lane_rows, width))
            built_from = (drawn, height, *visible_state(state, now_s, width, span))
            if built_from != self._built_from:
                self._built_from = built_from
                self._built = timeline_rows(state, now_s, width, drawn)[:height]
            return self._built

        self.draw_with(build)

    @property
    def column_ms(self) -> int:
        """How much of the call a column stands for, in ms."""
        return max(self.span.length_ms // max(self.size.width - 1, 1), 1)

    def moved(self, place_ms: int, key: str) -> int:
        """Return the place that a key moves to from another: by columns, or to an end of sight."""
        if key in ("home", "end"):
            wanted_ms = self.span.start_ms if key == "home" else self.span.end_ms
        else:
            column_ms = self.span.length_ms / max(self.size.width - 1, 1)
            wanted_ms = round(place_ms + POINT_MOVES[key] * column_ms)
        return min(max(wanted_ms, 0), self._duration_ms)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Post what the mouse is over; Textual calls the base's handler, which drags, as well."""
        if event.x != self._hovered:
            self._hovered = event.x
            self.post_message(self.Hovered(event.x))

    def on_leave(self, event: events.Leave) -> None:
        """Post that the mouse has left."""
        self._forget_mouse()

    def on_hide(self) -> None:
        """Post so too when a panel takes its place; the base's handler lets go as well."""
        self._forget_mouse()

    def _forget_mouse(self) -> None:
        self._hovered = None
        self.post_message(self.Hovered(None))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look closer."""
        event.stop()
        self.post_message(self.Zoomed(1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look from farther away."""
        event.stop()
        self.post_message(self.Zoomed(-1))

    def can_hold(self, column: int, row: int) -> bool:
        """Take hold anywhere once the length of the call is known."""
        return self._duration_ms > 0

    def message_at(self, column: int) -> Asked:
        """Return what to post for a column."""
        return Asked(Scrub(self.position_at(column)))

    def position_at(self, column: int) -> int:
        """Return the position at a column as drawn now, in ms, no later than the call is long."""
        return min(self.span.position_ms(column, self.size.width), self._duration_ms)
