"""The list of bookmarks: where, when, why, and what is said there."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from callplayer.bookmarks import Bookmark
from callplayer.text import plain_text
from callplayer.ui.model.format import clock_text
from callplayer.ui.widgets.drag import Asked
from callplayer.ui.widgets.list_panel import ListPanel, moved, title_row
from callplayer.ui.widgets.rows import Part, Row, cells, fit_words, quoted
from callplayer.vendor.commands import Scrub


class BookmarksPanel(ListPanel):
    """Lists the bookmarks; `pointed` is the one that Enter would go to."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointed: Bookmark | None = None
        self._bookmarks: Sequence[Bookmark] = ()
        self._duration_ms = 0

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
        self.pointed = self._bookmarks[moved(key, self._bookmarks.index(self.pointed), last)]
        self.show(self._bookmarks, self._duration_ms)

    def point_at(self, position_ms: int) -> None:
        """Point at the bookmark of a place."""
        here = (each for each in self._bookmarks if each.position_ms == position_ms)
        self.pointed = next(here, self.pointed)
        self.show(self._bookmarks, self._duration_ms)

    def on_click(self, event: events.Click) -> None:
        """Pick the bookmark that is clicked."""
        at = self.clicked(event, len(self._bookmarks))
        if at is not None:
            self.pointed = self._bookmarks[at]
            self.show(self._bookmarks, self._duration_ms)
            self.post_message(Asked(Scrub(self.pointed.position_ms)))

    def _build_rows(self, width: int, height: int) -> list[Row]:
        bookmarks = self._bookmarks
        count = f"{len(bookmarks)}"
        if len(bookmarks) > 1 and self.pointed is not None:
            count = f"{bookmarks.index(self.pointed) + 1} of {count}"
        title = title_row(f"bookmarks {count}", width, has_keys=bool(bookmarks))
        if self.pointed is None:
            none: Row = (("There are none yet.", "dim"),)
            return [title, none]

        def row(at: int) -> Row:
            each = bookmarks[at]
            pointed = each == self.pointed
            return bookmark_row(each, at + 1, self._duration_ms, width, pointed=pointed)

        rows = self.entry_rows(len(bookmarks), bookmarks.index(self.pointed), row, height)
        return [title, *rows]


def bookmark_row(
    bookmark: Bookmark, number: int, duration_ms: int, width: int, *, pointed: bool
) -> Row:
    """Return one bookmark: its number on the timeline, offset, clock time, note, and the words
    there as far as they fit."""
    row: list[Part] = [
        (f"{'▸' if pointed else ' '}{number:>3} ", "ask"),
        (f"{clock_text(bookmark.position_ms, duration_ms):>9}  ", "strong" if pointed else "text"),
    ]
    if bookmark.clock and width >= 70:
        row.append((f"{plain_text(bookmark.clock, 16)}  ", "dim"))
    if bookmark.note:
        row.append((plain_text(bookmark.note, 120) + "  ", "strong" if pointed else "text"))
    room = width - cells(row)
    if bookmark.words and room >= 10:
        row.append((quoted(plain_text(bookmark.words, 200), room), "dim"))
    if cells(row) > width:
        return [*row[:-1], (fit_words(row[-1][0], width - cells(row[:-1])), row[-1][1])]
    return row
