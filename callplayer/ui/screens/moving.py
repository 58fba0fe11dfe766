"""The keys that move about in the call: go to a place, and the A–B loop's way back."""

from __future__ import annotations

from rich.cells import cell_len
from textual.timer import Timer

from callplayer.ui.goto import EXAMPLES, MAX_CHARS, Target, at_clock, read_place
from callplayer.ui.navigation import loop_turns_in_s
from callplayer.ui.question import Hint, Question
from callplayer.ui.screens.base import PlayerBase
from callplayer.ui.script import speech_after_silence_ms, word_at
from callplayer.ui.span import deepest_zoom, whole_span
from callplayer.ui.view import clock_text, is_growing, shown_duration_ms, shown_position_ms
from callplayer.wire import Scrub

LOOP_EARLY_S = 0.004
"""What a jump takes on its way to the engine: it is asked for so much before B is heard."""

SKIP_AGAIN_S = 1.0
LOOP_AGAIN_S = 0.25
"""After a jump back, the engine's word of it is waited for at least so long."""


class Moving(PlayerBase, inherit_bindings=False):
    """Go to, the loop, and how close the timeline is looked at."""

    _loop_timer: Timer | None = None
    _looped_s = float("-inf")
    zoom = 0
    skips = False
    _skipped_s = float("-inf")
    hover_ms: int | None = None

    def do_go_to(self) -> None:
        """Ask for a place and go there."""
        self.ask(Question("Go to", self._hint_place, self._go_to, max_chars=MAX_CHARS))

    def do_skip_silence(self) -> None:
        """Jump over silence that the words know of, or no more."""
        self.skips = not self.skips
        longest_s = self.likes.settings.silence_s
        if not self.skips:
            self.note("Silence is played again.", "text")
        elif self.view.script:
            self.note(f"Silence of more than {longest_s:g} s is skipped.", "text")
        else:
            self.note("Silence is skipped once there are words: they tell where it is.")

    def _skip_silence(self) -> None:
        state, now_s = self.view.state, self._clock()
        if not self.skips or not state.advancing or state.requested_ms is not None:
            return
        if now_s - self._skipped_s < SKIP_AGAIN_S:
            return
        longest_ms = round(self.likes.settings.silence_s * 1000)
        heard_ms = shown_position_ms(state, now_s)
        go_on_ms = speech_after_silence_ms(self.view.script, heard_ms, longest_ms)
        if go_on_ms is not None:
            self._skipped_s = now_s
            self._request(Scrub(go_on_ms))

    def do_zoom_in(self) -> None:
        """Show less of the call, more closely."""
        self._zoom_by(1)

    def do_zoom_out(self) -> None:
        """Show more of the call."""
        self._zoom_by(-1)

    def do_zoom_fit(self) -> None:
        """Show the whole call."""
        self._zoom_by(-self.zoom)

    def _zoom_by(self, step: int) -> None:
        state, now_s = self.view.state, self._clock()
        whole = whole_span(shown_duration_ms(state, now_s), is_growing(state))
        self.zoom = min(max(self.zoom + step, 0), deepest_zoom(whole))
        self.draw_time()

    def _hover_text(self) -> tuple[int, str] | None:
        """Return where the mouse is on the timeline, and offset, clock time and word there."""
        at_ms = self.hover_ms
        if at_ms is None:
            return None
        facts = self.call_facts()
        offset = clock_text(at_ms, facts.duration_ms)
        parts = (offset, at_clock(at_ms, facts), word_at(self.view.script, at_ms))
        # One cell a character: a word in wide characters is left out.
        return at_ms, "  ".join(part for part in parts if part and cell_len(part) == len(part))

    def _hint_place(self, text: str) -> Hint:
        if not text.strip():
            return Hint(EXAMPLES)
        place = read_place(text, self.call_facts())
        if isinstance(place, Target):
            return Hint(f"→ {place.told}", "ask")
        return Hint(place)

    def _go_to(self, text: str) -> None:
        if not text.strip():
            return
        place = read_place(text, self.call_facts())
        if isinstance(place, Target):
            self.request(Scrub(place.position_ms))
        else:
            self.note(place)

    def _watch_loop(self) -> None:
        """Wait for the end of the loop, if the call is on its way to it."""
        if self._loop_timer is not None:
            self._loop_timer.stop()
            self._loop_timer = None
        now_s = self._clock()
        due_s = loop_turns_in_s(self.view.state, self.view.navigation.loop, now_s)
        if due_s is None:
            return
        wait_s = max(due_s - LOOP_EARLY_S, self._looped_s + LOOP_AGAIN_S - now_s)
        if wait_s > 0:
            self._loop_timer = self.set_timer(wait_s, self._watch_loop)
            return
        loop = self.view.navigation.loop
        if loop is not None:
            self._looped_s = now_s
            self._request(Scrub(loop.a_ms))
            self._loop_timer = self.set_timer(LOOP_AGAIN_S, self._watch_loop)
