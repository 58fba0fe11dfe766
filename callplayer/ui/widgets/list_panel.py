"""Lists in the place of the words or beside them: a title, entries of which one is pointed at."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from callplayer.ui.model.layout import window_start
from callplayer.ui.widgets.rows import Row, Rows

MOVES = ("up", "down", "home", "end")
"""The keys that move in a list."""


def moved(key: str, at: int, last: int) -> int:
    """Return where one of MOVES leads from a place in a list that ends at `last`."""
    wanted = {"home": 0, "end": last, "up": at - 1, "down": at + 1}[key]
    return min(max(wanted, 0), last)


def title_row(title: str, width: int, *, has_keys: bool = False) -> Row:
    """Return a panel's title and a rule; lit if the arrows move in the panel."""
    text = f"─ {title} "
    return ((text, "ask" if has_keys else "dim"), ("─" * max(width - len(text), 0), "faint"))


class MovedRows(Rows):
    """Rows that keys and the mouse wheel move in."""

    def move(self, key: str) -> object:
        """Move by one of MOVES."""
        raise NotImplementedError

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        event.stop()
        self.move("up")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        event.stop()
        self.move("down")


class ListPanel(MovedRows):
    """A list in a panel."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._start = 0

    def clicked(self, event: events.Click, count: int) -> int | None:
        """Return which of `count` entries was clicked; None for the title, and below the list."""
        at = self._start + event.y - 1
        return at if event.y >= 1 and at < count else None

    def entry_rows(
        self, count: int, at: int, row_of: Callable[[int], Row], height: int
    ) -> list[Row]:
        """Return the entries that have room, the one at `at` among them."""
        room = max(height - 1, 1)
        self._start = window_start(at, count, room, self._start)
        return [row_of(place) for place in range(self._start, min(self._start + room, count))]
