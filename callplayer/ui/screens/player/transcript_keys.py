"""The keys of the transcript: read in it, search it, go from hit to hit."""

from __future__ import annotations

import asyncio

from callplayer.ui.model.player import NO_WORDS
from callplayer.ui.model.prompt import Prompt, PromptHint
from callplayer.ui.model.transcript import LEAD_MS
from callplayer.ui.model.transcript_search import find, nearest_hit, times_text
from callplayer.ui.screens.player.bookmark_keys import BookmarkKeys
from callplayer.ui.widgets.transcript import READ_MOVES, Found, TranscriptPane, found
from callplayer.vendor.commands import Scrub

SEARCH_AFTER_S = 0.005


class TranscriptKeys(BookmarkKeys, inherit_bindings=False):
    """The transcript pane's keys; n and N go to hits while a search lasts, else to bookmarks.

    While the list of bookmarks is open, they go to those in any case.
    """

    transcript_pane: TranscriptPane
    _found = Found()
    _search_due: asyncio.TimerHandle | None = None

    def do_read(self) -> None:
        """Let the arrows move in the transcript, or follow what is heard again."""
        pane = self.transcript_pane
        if not self.view.script:
            self.note(NO_WORDS[self.view.transcript])
            return
        self.close_panel()
        if pane.is_read:
            pane.follow()
        elif pane.display:
            pane.read(self.call_facts().here_ms)
        else:
            self.note("There is no room for the words in this window.")
        self.draw_time()

    def do_search(self) -> None:
        """Search the transcript as the user types."""
        if not self.view.script:
            self.note(NO_WORDS[self.view.transcript])
            return
        self.close_panel()
        before = self._found
        self.ask(
            Prompt(
                "Search",
                self._hint_search,
                self._end_search,
                changed=self._search_soon,
                left=lambda: self._leave_search(before),
                max_chars=80,
            )
        )

    def do_next_mark(self) -> None:
        """Go to the next hit of the search, or else to the next bookmark."""
        self._go_on(1)

    def do_last_mark(self) -> None:
        """Go to the hit before, or else to the bookmark before."""
        self._go_on(-1)

    def on_transcript_pane_word_picked(self, message: TranscriptPane.WordPicked) -> None:
        """Hear a word."""
        self.transcript_pane.expect(message.position_ms)
        self.request(Scrub(message.position_ms))

    def _reading_key(self, key: str) -> bool:
        pane = self.transcript_pane
        if not pane.is_read or not pane.display:
            return False
        if key in READ_MOVES:
            pane.move(key)
        elif key == "enter":
            pane.pick()
        else:
            return False
        return True

    def _leave_reading(self) -> None:
        """End search and reading: the pane follows what is heard."""
        self._found = Found()
        self.transcript_pane.follow()
        self.draw_time()

    def _search_soon(self, wanted: str) -> None:
        """Search once what was typed has been drawn: hours of words take longer than that may."""
        if self._search_due is not None:
            self._search_due.cancel()
        loop = asyncio.get_running_loop()
        self._search_due = loop.call_later(SEARCH_AFTER_S, self._search, wanted)

    def _leave_search(self, before: Found) -> None:
        if self._search_due is not None:
            self._search_due.cancel()
        self._found = before
        self._search_again()
        self._show_found(self._found)

    def _search(self, wanted: str) -> None:
        hits = find(self.view.script, wanted)
        self._show_found(found(wanted, hits, nearest_hit(hits, self.call_facts().here_ms)))

    def _search_again(self) -> None:
        """The words have changed: find anew, and stay at the same place."""
        last = self._found
        if last.wanted:
            hits = find(self.view.script, last.wanted)
            place_ms = last.hit.position_ms if last.hit is not None else 0
            self._found = found(last.wanted, hits, nearest_hit(hits, place_ms))

    def _show_found(self, result: Found) -> None:
        self._found = result
        if result.hit is not None:
            self.transcript_pane.bring_to(result.hit)
        elif not result.wanted:
            self.transcript_pane.follow()
        self.draw_time()

    def _hint_search(self, text: str) -> PromptHint:
        if not text.strip():
            return PromptHint("type what was said")
        if text != self._found.wanted:
            return PromptHint("…")
        count = len(self._found.hits)
        if not count:
            return PromptHint("not said", "hold")
        return PromptHint(f"{times_text(count)}; Enter goes there", "ask")

    def _end_search(self, wanted: str) -> None:
        if self._search_due is not None:
            self._search_due.cancel()
        if wanted != self._found.wanted:
            self._search(wanted)
        if not wanted.strip():
            self._leave_reading()
        elif self._found.hit is not None:
            self._go_to_hit(self._found.at)

    def _go_on(self, step: int) -> None:
        if not self._found.wanted or self._open == "bookmarks":
            self._mark_from(step)
        elif not self._found.hits:
            self.note("That is not said in this call.")
        else:
            self._go_to_hit((self._found.at + step) % len(self._found.hits))

    def _go_to_hit(self, at: int) -> None:
        last = self._found
        hit = last.hits[at]
        self._show_found(Found(last.wanted, last.hits, at, last.by_utterance))
        place_ms = max(hit.position_ms - LEAD_MS, 0)
        self.transcript_pane.expect(place_ms)
        self.request(Scrub(place_ms))
