"""The dispatcher's screen: draws the view, and turns keys and pointing into requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from callplayer.engine.messages import (
    AdjustGain,
    Event,
    LevelsEvent,
    PartyLevel,
    SetGain,
    StateEvent,
    StatsEvent,
)
from callplayer.ui.engine_client import EngineGone, EngineRestarting
from callplayer.ui.keymap import Action, by_key
from callplayer.ui.layout import ALWAYS_ROWS, MIN_HEIGHT, MIN_WIDTH, Plan, plan
from callplayer.ui.model import (
    PlayerView,
    after,
    only_time_passed,
    select_party,
    shown_notice,
)
from callplayer.ui.screens import arrangement
from callplayer.ui.screens.pointing import Pointing
from callplayer.ui.silence import Skipping
from callplayer.ui.view import is_heard, shown_position_ms, until_turn_s
from callplayer.ui.widgets.bookmarks import BookmarksPanel
from callplayer.ui.widgets.clock import Clock, small_rows, state_line
from callplayer.ui.widgets.devices import DevicesPanel
from callplayer.ui.widgets.lines import (
    STATS_ROWS,
    Header,
    HelpPanel,
    KeyFooter,
    NoticeArea,
    StatsPanel,
)
from callplayer.ui.widgets.party import PartyPanel
from callplayer.ui.widgets.rows import EDGE_CELLS, Rows
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.transcript import TranscriptPane

MIN_TICK_S = 0.005
LEVELS_LAST_S = 0.5
"""Levels older than this are taken for silence."""

RESIZED_S = 0.3
"""So long after a change of size all is drawn once more."""


class PlayerScreen(Pointing, inherit_bindings=False):
    """Draws the view; the engine's events and the user's keys change it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PlayerScreen { background: $background; overflow: hidden; }
    PlayerScreen #rest { height: 1fr; }
    PlayerScreen #small { height: 1fr; }
    """

    class QuitAsked(Message):
        """The user wants to leave."""

    _is_small = False
    _stats = False
    _turn: asyncio.TimerHandle | None = None

    class BackAsked(Message):
        """The user wants to go back to the list of incidents."""

    class ThemeAsked(Message):
        """The user wants other colours."""

    def compose(self) -> ComposeResult:
        """Lay out the parts from top to bottom."""
        self._panels: dict[str, PartyPanel] = {}
        self._meters: dict[str, PartyLevel] = {}
        self._keys = by_key(self.likes.actions)
        self._skipping = Skipping()
        self.header = Header(id="header")
        self.large_clock = Clock(id="clock")
        self.timeline = Timeline(id="timeline")
        self.help_panel = HelpPanel(id="help")
        self.devices_panel = DevicesPanel(id="devices")
        self.bookmarks_panel = BookmarksPanel(id="bookmarks")
        self.stats_panel = StatsPanel(id="stats")
        self.transcript_pane = TranscriptPane(id="words")
        self.rest = Rows(id="rest")
        self.notice = NoticeArea(id="notice")
        self.key_footer = KeyFooter(id="footer")
        self.small = Rows(id="small")
        self.header.hide_phone = self.likes.settings.hide_phone
        self.help_panel.actions = self.key_footer.actions = self.likes.actions
        yield self.header
        yield self.large_clock
        yield self.timeline
        yield self.help_panel
        yield self.devices_panel
        yield self.bookmarks_panel
        yield self.stats_panel
        yield self.transcript_pane
        yield self.rest
        yield self.notice
        yield self.key_footer
        yield self.small

    def on_mount(self) -> None:
        """Start the clock; read what was kept."""
        self.lay_out()
        self.load_bookmarks()
        self._wait_for_turn()

    def on_resize(self) -> None:
        """Share the window out anew, and draw all of it once more when that has settled.

        On a busy machine Textual can lose the update that follows a change of size.
        """
        self.lay_out()
        self.set_timer(RESIZED_S, self.app.refresh)

    def take(self, event: Event | EngineRestarting | EngineGone) -> None:
        """Draw what the engine told."""
        before = self.view
        self.view = after(before, event, self._clock())
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
        if only_time_passed(before, self.view, self._clock()):
            return
        if self.view.parties != before.parties:
            self._mount_panels()
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
            self.timeline.lanes.note(self.view.levels, shown_position_ms(state, now_s))

    def tick(self) -> None:
        """Draw what changes by itself as time goes by."""
        now_s = self._clock()
        self._keep_devices_fresh(now_s)
        if self.view.quiet_since_s is not None:
            # Levels that stand still are not told again.
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

    def draw(self) -> None:
        """Draw everything."""
        self.header.show(self.view)
        self.key_footer.show(self.view.state)
        self.draw_time()
        self._draw_parties()
        self._draw_panel()
        if self._stats:
            self.stats_panel.show(self.view.stats)

    def draw_time(self) -> None:
        """Draw what changes as time goes by: clock, timeline, notice or the line being typed."""
        now_s, state = self._clock(), self.view.state
        if self._is_small:
            needs = f"callplayer needs {MIN_WIDTH}×{MIN_HEIGHT}"
            lines = (state_line(state, now_s), needs)
            self.small.draw_with(lambda width, height: small_rows(lines, width, height))
            return
        self.large_clock.show(state, now_s)
        marks = self._marked(now_s)
        look_ms = shown_position_ms(state, now_s) if self.point_ms is None else self.point_ms
        self.timeline.show(state, now_s, marks, self.view.script, zoom=self.zoom, look_ms=look_ms)
        if self.transcript_pane.display:
            note = "reconnecting" if self.view.transcript == "reconnecting" else ""
            heard_ms = shown_position_ms(state, now_s)
            self.transcript_pane.show(self.view.script, heard_ms, self._found, note)
        if self._question is not None:
            self.notice.ask(self._question)
        else:
            self.notice.show(shown_notice(self.view, now_s))

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
        """Select the next party."""
        self._select(select_party(self.view, 1))

    def do_last_party(self) -> None:
        """Select the party before."""
        self._select(select_party(self.view, -1))

    def do_toggle_stats(self) -> None:
        """Show or hide the statistics."""
        self._stats = not self._stats
        self.lay_out()

    def do_close_panels(self) -> None:
        """Hide panels and statistics; with none open, end reading and searching, or go back."""
        if self.point_ms is not None:
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
        from callplayer.ui.screens.palette import palette

        self.app.push_screen(palette())

    def do_next_theme(self) -> None:
        """Change the colours."""
        self.post_message(self.ThemeAsked())

    def do_quit(self) -> None:
        """Leave."""
        self.post_message(self.QuitAsked())

    def on_key_footer_pressed(self, message: KeyFooter.Pressed) -> None:
        """Do what was clicked."""
        self.act(message.action)

    def on_party_panel_picked(self, message: PartyPanel.Picked) -> None:
        """Select the party that was clicked."""
        self._select(replace(self.view, selected=message.party, chosen=True))

    def on_party_panel_gain_set(self, message: PartyPanel.GainSet) -> None:
        """Set a volume."""
        self.request(SetGain(message.gain_db, message.party))

    def on_party_panel_gain_nudged(self, message: PartyPanel.GainNudged) -> None:
        """Turn a volume up or down."""
        self.request(AdjustGain(message.delta_db, message.party))

    def lay_out(self) -> None:
        """Share the window out anew."""
        width, height = self.size.width - 2 * EDGE_CELLS, self.size.height
        small = self.size.width < MIN_WIDTH or height < MIN_HEIGHT
        self._is_small = small
        self._show_parts(small)
        if not small:
            chosen = plan(
                width,
                height,
                len(self._panels) or 2,
                help_rows=self._panel_rows(width, height - ALWAYS_ROWS),
                stats_rows=STATS_ROWS if self._stats else 0,
                words=bool(self.view.script),
            )
            self._apply(chosen)
            missing = max(chosen.panels - len(self._panels), 0)
            has_rest = chosen.rows - missing * chosen.panel_rows < height
            self.transcript_pane.display = chosen.words_rows > 0
            self.rest.display = has_rest and not chosen.words_rows
        self.draw()

    def _show_parts(self, small: bool) -> None:
        """Show the one line of a small window, or else all the rest."""
        self.small.display = small
        always = (self.header, self.large_clock, self.rest, self.notice, self.key_footer)
        arrangement.show_all(always, not small)
        if small:
            panels = (self.help_panel, self.devices_panel, self.bookmarks_panel, self.stats_panel)
            others = (self.timeline, self.transcript_pane, *self._panels.values())
            arrangement.show_all((*panels, *others), False)

    def _apply(self, chosen: Plan) -> None:
        """Give every part its height."""
        arrangement.arrange_clock(self.large_clock, chosen)
        arrangement.arrange_timeline(self.timeline, chosen)
        arrangement.arrange_parties(tuple(self._panels.values()), chosen)
        for name, panel in (
            ("help", self.help_panel),
            ("devices", self.devices_panel),
            ("bookmarks", self.bookmarks_panel),
        ):
            arrangement.arrange_panel(panel, chosen, is_open=self._open == name)
        self.stats_panel.display = chosen.stats_rows > 0
        self.stats_panel.styles.height = chosen.stats_rows
        self.notice.styles.height = chosen.notice_rows

    def _select(self, view: PlayerView) -> None:
        self.view = view
        self._draw_parties()

    def _read_meters(self) -> bool:
        """Take the levels over into the meters; tell whether they changed.

        They are drawn with the clock and at no other time: each repaint in between would make a
        digit that turns over wait for Textual's next frame.
        """
        fresh = self._clock() - self.view.levels_at_s <= LEVELS_LAST_S
        before, self._meters = (
            self._meters,
            {level.party: level for level in self.view.levels} if fresh else {},
        )
        return self._meters != before

    def _draw_parties(self) -> None:
        for party in self.view.state.parties:
            panel = self._panels.get(party.party)
            if panel is not None:
                selected = party.party == self.view.selected
                panel.show(party, self._meters.get(party.party), selected=selected)

    def _mount_panels(self) -> None:
        for panel in self._panels.values():
            panel.remove()
        self._panels = {party: PartyPanel(party) for party in self.view.parties}
        self._read_meters()
        self.mount_all(self._panels.values(), before=self.help_panel)
        self.lay_out()


def _fail(error: Exception) -> None:
    raise error
