"""The keys that move about in the call: go to a place, and the A–B loop's way back."""

from __future__ import annotations

from textual.timer import Timer

from callplayer.ui.model.format import clock_text, is_growing, shown_duration_ms
from callplayer.ui.model.navigation import loop_turns_in_s
from callplayer.ui.model.prompt import Prompt, PromptHint
from callplayer.ui.model.skip_silence import SilenceSkipping
from callplayer.ui.model.time_input import EXAMPLES, MAX_CHARS, TimeTarget, at_clock, read_place
from callplayer.ui.model.transcript import word_at
from callplayer.ui.model.zoom import deepest_zoom, whole_span
from callplayer.ui.screens.player.base import PlayerBase
from callplayer.ui.widgets.timeline import POINT_MOVES, Timeline
from callplayer.ui.widgets.timeline_rows import PointedPlace
from callplayer.vendor.commands import Scrub

LOOP_EARLY_S = 0.004
"""A jump takes this long to reach the engine: it is sent so much before B is heard."""

LOOP_AGAIN_S = 0.25
"""After a jump back, the loop waits at least this long for the engine's state."""

WHOLE = "The whole call is shown."


class MoveKeys(PlayerBase, inherit_bindings=False):
    """Go to, the loop, pointing at a place, and how close the timeline is looked at.

    `hover_column` is what the mouse is over: what stands there changes as the timeline does.
    `point_ms` is what the keys point at. None: neither.
    """

    timeline: Timeline
    _skipping: SilenceSkipping
    _loop_timer: Timer | None = None
    _looped_s = float("-inf")
    zoom = 0
    hover_column: int | None = None
    point_ms: int | None = None

    def do_go_to(self) -> None:
        """Ask for a place and go there."""
        self.ask(Prompt("Go to", self._hint_place, self._go_to, max_chars=MAX_CHARS))

    def do_skip_silence(self) -> None:
        """Jump over silence that the words or what was heard know of, or no more."""
        self.note(self._skipping.turn(self.likes.settings.silence_s, self.view), "text")

    def _skip_silence(self) -> None:
        longest_s = self.likes.settings.silence_s
        skip = self._skipping.due(self.view, self.timeline.lanes, longest_s, self._clock())
        if skip is not None:
            self._request(Scrub(skip.to_ms))
            self.note(skip.notice, "text")

    def do_zoom_in(self) -> None:
        """Show less of the call, more closely."""
        if not self._zoom_by(1):
            self.note("The timeline is as close as it gets.", "text")

    def do_zoom_out(self) -> None:
        """Show more of the call."""
        if not self._zoom_by(-1):
            self.note(WHOLE, "text")

    def do_zoom_fit(self) -> None:
        """Show the whole call."""
        if not self._zoom_by(-self.zoom):
            self.note(WHOLE, "text")

    def _zoom_by(self, step: int) -> bool:
        """Look `step` times twice as close; return whether that changed anything."""
        state, now_s, before = self.view.state, self._clock(), self.zoom
        whole = whole_span(shown_duration_ms(state, now_s), is_growing(state))
        self.zoom = min(max(before + step, 0), deepest_zoom(whole))
        self.draw_time()
        return self.zoom != before

    def do_point(self) -> None:
        """Let the arrows point at a place on the timeline, or no more."""
        if self.point_ms is not None:
            self._stop_pointing()
        elif self.view.state.duration_ms <= 0:
            self.note("The length of the call is not known yet.")
        else:
            self.close_panel()
            self.point_ms, self.hover_column = self.call_facts().here_ms, None
            self.draw_time()

    def _pointing_key(self, key: str) -> bool:
        """Give a key to the place that is pointed at; return whether it was for it."""
        if self.point_ms is None or not self.timeline.display:
            return False
        if key == "enter":
            place_ms = self.point_ms
            self._stop_pointing()
            self.request(Scrub(place_ms))
        elif key in POINT_MOVES:
            self.point_ms, self.hover_column = self.timeline.moved(self.point_ms, key), None
            self.draw_time()
        else:
            return False
        return True

    def _stop_pointing(self) -> None:
        self.point_ms = None
        self.draw_time()

    def _pointed(self) -> PointedPlace | None:
        """Return what is pointed at, and offset, clock time and word there."""
        column = self.hover_column
        at_ms = self.point_ms if column is None else self.timeline.position_at(column)
        if at_ms is None:
            return None
        facts = self.call_facts()
        offset = clock_text(at_ms, facts.duration_ms)
        word = word_at(self.view.script, at_ms, self.timeline.column_ms // 2)
        parts = (offset, at_clock(at_ms, facts), word)
        return PointedPlace(at_ms, "  ".join(part for part in parts if part), by_key=column is None)

    def _hint_place(self, text: str) -> PromptHint:
        if not text.strip():
            return PromptHint(EXAMPLES)
        place = read_place(text, self.call_facts())
        if isinstance(place, TimeTarget):
            return PromptHint(f"→ {place.text}", "ask")
        return PromptHint(place)

    def _go_to(self, text: str) -> None:
        if not text.strip():
            return
        place = read_place(text, self.call_facts())
        if isinstance(place, TimeTarget):
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
