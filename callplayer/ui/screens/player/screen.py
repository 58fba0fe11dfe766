"""The dispatcher's screen: draws the view, and turns keys and pointing into requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from textual import events
from textual.message import Message

from callplayer.ipc.messages import AdjustGain, LevelsEvent, SetPartyGain, StateEvent, StatsEvent
from callplayer.ipc.news import EngineNews
from callplayer.ui.keymap import Action, by_key
from callplayer.ui.model.format import is_heard, shown_position_ms, until_turn_s
from callplayer.ui.model.player import (
    PlayerView,
    call_levels,
    is_clock_tick,
    reduce,
    select_next_party,
    without_answer,
)
from callplayer.ui.screens.player.parts import Parts
from callplayer.ui.widgets.lines import KeyFooter
from callplayer.ui.widgets.party import PartyPanel

MIN_TICK_S = 0.005


class PlayerScreen(Parts, inherit_bindings=False):
    """Draws the view; the engine's events and the user's keys change it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PlayerScreen { background: $background; overflow: hidden; }
    PlayerScreen #rest { height: 1fr; }
    PlayerScreen #small { height: 1fr; }
    """

    _turn: asyncio.TimerHandle | None = None

    class QuitAsked(Message):
        """The user wants to leave."""

    class BackAsked(Message):
        """The user wants to go back to the list of incidents."""

    class ThemeAsked(Message):
        """The user wants other colours."""

    def on_mount(self) -> None:
        """Start the clock; read what was kept."""
        self._keys = by_key(self.likes.actions)
        self.lay_out()
        self.load_bookmarks()
        self._wait_for_turn()

    def take(self, event: EngineNews) -> None:
        """Draw what an event changes."""
        before = self.view
        self.view = reduce(before, event, self._clock())
        if isinstance(event, LevelsEvent):
            self._note_heard()
            return
        if isinstance(event, StateEvent) and self.is_mounted:
            self._wait_for_turn()
            self._watch_loop()
        if isinstance(event, StatsEvent):
            self.header.show(self.view)
            if self._stats:
                self.stats_panel.show(event)
            return
        if is_clock_tick(before, self.view, self._clock()):
            return
        if self.view.state.lanes != before.state.lanes:
            self._read_meters()
        if self.view.script is not before.script:
            self._search_again()
        has_come = bool(self.view.script) and not before.script
        if self.view.devices != before.devices or has_come:
            self.lay_out()
        self.draw()

    def _note_heard(self) -> None:
        """Note in the lanes how loud it is at the place that is heard."""
        now_s, state = self._clock(), self.view.state
        if self.is_mounted and is_heard(state, now_s) and self.view.link.quality != "cut":
            self.timeline.lanes.note(call_levels(self.view), shown_position_ms(state, now_s))

    def tick(self) -> None:
        """Draw what changes by itself as time goes by."""
        now_s = self._clock()
        self._keep_devices_fresh(now_s)
        if self.view.quiet_since_s is not None:
            # Levels that stand still are not emitted again.
            self._note_heard()
        self._skip_silence()
        self.draw_time()
        if self._read_meters():
            self._draw_parties()
        self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        """Draw again when the clock's last digit turns over: ten times a second, and on time."""
        if self._turn is not None:
            self._turn.cancel()
        wait_s = until_turn_s(self.view.state, self._clock())
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
        if self._turn is not None:
            self._turn.cancel()

    def on_key(self, event: events.Key) -> None:
        """Give a key to the line being typed, to the open panel, or to its action."""
        if not (self._answer_key(event) or self._act_on(event)):
            return
        event.stop()
        event.prevent_default()

    def _act_on(self, event: events.Key) -> bool:
        """Do what a key stands for; a capital without an action counts as small (Caps Lock)."""
        key, character = event.key, event.character or ""
        if key not in self._keys and character.isalpha() and len(character) == 1:
            key = character.lower()
        if self._panel_key(key) or self._pointing_key(key) or self._reading_key(key):
            return True
        action = self._keys.get(key)
        if action is not None:
            self.act(action)
        return action is not None

    def act(self, action: Action) -> None:
        """Do one action of the keymap."""
        self.view = without_answer(self.view)
        if action.screen is not None:
            getattr(self, f"do_{action.screen}")()
        elif action.request is not None:
            self.request(action.request)
        elif action.steer is not None:
            state, navigation = self.view.state, self.view.navigation
            self.take_step(action.steer(state, navigation, self.likes.settings, self._clock()))
            self._watch_loop()
        elif action.ask is not None:
            answer = action.ask(self.view)
            if isinstance(answer, str):
                self.note(answer)
            else:
                self.request(answer)

    def do_next_party(self) -> None:
        """Select the other party."""
        self._select(select_next_party(self.view))

    def do_last_party(self) -> None:
        """Select the other party."""
        self.do_next_party()

    def do_toggle_stats(self) -> None:
        """Show or hide the statistics."""
        self._stats = not self._stats
        self.lay_out()

    def do_close_panels(self) -> None:
        """Hide panels and statistics; with none open, end reading and searching, or go back."""
        if self.point_ms is not None and self._open is None:
            self._stop_pointing()
            return
        if self._open is None and not self._stats:
            if self.likes.can_go_back and not self._found.wanted and self.transcript_pane.follows:
                self.post_message(self.BackAsked())
            self._leave_reading()
            return
        self._open = None
        self._stats = False
        self.lay_out()

    def do_palette(self) -> None:
        """Let an action be found by typing."""
        from callplayer.ui.screens.player.palette import palette

        self.app.push_screen(palette(self.likes.actions, self.act))

    def do_next_theme(self) -> None:
        """Change the colours."""
        self.post_message(self.ThemeAsked())

    def do_quit(self) -> None:
        """Leave."""
        self.post_message(self.QuitAsked())

    def on_key_footer_pressed(self, message: KeyFooter.Pressed) -> None:
        """Press what was clicked."""
        self.app.simulate_key(message.key)

    def on_party_panel_picked(self, message: PartyPanel.Picked) -> None:
        """Select the party that was clicked."""
        self._select(replace(self.view, selected=message.party))

    def on_party_panel_gain_set(self, message: PartyPanel.GainSet) -> None:
        """Set a volume."""
        self.request(SetPartyGain(message.gain_db, message.party))

    def on_party_panel_gain_nudged(self, message: PartyPanel.GainNudged) -> None:
        """Turn a volume up or down."""
        self.request(AdjustGain(message.delta_db, message.party))

    def _select(self, view: PlayerView) -> None:
        self.view = view
        self._draw_parties()


def _fail(error: Exception) -> None:
    raise error
