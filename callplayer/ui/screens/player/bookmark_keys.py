"""The keys that keep things: bookmarks with notes, and citations for the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from callplayer.bookmarks import MAX_NOTE_CHARS, Bookmark, BookmarkError, BookmarkStore
from callplayer.paths import write_private
from callplayer.ui.model.citation import (
    RecentBookmark,
    bookmark_here,
    citation,
    mark_from,
    noted_next,
)
from callplayer.ui.model.format import aimed_ms, clock_text
from callplayer.ui.model.prompt import Prompt, PromptHint
from callplayer.ui.screens.player.panels import Panels
from callplayer.ui.widgets.bookmarks import BookmarksPanel
from callplayer.ui.widgets.list_panel import MOVES, list_height
from callplayer.vendor.commands import Scrub


class BookmarkKeys(Panels, inherit_bindings=False):
    """Bookmarks and citations."""

    bookmarks_panel: BookmarksPanel
    _fresh: RecentBookmark | None = None

    def load_bookmarks(self) -> None:
        """Read what was kept of this call."""
        try:
            self.likes.store.load()
        except BookmarkError as error:
            self.note(f"{error.what} {error.hint}")

    def do_bookmark(self) -> None:
        """Set a bookmark at what is heard; pressed again at once, add a note to it."""
        facts, kept = self.call_facts(), self.likes.store.bookmarks
        if facts.duration_ms <= 0:
            self.note("There is no place to mark yet.")
            return
        noted = noted_next(self._fresh, kept, facts.here_ms, self._clock())
        self._fresh = None
        if noted is not None:
            self._ask_note(noted)
            return
        bookmark = bookmark_here(self.view, facts, datetime.now(UTC))
        at = clock_text(facts.here_ms, facts.duration_ms)
        if self._kept(lambda store: store.add(bookmark)):
            self.note(f"Bookmark at {at}: the key again adds a note.", "text")
        self._fresh = RecentBookmark(bookmark, self._clock())

    def do_toggle_bookmarks(self) -> None:
        """Show or hide the list of bookmarks."""
        self._toggle("bookmarks")

    def do_cite(self) -> None:
        """Copy incident, times and words of what is heard to the clipboard."""
        text = citation(self.view, self.call_facts())
        self.app.copy_to_clipboard(text)
        path = self.likes.citation_path
        note = "Copied for the clipboard"
        if path is not None:
            try:
                write_private(path, text.encode() + b"\n")
                note += f", and in {path}"
            except OSError as error:
                note += f", not into a file: {error.strerror}"
        self.note(f"{note}.", "text")

    def on_bookmarks_panel_picked(self, message: BookmarksPanel.Picked) -> None:
        """Go to the bookmark that was clicked."""
        self.request(Scrub(message.bookmark.position_ms))

    def _panel_rows(self, width: int, room: int) -> int:
        if self._open == "bookmarks":
            return list_height(len(self.likes.store.bookmarks), room)
        return super()._panel_rows(width, room)

    def _draw_panel(self) -> None:
        if self._open == "bookmarks":
            duration_ms = self.view.state.duration_ms
            self.bookmarks_panel.show(self.likes.store.bookmarks, duration_ms)
        super()._draw_panel()

    def _mark_from(self, step: int) -> None:
        """Go to the next (1) or the last (−1) bookmark."""
        places = [each.position_ms for each in self.likes.store.bookmarks]
        place_ms = mark_from(places, aimed_ms(self.view.state, self._clock()), step)
        if place_ms is None:
            where = "further on" if step > 0 else "before this place"
            self.note(f"There is no bookmark {where}." if places else "There are no bookmarks.")
            return
        self.request(Scrub(place_ms))
        if self._open == "bookmarks":
            self.bookmarks_panel.point_at(place_ms)

    def _bookmarks_key(self, key: str) -> bool:
        pointed = self.bookmarks_panel.pointed
        if key in MOVES:
            self.bookmarks_panel.move(key)
        elif pointed is None or key not in ("enter", "delete", "e"):
            return False
        elif key == "enter":
            self.request(Scrub(pointed.position_ms))
        elif key == "e":
            self._ask_note(pointed)
        elif self._kept(lambda store: store.remove(pointed)):
            self.lay_out()
            at = clock_text(pointed.position_ms, self.view.state.duration_ms)
            self.note(f"The bookmark at {at} is removed.", "text")
        return True

    def _ask_note(self, bookmark: Bookmark) -> None:
        def keep(text: str) -> None:
            if self._kept(lambda store: store.replace(bookmark, bookmark.noted(text))):
                self.note("Noted.", "text")

        hint = PromptHint("Enter keeps it, Esc leaves it as it was")
        label = f"Note at {clock_text(bookmark.position_ms, self.view.state.duration_ms)}"
        self.ask(Prompt(label, lambda _: hint, keep, text=bookmark.note, max_chars=MAX_NOTE_CHARS))

    def _kept(self, change: Callable[[BookmarkStore], None]) -> bool:
        """Change the bookmarks; say so if that could not be saved."""
        try:
            change(self.likes.store)
        except OSError as error:
            self.note(f"Not saved yet: {error.strerror}. It is kept here and saved with the next.")
            return False
        except BookmarkError as error:
            self.note(f"Not saved yet. {error.what} {error.hint}")
            return False
        finally:
            self._draw_panel()
            self.draw_time()
        return True
