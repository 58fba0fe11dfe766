"""The dispatcher's screen: draws the view, and turns keys and pointing into requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from callplayer.engine.messages import (
    AdjustGain,
    Event,
    LevelsEvent,
    ListDevices,
    PartyLevel,
    Request,
    SetGain,
    SetOutputDevice,
    StateEvent,
)
from callplayer.ui.engine_client import EngineGone, EngineRestarting
from callplayer.ui.keymap import KEYS, Action
from callplayer.ui.layout import MIN_HEIGHT, MIN_WIDTH, Plan, plan
from callplayer.ui.model import PlayerView, after, select_party, shown_notice, with_notice
from callplayer.ui.view import until_turn_s
from callplayer.ui.widgets.clock import Clock, small_rows, state_line
from callplayer.ui.widgets.devices import MOVES, DevicesPanel, devices_height
from callplayer.ui.widgets.lines import (
    STATS_ROWS,
    Header,
    HelpPanel,
    KeyFooter,
    NoticeArea,
    StatsPanel,
    help_height,
)
from callplayer.ui.widgets.party import PartyPanel
from callplayer.ui.widgets.pixels import cell_rows
from callplayer.ui.widgets.rows import EDGE_CELLS, Rows
from callplayer.ui.widgets.timeline import Timeline
from callplayer.wire import Scrub

MIN_TICK_S = 0.005
LEVELS_LAST_S = 0.5
"""Levels older than this are taken for silence."""
DEVICES_S = 2.0
"""How often the open device picker asks anew: a device may come while it is looked for."""

ALWAYS_ROWS = 6
"""Header, clock at its smallest, notice and footer."""


def _below_gap(gap: bool) -> tuple[int, int, int, int]:
    """Return the margins (top, right, bottom, left) of a part, in cells."""
    return (int(gap), EDGE_CELLS, 0, EDGE_CELLS)


class PlayerScreen(Screen[None], inherit_bindings=False):
    """Holds the view; the engine's events and the user's keys change it.

    `incident` is the id asked for; `send` gives a request to the engine and tells whether it was
    taken; `clock` is the system's monotonic clock in s.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PlayerScreen { background: $background; overflow: hidden; }
    PlayerScreen #rest { height: 1fr; }
    PlayerScreen #small { height: 1fr; }
    """

    class QuitAsked(Message):
        """The user wants to leave."""

    def __init__(
        self,
        send: Callable[[Request], bool],
        clock: Callable[[], float] = time.monotonic,
        incident: str = "",
    ) -> None:
        super().__init__()
        self._send = send
        self._clock = clock
        self._panels: dict[str, PartyPanel] = {}
        self._meters: dict[str, PartyLevel] = {}
        self._is_small = False
        self._help = False
        self._stats = False
        self._turn: Timer | None = None
        self._devices_asked_s: float | None = None
        self.view = PlayerView(asked_id=incident)

    def compose(self) -> ComposeResult:
        """Lay out the parts from top to bottom."""
        self.header = Header(id="header")
        self.large_clock = Clock(id="clock")
        self.timeline = Timeline(id="timeline")
        self.help_panel = HelpPanel(id="help")
        self.devices_panel = DevicesPanel(id="devices")
        self.stats_panel = StatsPanel(id="stats")
        self.rest = Rows(id="rest")
        self.notice = NoticeArea(id="notice")
        self.key_footer = KeyFooter(id="footer")
        self.small = Rows(id="small")
        yield self.header
        yield self.large_clock
        yield self.timeline
        yield self.help_panel
        yield self.devices_panel
        yield self.stats_panel
        yield self.rest
        yield self.notice
        yield self.key_footer
        yield self.small

    def on_mount(self) -> None:
        """Start the clock."""
        self._lay_out()
        self._wait_for_turn()

    def on_resize(self) -> None:
        """Share the window out anew."""
        self._lay_out()

    def take(self, event: Event | EngineRestarting | EngineGone) -> None:
        """Draw what the engine told."""
        before = self.view
        self.view = after(before, event, self._clock())
        if isinstance(event, LevelsEvent):
            return
        if self.view.parties != before.parties:
            self._mount_panels()
        if self.view.devices != before.devices:
            self._lay_out()
        self.draw()
        if isinstance(event, StateEvent) and self.is_mounted:
            self._wait_for_turn()

    def tick(self) -> None:
        """Draw what changes by itself as time goes by."""
        now_s = self._clock()
        if self._devices_asked_s is not None and now_s - self._devices_asked_s >= DEVICES_S:
            self._ask_for_devices()
        self._draw_time(now_s)
        if self._read_meters():
            self._draw_parties()
        self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        """Draw again when the clock's last digit turns over: ten times a second, and on time."""
        if self._turn is not None:
            self._turn.stop()
        wait_s = until_turn_s(self.view.state, self._clock())
        self._turn = self.set_timer(max(wait_s, MIN_TICK_S), self.tick)

    def draw(self) -> None:
        """Draw everything."""
        self.header.show(self.view)
        self.key_footer.show(self.view.state)
        self._draw_time(self._clock())
        self._draw_parties()
        if self._devices_asked_s is not None:
            self.devices_panel.show(self.view.devices)
        if self._stats:
            self.stats_panel.show(self.view.stats)

    def on_key(self, event: events.Key) -> None:
        """Do what the key stands for; capitals count as small letters (Caps Lock)."""
        character = event.character or ""
        key = character.lower() if character.isalpha() and len(character) == 1 else event.key
        if self._devices_asked_s is not None and key in (*MOVES, "enter"):
            event.stop()
            event.prevent_default()
            self._pick_device(key)
            return
        action = KEYS.get(key)
        if action is not None:
            event.stop()
            event.prevent_default()
            self.act(action)

    def act(self, action: Action) -> None:
        """Do one action of the keymap."""
        if action.screen is not None:
            getattr(self, f"do_{action.screen}")()
        elif action.request is not None:
            self.request(action.request)
        elif action.ask is not None:
            answer = action.ask(self.view)
            if isinstance(answer, str):
                self._note(answer)
            else:
                self.request(answer)

    def request(self, request: Request) -> None:
        """Send a request to the engine, or say that it cannot be sent."""
        if self.view.failure is not None:
            return
        if not self._send(request):
            self._note("The audio engine is not ready; press the key again in a moment.")

    def do_next_party(self) -> None:
        """Select the next party."""
        self._select(select_party(self.view, 1))

    def do_last_party(self) -> None:
        """Select the party before."""
        self._select(select_party(self.view, -1))

    def do_toggle_help(self) -> None:
        """Show or hide all keys; the clock stays."""
        self._help = not self._help
        self._devices_asked_s = None
        self._lay_out()

    def do_toggle_devices(self) -> None:
        """Show or hide the device picker; the clock stays."""
        if self._devices_asked_s is None:
            self._help = False
            self.devices_panel.open()
            self._ask_for_devices()
        else:
            self._devices_asked_s = None
        self._lay_out()

    def do_toggle_stats(self) -> None:
        """Show or hide the statistics."""
        self._stats = not self._stats
        self._lay_out()

    def do_close_panels(self) -> None:
        """Hide help, device picker and statistics."""
        self._help = self._stats = False
        self._devices_asked_s = None
        self._lay_out()

    def do_quit(self) -> None:
        """Leave."""
        self.post_message(self.QuitAsked())

    def on_timeline_scrubbed(self, message: Timeline.Scrubbed) -> None:
        """Move the cursor to where the user points."""
        self.request(Scrub(message.position_ms))

    def on_party_panel_picked(self, message: PartyPanel.Picked) -> None:
        """Select the party that was clicked."""
        self._select(replace(self.view, selected=message.party, chosen=True))

    def on_party_panel_gain_set(self, message: PartyPanel.GainSet) -> None:
        """Set a volume."""
        self.request(SetGain(message.gain_db, message.party))

    def on_party_panel_gain_nudged(self, message: PartyPanel.GainNudged) -> None:
        """Turn a volume up or down."""
        self.request(AdjustGain(message.delta_db, message.party))

    def _ask_for_devices(self) -> None:
        self._devices_asked_s = self._clock()
        self.request(ListDevices())

    def _pick_device(self, key: str) -> None:
        if key in MOVES:
            self.devices_panel.move(key)
            return
        picked = self.devices_panel.picked
        if picked is not None:
            self.do_toggle_devices()
            self.request(SetOutputDevice(picked))

    def _select(self, view: PlayerView) -> None:
        self.view = view
        self._draw_parties()

    def _note(self, text: str) -> None:
        now_s = self._clock()
        self.view = with_notice(self.view, text, now_s)
        self._draw_time(now_s)

    def _draw_time(self, now_s: float) -> None:
        state = self.view.state
        if self._is_small:
            needs = f"callplayer needs {MIN_WIDTH}×{MIN_HEIGHT}"
            lines = (state_line(state, now_s), needs)
            self.small.draw_with(lambda width, height: small_rows(lines, width, height))
            return
        self.large_clock.show(state, now_s)
        self.timeline.show(state, now_s)
        self.notice.show(shown_notice(self.view, now_s))

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
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size.width - 2 * EDGE_CELLS, self.size.height
        small = self.size.width < MIN_WIDTH or height < MIN_HEIGHT
        self._is_small = small
        self._show_parts(small)
        if not small:
            instead_rows = help_height(width) if self._help else 0
            if self._devices_asked_s is not None:
                instead_rows = devices_height(self.view.devices, height - ALWAYS_ROWS)
            chosen = plan(
                width,
                height,
                len(self._panels) or 2,
                help_rows=instead_rows,
                stats_rows=STATS_ROWS if self._stats else 0,
            )
            self._apply(chosen)
            missing = chosen.panels - len(self._panels)
            self.rest.display = chosen.rows - missing * chosen.panel_rows < height
        self.draw()

    def _show_parts(self, small: bool) -> None:
        """Show the one line of a small window, or else all the rest."""
        self.small.display = small
        always = (self.header, self.large_clock, self.rest, self.notice, self.key_footer)
        planned = (
            *(self.timeline, self.help_panel, self.devices_panel, self.stats_panel),
            *self._panels.values(),
        )
        for part in always:
            part.display = not small
        if small:
            for part in planned:
                part.display = False

    def _apply(self, chosen: Plan) -> None:
        """Give every part its height; a gap is the upper margin of the part below it."""
        self.large_clock.largest_scale = chosen.clock_scale
        self.large_clock.styles.height = cell_rows(chosen.clock_scale)
        self.large_clock.styles.margin = _below_gap(chosen.gaps >= 1)
        self.timeline.display = chosen.help_rows == 0
        self.timeline.styles.height = chosen.bar_rows + 2
        self.timeline.styles.margin = _below_gap(chosen.gaps >= 2)
        for place, panel in enumerate(self._panels.values()):
            panel.display = chosen.panels > 0
            panel.styles.margin = _below_gap(place == 0 and chosen.gaps >= 3)
            panel.framed = chosen.framed
            panel.styles.height = chosen.panel_rows
        self.help_panel.display = self._help
        self.devices_panel.display = self._devices_asked_s is not None
        for instead in (self.help_panel, self.devices_panel):
            instead.styles.height = chosen.help_rows
            instead.styles.margin = _below_gap(chosen.gaps >= 2)
        self.stats_panel.display = chosen.stats_rows > 0
        self.stats_panel.styles.height = chosen.stats_rows
        self.notice.styles.height = chosen.notice_rows
