"""Rows that the mouse takes hold of, and what it asks the engine for."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from callplayer.ipc.messages import Request
from callplayer.ui.widgets.rows import Rows


@dataclass
class Asked(Message):
    """The user pointed at something that stands for a request."""

    request: Request


class DragRows(Rows):
    """Rows with a part that posts where it is pointed at while the left button is held.

    A message equal to the last one of a drag is not posted again.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._dragging = False
        self._pointed: Message | None = None

    def can_hold(self, column: int, row: int) -> bool:
        """Return whether a press on that cell begins a drag."""
        raise NotImplementedError

    def message_at(self, column: int) -> Message:
        """Return what to post for a column, which may lie beside the widget."""
        raise NotImplementedError

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag."""
        if event.button == 1 and self.can_hold(event.x, event.y):
            self._dragging, self._pointed = True, None
            self.capture_mouse()
            self._point_at(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag along while the button is held."""
        if self._dragging:
            self._point_at(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go."""
        self._let_go()

    def on_hide(self) -> None:
        """Let go: a hidden widget receives no release of the button."""
        self._let_go()

    def on_unmount(self) -> None:
        """Let go."""
        self._let_go()

    def _let_go(self) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def _point_at(self, column: int) -> None:
        message = self.message_at(column)
        if message != self._pointed:
            self._pointed = message
            self.post_message(message)
