"""The dispatcher's screen: draws the view, and turns keys and pointing into requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace
from textual import events
from textual.app import ComposeResult
from textual.message import Message

from callplayer.ipc.messages import LevelsEvent, Request, SetOutputDevice, StateEvent, StatsEvent
from callplayer.ipc.news import EngineNews
from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.outcome import Outcome
from callplayer.ui.actions.rules import named_capitals, without_search
from callplayer.ui.key_reader import KeyReader
from callplayer.ui.keymap import Action, FrontAction
from callplayer.ui.model.format import Tone, until_turn_s
from callplayer.ui.model.player import (
    PlayerView,
    is_clock_tick,
    with_notice,
    with_remark,
    without_answer,
)
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.screens.player.parts import Parts
from callplayer.ui.screens.player.pointer import CLOSEST, WHOLE
from callplayer.ui.widgets.drag import Asked
from callplayer.ui.widgets.lines import KeyFooter
from callplayer.ui.widgets.paint import PaintedScreen
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.track_heads import TrackHeads
from callplayer.vendor.commands import Scrub

MIN_TICK_S = 0.005

PROMPT_AFTER_S = 0.005
"""How long what comes of a typed letter waits: a search of hours of words may take longer than
to draw the letter."""

RESIZED_S = 0.3
"""After a change of size all is drawn once more when this has passed."""


class PlayerScreen(PaintedScreen[None], inherit_bindings=False):
    """Draws the view; the engine's events and the user's keys change it.

    `incident` is the id asked for; `send` gives a request to the engine and returns whether it was
    taken; `clock` is the system's monotonic clock in s.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PlayerScreen { background: $background; overflow: hidden; }
    PlayerScreen #tracks { height: auto; }
    PlayerScreen #heads { height: 1fr; margin: 0 0 0 1; }
    PlayerScreen #timeline { height: 1fr; margin: 0 1 0 0; }
    PlayerScreen #body, PlayerScreen #body > *, PlayerScreen #small { height: 1fr; }
    PlayerScreen #body { width: 100%; }
    """

    class QuitAsked(Message):
        """The user wants to leave."""

    class BackAsked(Message):
        """The user wants to go back to the list of incidents."""

    class ThemeAsked(Message):
        """The user wants other colours."""

    def __init__(
        self,
        send: Callable[[Request], bool],
        clock: Callable[[], float] = time.monotonic,
        incident: str = "",
        likes: ScreenConfig | None = None,
    ) -> None:
        super().__init__()
        self.likes = likes = likes or ScreenConfig()
        self.control = CallControl(
            send,
            self,
            likes.settings,
            likes.store,
            zone=likes.zone,
            clock=clock,
            asked_id=incident,
            resume_ms=likes.resume_ms,
        )
        self.parts = Parts(self.control, likes)
        self._keys = KeyReader(likes.actions)
        self._turn: asyncio.TimerHandle | None = None
        self._prompt_due: asyncio.TimerHandle | None = None
        panels, pointer = self.parts.panels, self.parts.pointer
        self.front_actions: dict[FrontAction, Callable[[], object]] = {
            "help": lambda: panels.toggle("help"),
            "devices": lambda: panels.toggle("devices"),
            "bookmarks": lambda: panels.toggle("bookmarks"),
            "stats": self._toggle_stats,
            "close": self._close,
            "point": self._point,
            "read": self.parts.read,
            "zoom-in": lambda: pointer.zoom_by(1, CLOSEST),
            "zoom-out": lambda: pointer.zoom_by(-1, WHOLE),
            "zoom-fit": lambda: pointer.zoom_by(-pointer.zoom, WHOLE),
            "palette": self._find_action,
            "theme": lambda: self.post_message(self.ThemeAsked()),
            "suspend": lambda: self.app.action_suspend_process(),  # noqa: PLW0108 - no app yet
            "quit": lambda: self.post_message(self.QuitAsked()),
        }

    @property
    def view(self) -> PlayerView:
        """All that is drawn."""
        return self.control.view

    def compose(self) -> ComposeResult:
        """Lay out the parts from top to bottom."""
        yield from self.parts

    def on_mount(self) -> None:
        """Start the clock; read what was kept."""
        self.parts.lay_out()
        self.control.load_bookmarks()
        self._wait_for_turn()

    def on_resize(self) -> None:
        """Share the window out anew, and draw all of it once more when that has settled.

        On a busy machine Textual can lose the update that follows a change of size.
        """
        self.parts.size = self.size
        self.parts.lay_out()
        self.set_timer(RESIZED_S, self.app.refresh)

    # --- what the engine reports ------------------------------------------------------------------

    def take(self, event: EngineNews) -> None:
        """Draw what an event changes."""
        before = self.view
        self.control.take(event)
        if isinstance(event, LevelsEvent):
            return
        if isinstance(event, StateEvent) and self.is_mounted:
            self._wait_for_turn()
        if isinstance(event, StatsEvent):
            self.parts.header.show(self.view)
            if self.parts.shows_stats:
                self.parts.stats.show(event)
            return
        if is_clock_tick(before, self.view, self.control.clock()):
            return
        if self.view.state.lanes != before.state.lanes:
            self.parts.read_meters()
        has_come = bool(self.view.script) and not before.script
        if self.view.devices != before.devices or has_come:
            self.parts.lay_out()
        self.parts.draw()

    def tick(self) -> None:
        """Draw what changes by itself as time goes by."""
        self.parts.panels.keep_fresh(self.control.clock())
        self.control.skip_silence()
        self.parts.draw_time()
        if self.parts.read_meters():
            self.parts.draw_parties()
        self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        """Draw again when the clock's last digit turns over: ten times a second, and on time."""
        if self._turn is not None:
            self._turn.cancel()
        wait_s = until_turn_s(self.view.state, self.control.clock())
        # A timer of Textual's is a task of its own, a message wakes one: ten of them a second cost
        # more than the clock.
        loop = asyncio.get_running_loop()
        self._turn = loop.call_later(max(wait_s, MIN_TICK_S), self._tick)

    def _tick(self) -> None:
        try:
            self.tick()
        except Exception as error:  # it must end the application, as one of its own tasks does
            self.call_next(_fail, error)

    def on_unmount(self) -> None:
        """Stop the clock."""
        for timer in (self._turn, self._prompt_due):
            if timer is not None:
                timer.cancel()

    def on_screen_suspend(self) -> None:
        """The palette lies over this screen, and its keys go there."""
        self.parts.palette_is_open = True
        self.parts.draw_time()

    def on_screen_resume(self) -> None:
        """The keys come here again."""
        self.parts.palette_is_open = False
        self.parts.draw_time()

    # --- keys -------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Give a key to the line being typed, to what the keys are in, or to its action."""
        if self.control.type_key(event.key, event.character) is not None:
            self.parts.draw_time()
        elif not self._press(event.key, event.character or ""):
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Take a pasted text into the line that is being typed."""
        if self.control.prompt is not None:
            event.stop()
            self.control.paste(event.text)

    def _press(self, key: str, character: str) -> bool:
        """Do what a key stands for, and say what is to be said of the key itself."""
        parts = self.parts
        key, remark = self._keys.read(key, character, named_capitals(self.view))
        if parts.panels.press(key) or parts.pointer.press(key) or parts.words.press(key):
            return True
        action = self._keys.action(key)
        if action is not None:
            self.act(action)
        if remark:
            self.control.view = with_remark(self.view, remark, self.control.clock())
            self.parts.draw_time()
        return action is not None or bool(remark)

    def act(self, action: Action) -> None:
        """Do one action of the keymap."""
        self.control.view = without_answer(self.view)
        self.likes.first_run.use(action.name)
        if action.rule is not None:
            self.control.do(action.rule)
        elif action.front is not None:
            self.front_actions[action.front]()

    def _toggle_stats(self) -> None:
        self.parts.shows_stats = not self.parts.shows_stats
        self.parts.lay_out()

    def _close(self) -> None:
        """Hide panels and statistics; with none open, end reading and searching, or go back."""
        parts, words, is_open = self.parts, self.parts.words, self.parts.panels.open is not None
        if parts.pointer.point_ms is not None and not is_open:
            parts.pointer.stop()
        elif is_open or parts.shows_stats:
            parts.shows_stats = False
            parts.panels.show(None)
        else:
            if self.likes.can_go_back and not self.view.found.wanted and words.follows:
                self.post_message(self.BackAsked())
            words.follow()
            self.control.do(without_search)

    def _point(self) -> None:
        """Let the arrows point at a place on the timeline, or no more; no panel takes them."""
        self.parts.panels.close()
        self.parts.pointer.toggle()

    def _find_action(self) -> None:
        """Let an action be found by typing."""
        from callplayer.ui.screens.player.palette import palette

        self.app.push_screen(palette(self.likes.actions, self.act))

    # --- what comes of them -----------------------------------------------------------------------

    def note(self, text: str, tone: Tone = "hold") -> None:
        """Show a note for a few seconds."""
        self.control.view = with_notice(self.view, text, self.control.clock(), tone)
        self.parts.draw_time()

    def carried_out(self, outcome: Outcome, before: PlayerView) -> None:
        """Show what an outcome changed."""
        if outcome.cited:
            self._copy(outcome.cited)
        if outcome.prompt is not None and outcome.prompt.shows_words:
            self.parts.panels.close()
        place_ms = next((one.position for one in outcome.requests if isinstance(one, Scrub)), None)
        if self.view.found is not before.found:
            self._show_found(place_ms)
            self.parts.draw_facts()
        if outcome.keep is not None and self.parts.panels.open == "bookmarks":
            self.parts.lay_out()
        if self.view.selected != before.selected:
            self.parts.draw_parties()
        if place_ms is not None:
            self.parts.panels.point_at(place_ms)
        if self.view is not before or outcome.prompt is not None:
            self.parts.draw_time()

    def prompt_changed(self) -> None:
        """Show what is typed, and what comes of it as soon as that is drawn."""
        if self._prompt_due is not None:
            self._prompt_due.cancel()
        loop = asyncio.get_running_loop()
        self._prompt_due = loop.call_later(PROMPT_AFTER_S, self.control.run_changed)
        self.parts.draw_time()

    def _show_found(self, place_ms: int | None) -> None:
        """Bring a hit in sight, and stay there until the jump to it, if any, is heard."""
        found, words = self.view.found, self.parts.words
        if found.hit is not None:
            words.bring_to(found.hit)
            if place_ms is not None:
                words.expect(place_ms)
        elif not found.wanted:
            words.follow()

    def _copy(self, text: str) -> None:
        """Copy a citation to the clipboard, and into its file if there is one."""
        self.app.copy_to_clipboard(text)
        self.note(self.likes.keep_citation(text), "text")

    # --- the mouse --------------------------------------------------------------------------------

    def on_asked(self, message: Asked) -> None:
        """Send what was pointed at; a list of devices has done its work."""
        if isinstance(message.request, SetOutputDevice):
            self.parts.panels.close()
        self.control.request(message.request)

    def on_timeline_hovered(self, message: Timeline.Hovered) -> None:
        """Show the place that the mouse is over."""
        self.parts.pointer.hover(message.column)

    def on_timeline_zoomed(self, message: Timeline.Zoomed) -> None:
        """Look closer, or from farther away."""
        self.parts.pointer.zoom_by(message.step)

    def on_key_footer_pressed(self, message: KeyFooter.Pressed) -> None:
        """Press what was clicked."""
        self.app.simulate_key(message.key)

    def on_track_heads_picked(self, message: TrackHeads.Picked) -> None:
        """Select the party that was clicked."""
        self.control.carry_out(Outcome(replace(self.view, selected=message.party)))


def _fail(error: Exception) -> None:
    raise error
