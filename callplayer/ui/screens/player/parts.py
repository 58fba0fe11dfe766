"""What the player's screen is made of, where each part has its place, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator

from textual.geometry import Size
from textual.widget import Widget

from callplayer.ipc.messages import LaneLevel
from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.rules import retry_word
from callplayer.ui.footer import FooterContext, Mode
from callplayer.ui.keymap import first_key
from callplayer.ui.model.format import is_growing, shown_position_ms
from callplayer.ui.model.layout import ALWAYS_ROWS, MIN_HEIGHT, MIN_WIDTH, Plan, plan
from callplayer.ui.model.meters import meters_of
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import NO_WORDS
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.screens.player.panels import Panels
from callplayer.ui.screens.player.pointer import TimelinePointer
from callplayer.ui.widgets.clock import Clock, small_rows, state_line
from callplayer.ui.widgets.lines import Header, KeyFooter, NoticeArea
from callplayer.ui.widgets.party import PartyPanel
from callplayer.ui.widgets.pixels import cell_rows
from callplayer.ui.widgets.rows import EDGE_CELLS, Rows
from callplayer.ui.widgets.stats import STATS_ROWS, StatsPanel
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.transcript import TranscriptPane
from callplayer.vendor.parties import PARTIES

LEVELS_LAST_S = 0.5
"""Levels older than this are taken for silence."""


class Parts:
    """The parts of the screen, from top to bottom; `shows_stats`: the statistics are among them."""

    def __init__(self, control: CallControl, config: ScreenConfig) -> None:
        self._control = control
        self._is_small = False
        self._meters: dict[str, LaneLevel] = {}
        self._notice_keys = [first_key(config.actions, name) for name in ("retry-now", "audible")]
        self._can_go_back = config.can_go_back
        self._first_run = config.first_run
        self.palette_is_open = False
        self.shows_stats = False
        self.size = Size(0, 0)
        self.header = Header(id="header")
        self.clock = Clock(id="clock")
        self.timeline = Timeline(control.lanes, id="timeline")
        self.parties = {party: PartyPanel(party) for party in PARTIES}
        self.panels = Panels(control, config.actions, self.lay_out)
        self.stats = StatsPanel(id="stats")
        self.words = TranscriptPane(id="words")
        self.rest = Rows(id="rest")
        self.notice = NoticeArea(id="notice")
        self.footer = KeyFooter(id="footer")
        self.small = Rows(id="small")
        self.pointer = TimelinePointer(control, self.timeline, self.draw_time)
        self.header.hide_phone = config.settings.hide_phone
        self.header.zone = config.zone
        self.footer.actions = config.actions
        self.words.close_key = first_key(config.actions, "close")

    def __iter__(self) -> Iterator[Widget]:
        yield from (self.header, self.clock, self.timeline, *self.parties.values())
        yield from self.panels.named.values()
        yield from (self.stats, self.words, self.rest, self.notice, self.footer, self.small)

    def draw(self) -> None:
        """Draw everything."""
        view = self._control.view
        self.header.show(view)
        self.draw_time()
        self.draw_parties()
        self.panels.draw()
        if self.shows_stats:
            self.stats.show(view.stats)

    def draw_time(self) -> None:
        """Draw what changes as time goes by: clock, timeline, words, notice or what is typed."""
        view, now_s = self._control.view, self._control.clock()
        state = view.state
        if self._is_small:
            needs = f"callplayer needs {MIN_WIDTH}×{MIN_HEIGHT}"
            lines = (state_line(state, now_s), needs)
            self.small.draw_with(lambda width, height: small_rows(lines, width, height))
            return
        self.clock.show(state, now_s, skips=view.skipping.is_on)
        self.pointer.draw(now_s)
        if self.words.display:
            note = "reconnecting" if view.transcript == "reconnecting" else ""
            self.words.show(view.script, shown_position_ms(state, now_s), view.found, note)
        if self._control.prompt is not None:
            self.notice.ask(self._control.prompt, self._control.hint())
        else:
            notice = shown_notice(view, now_s, *self._notice_keys)
            self.notice.show(notice or self._first_run.hint(view))
        self.footer.show(self._footer_context())

    def draw_parties(self) -> None:
        """Draw volumes and meters."""
        view = self._control.view
        meters = meters_of(view.state.lanes)
        for party in view.state.parties:
            meter = meters[party.party]
            self.parties[party.party].show(
                party,
                meter,
                self._meters.get(meter.lane or ""),
                selected=party.party == view.selected,
            )

    def read(self) -> None:
        """Let the arrows move in the transcript, or follow what is heard again."""
        view, words = self._control.view, self.words
        if not view.script:
            self._control.note(NO_WORDS[view.transcript])
            return
        self.panels.close()
        if words.is_read:
            words.follow()
        elif words.display:
            words.read(self._control.context().facts.here_ms)
        else:
            self._control.note("There is no room for the words in this window.")
        self.draw_time()

    def read_meters(self) -> bool:
        """Take the levels over into the meters; return whether they changed.

        They are drawn with the clock and at no other time: each repaint in between would make a
        digit that turns over wait for Textual's next frame.
        """
        view = self._control.view
        fresh = self._control.clock() - view.levels_at_s <= LEVELS_LAST_S
        before = self._meters
        self._meters = {level.lane: level for level in view.levels} if fresh else {}
        return self._meters != before

    def lay_out(self) -> None:
        """Share the window out anew, and draw it."""
        width, height = self.size.width - 2 * EDGE_CELLS, self.size.height
        small = self.size.width < MIN_WIDTH or height < MIN_HEIGHT
        self._is_small = small
        self._show_parts(small)
        if not small:
            chosen = plan(
                width,
                height,
                help_rows=self.panels.rows(width, height - ALWAYS_ROWS),
                stats_rows=STATS_ROWS if self.shows_stats else 0,
                words=bool(self._control.view.script),
            )
            self._apply(chosen)
            has_rest = chosen.rows < height
            self.words.display = chosen.words_rows > 0
            self.rest.display = has_rest and not chosen.words_rows
        self.draw()

    def _footer_context(self) -> FooterContext:
        """Return what the footer goes by."""
        view = self._control.view
        state, goes_on, found = view.state, is_growing(view.state), view.found
        return FooterContext(
            phase=state.phase,
            at_rest=state.paused or state.phase == "at-end",
            goes_on=goes_on,
            behind_live=goes_on and state.phase != "live",
            words=bool(view.script),
            mode=self._mode(),
            retry=retry_word(view),
            found=(found.at + 1, len(found.hits)) if found.wanted else None,
            closes=self.shows_stats,
            can_go_back=self._can_go_back,
        )

    def _mode(self) -> Mode | None:
        if self.palette_is_open:
            return "palette"
        if self._control.prompt is not None:
            return "typing"
        if self.panels.open is not None:
            return self.panels.mode()
        if self.pointer.point_ms is not None and self.timeline.display:
            return "pointing"
        return "reading" if self.words.is_read and self.words.display else None

    def _show_parts(self, small: bool) -> None:
        """Show the one line of a small window, or else all the rest."""
        self.small.display = small
        for part in (self.header, self.clock, self.rest, self.notice, self.footer):
            part.display = not small
        if small:
            timed = (self.timeline, self.words, *self.parties.values())
            for part in (*timed, *self.panels.named.values(), self.stats):
                part.display = False

    def _apply(self, chosen: Plan) -> None:
        """Give every part its height."""
        self.clock.largest_scale = chosen.clock_scale
        _place(self.clock, cell_rows(chosen.clock_scale), gap=chosen.gaps >= 1)
        self.timeline.display = chosen.help_rows == 0
        _place(self.timeline, chosen.bar_rows + 2, gap=chosen.gaps >= 2)
        for place, panel in enumerate(self.parties.values()):
            panel.display = chosen.panels > 0
            panel.framed = chosen.framed
            _place(panel, chosen.panel_rows, gap=place == 0 and chosen.gaps >= 3)
        for name, instead in self.panels.named.items():
            instead.display = self.panels.open == name
            _place(instead, chosen.help_rows, gap=chosen.gaps >= 2)
        self.stats.display = chosen.stats_rows > 0
        self.stats.styles.height = chosen.stats_rows
        self.notice.styles.height = chosen.notice_rows


def _place(part: Widget, rows: int, *, gap: bool) -> None:
    """Give a part its height and, if wanted, a blank row above it."""
    part.styles.height = rows
    part.styles.margin = (int(gap), EDGE_CELLS, 0, EDGE_CELLS)
