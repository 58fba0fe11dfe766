"""What the player's screen is made of, where each part has its place, and how it is drawn."""

from __future__ import annotations

from textual.app import ComposeResult

from callplayer.ipc.messages import LaneLevel
from callplayer.ui.footer import FooterContext, Mode
from callplayer.ui.keymap import first_key
from callplayer.ui.model.format import is_growing, shown_position_ms
from callplayer.ui.model.layout import ALWAYS_ROWS, MIN_HEIGHT, MIN_WIDTH, Plan, plan
from callplayer.ui.model.meters import meters_of
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.skip_silence import SilenceSkipping
from callplayer.ui.screens.player import arrangement
from callplayer.ui.screens.player.pointer import TimelinePointer
from callplayer.ui.widgets.bookmarks import BookmarksPanel
from callplayer.ui.widgets.clock import Clock, small_rows, state_line
from callplayer.ui.widgets.devices import DevicesPanel
from callplayer.ui.widgets.lines import Header, HelpPanel, KeyFooter, NoticeArea
from callplayer.ui.widgets.party import PartyPanel
from callplayer.ui.widgets.rows import EDGE_CELLS, Rows
from callplayer.ui.widgets.stats import STATS_ROWS, StatsPanel
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.transcript import TranscriptPane
from callplayer.vendor.parties import PARTIES

LEVELS_LAST_S = 0.5
"""Levels older than this are taken for silence."""

RESIZED_S = 0.3
"""So long after a change of size all is drawn once more."""


class Parts(TimelinePointer, inherit_bindings=False):
    """The parts of the screen, from top to bottom."""

    _is_small = False
    _stats = False

    def compose(self) -> ComposeResult:
        """Lay out the parts from top to bottom."""
        self._panels = {party: PartyPanel(party) for party in PARTIES}
        self._meters: dict[str, LaneLevel] = {}
        self._skipping = SilenceSkipping()
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
        self.header.zone = self.likes.zone
        self.help_panel.actions = self.key_footer.actions = self.likes.actions
        close_key = first_key(self.likes.actions, "close")
        self.devices_panel.close_key = self.bookmarks_panel.close_key = close_key
        self.transcript_pane.close_key = close_key
        self._retry_key = first_key(self.likes.actions, "retry-now")
        yield self.header
        yield self.large_clock
        yield self.timeline
        yield from self._panels.values()
        yield self.help_panel
        yield self.devices_panel
        yield self.bookmarks_panel
        yield self.stats_panel
        yield self.transcript_pane
        yield self.rest
        yield self.notice
        yield self.key_footer
        yield self.small

    def on_resize(self) -> None:
        """Share the window out anew, and draw all of it once more when that has settled.

        On a busy machine Textual can lose the update that follows a change of size.
        """
        self.lay_out()
        self.set_timer(RESIZED_S, self.app.refresh)

    def draw(self) -> None:
        """Draw everything."""
        self.header.show(self.view)
        self.draw_time()
        self._draw_parties()
        self._draw_panel()
        if self._stats:
            self.stats_panel.show(self.view.stats)

    def draw_time(self) -> None:
        """Draw what changes as time goes by: clock, timeline, words, notice or what is typed."""
        now_s, state = self._clock(), self.view.state
        if self._is_small:
            needs = f"callplayer needs {MIN_WIDTH}×{MIN_HEIGHT}"
            lines = (state_line(state, now_s), needs)
            self.small.draw_with(lambda width, height: small_rows(lines, width, height))
            return
        self.large_clock.show(state, now_s, skips=self._skipping.is_on)
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
            self.notice.show(shown_notice(self.view, now_s, self._retry_key))
        self.key_footer.show(self._moment())

    def _moment(self) -> FooterContext:
        """Return what the footer goes by."""
        state, goes_on = self.view.state, is_growing(self.view.state)
        return FooterContext(
            at_rest=state.paused or state.phase == "at-end",
            goes_on=goes_on,
            behind_live=goes_on and state.phase != "live",
            words=bool(self.view.script),
            mode=self._mode(),
        )

    def _mode(self) -> Mode | None:
        if self._question is not None:
            return "typing"
        if self.point_ms is not None and self.timeline.display:
            return "pointing"
        pane = self.transcript_pane
        return "reading" if pane.is_read and pane.display else None

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
                help_rows=self._panel_rows(width, height - ALWAYS_ROWS),
                stats_rows=STATS_ROWS if self._stats else 0,
                words=bool(self.view.script),
            )
            self._apply(chosen)
            has_rest = chosen.rows < height
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

    def _read_meters(self) -> bool:
        """Take the levels over into the meters; return whether they changed.

        They are drawn with the clock and at no other time: each repaint in between would make a
        digit that turns over wait for Textual's next frame.
        """
        fresh = self._clock() - self.view.levels_at_s <= LEVELS_LAST_S
        before, self._meters = (
            self._meters,
            {level.lane: level for level in self.view.levels} if fresh else {},
        )
        return self._meters != before

    def _draw_parties(self) -> None:
        meters = meters_of(self.view.state.lanes)
        for party in self.view.state.parties:
            meter = meters[party.party]
            self._panels[party.party].show(
                party,
                meter,
                self._meters.get(meter.lane or ""),
                selected=party.party == self.view.selected,
            )
