"""The keys that move about in the call: go to a place, and the A–B loop's way back."""

from __future__ import annotations

from textual.timer import Timer

from callplayer.ui.goto import EXAMPLES, MAX_CHARS, Target, read_place
from callplayer.ui.navigation import loop_turns_in_s
from callplayer.ui.question import Hint, Question
from callplayer.ui.screens.base import PlayerBase
from callplayer.wire import Scrub

LOOP_EARLY_S = 0.004
"""What a jump takes on its way to the engine: it is asked for so much before B is heard."""

LOOP_AGAIN_S = 0.25
"""After a jump back, the engine's word of it is waited for at least so long."""


class Moving(PlayerBase, inherit_bindings=False):
    """Go to, and the loop."""

    _loop_timer: Timer | None = None
    _looped_s = float("-inf")

    def do_go_to(self) -> None:
        """Ask for a place and go there."""
        self.ask(Question("Go to", self._hint_place, self._go_to, max_chars=MAX_CHARS))

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
