"""The list of bookmarks: where, when, why, and what is said there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from callplayer.bookmarks import Bookmark
from callplayer.text import plain_text
from callplayer.ui.layout import window_start
from callplayer.ui.view import clock_text
from callplayer.ui.widgets.rows import Part, Row, Rows, cells, fit, keys_row

MOVES = ("up", "down", "home", "end")
KEYS_HELP = "↑↓ choose  Enter go there  e note  Del remove"
LONGEST_ROWS = 14


class BookmarksPanel(Rows):
    """Lists the bookmarks; `pointed` is the one that Enter would go to.

    `close_key` is what the key is called that closes the list, "" if there is none.
    """

    close_key = "Esc"

    @dataclass
    class Picked(Message):
        """The user clicked a bookmark."""

        bookmark: Bookmark

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointed: Bookmark | None = None
        self._bookmarks: Sequence[Bookmark] = ()
        self._duration_ms = 0
        self._start = 0

    def show(self, bookmarks: Sequence[Bookmark], duration_ms: int) -> None:
        """Draw the bookmarks; the one pointed at stays pointed at."""
        self._bookmarks, self._duration_ms = bookmarks, duration_ms
        if self.pointed not in bookmarks:
            self.pointed = bookmarks[0] if bookmarks else None
        self.draw_with(self._build_rows)

    def move(self, key: str) -> None:
        """Point at another bookmark."""
        last = len(self._bookmarks) - 1
        if last < 0 or self.pointed is None:
            return
        at = self._bookmarks.index(self.pointed)
        wanted = {"home": 0, "end": last, "up": at - 1, "down": at + 1}[key]
        self.pointed = self._bookmarks[min(max(wanted, 0), last)]
        self.show(self._bookmarks, self._duration_ms)

    def point_at(self, position_ms: int) -> None:
        """Point at the bookmark of a place."""
        here = (each for each in self._bookmarks if each.position_ms == position_ms)
        self.pointed = next(here, self.pointed)
        self.show(self._bookmarks, self._duration_ms)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Point at the bookmark above."""
        event.stop()
        self.move("up")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Point at the bookmark below."""
        event.stop()
        self.move("down")

    def on_click(self, event: events.Click) -> None:
        """Pick the bookmark that is clicked."""
        at = self._start + event.y - 1
        if 1 <= event.y < self.size.height - 1 and at < len(self._bookmarks):
            self.pointed = self._bookmarks[at]
            self.show(self._bookmarks, self._duration_ms)
            self.post_message(self.Picked(self.pointed))

    def _build_rows(self, width: int, height: int) -> list[Row]:
        title = f"─ bookmarks {len(self._bookmarks)} "
        rows: list[Row] = [((title, "dim"), ("─" * max(width - len(title), 0), "faint"))]
        if self.pointed is None:
            none: Row = (("There are none yet.", "dim"),)
            return [*rows, none, keys_row("", self.close_key, width)]
        room = max(height - 2, 1)
        at = self._bookmarks.index(self.pointed)
        self._start = window_start(at, len(self._bookmarks), room, self._start)
        for each in self._bookmarks[self._start : self._start + room]:
            rows.append(bookmark_row(each, self._duration_ms, width, each == self.pointed))
        return [*rows, keys_row(KEYS_HELP, self.close_key, width)]


def bookmarks_height(count: int, room: int) -> int:
    """Return how many rows the list takes of `room`: title, bookmarks, keys."""
    return min(max(count, 1) + 2, LONGEST_ROWS, room)


def bookmark_row(bookmark: Bookmark, duration_ms: int, width: int, pointed: bool) -> Row:
    """Return one bookmark: offset, clock time, note, and the words there as far as they fit."""
    row: list[Part] = [
        ("▸ " if pointed else "  ", "ask"),
        (f"{clock_text(bookmark.position_ms, duration_ms):>9}  ", "strong" if pointed else "text"),
    ]
    if bookmark.clock and width >= 70:
        row.append((f"{plain_text(bookmark.clock, 16)}  ", "dim"))
    if bookmark.note:
        row.append((plain_text(bookmark.note, 120) + "  ", "strong" if pointed else "text"))
    room = width - cells(row)
    if bookmark.words and room >= 10:
        row.append((fit(f"“{plain_text(bookmark.words, 200)}”", room).rstrip(), "dim"))
    if cells(row) > width:
        return [*row[:-1], (fit(row[-1][0], width - cells(row[:-1])), row[-1][1])]
    return row
