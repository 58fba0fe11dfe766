"""What the player's screen is made of, where each part has its place, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

from textual.containers import Horizontal
from textual.geometry import Size
from textual.widget import Widget

from callplayer.ipc.messages import LaneLevel
from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.rules import retry_word
from callplayer.ui.footer import FooterContext, Mode
from callplayer.ui.keymap import first_key
from callplayer.ui.model.format import is_growing, shown_position_ms
from callplayer.ui.model.layout import (
    COLUMN_GAP_CELLS,
    MIN_HEIGHT,
    MIN_WIDTH,
    WORDS_CELLS,
    Plan,
    plan,
)
from callplayer.ui.model.meters import BY_WORDS, meters_of
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import NO_WORDS
from callplayer.ui.model.speech import is_mixed
from callplayer.ui.model.time_input import at_clock
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.screens.player.help import help_groups_of
from callplayer.ui.screens.player.panels import Panels
from callplayer.ui.screens.player.pointer import TimelinePointer
from callplayer.ui.widgets.clock import Clock, ClockFacts, clock_height, small_rows, state_line
from callplayer.ui.widgets.facts import FactsPanel
from callplayer.ui.widgets.lines import Header, KeyFooter, NoticeArea
from callplayer.ui.widgets.rows import EDGE_CELLS, Part, Rows
from callplayer.ui.widgets.stats import STATS_ROWS, StatsPanel
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.track_heads import PartyHead, TrackHeads
from callplayer.ui.widgets.transcript import TranscriptPane

BOTH_FROM_ROWS = 24
"""From this height on the statistics and a panel have room beside each other."""

LEAST_BODY_ROWS = 3
"""How many rows the transcript, or the panel in its place, keeps beside a long notice."""

LEVELS_LAST_S = 0.5
"""Levels older than this are taken for silence."""


class Parts:
    """The parts of the screen, from top to bottom; `shows_stats`: the statistics are among them."""

    def __init__(self, control: CallControl, config: ScreenConfig) -> None:
        self._control = control
        self._is_small = False
        self._plan = plan(MIN_WIDTH, MIN_HEIGHT)
        self._lent_rows = 0
        self._title: Part = ("", "text")
        self._meters: dict[str, LaneLevel] = {}
        self._notice_keys = [first_key(config.actions, name) for name in ("retry-now", "audible")]
        self._can_go_back = config.can_go_back
        self._first_run = config.first_run
        self._has_dots = config.has_dots
        self.palette_is_open = False
        self.shows_stats = False
        self.size = Size(0, 0)
        self.header = Header(id="header")
        self.clock = Clock(id="clock")
        self.heads = TrackHeads(id="heads")
        self.timeline = Timeline(control.lanes, id="timeline")
        self.tracks = Horizontal(self.heads, self.timeline, id="tracks")
        self.stats = StatsPanel(id="stats")
        self.words = TranscriptPane(id="words")
        self.panels = Panels(control, config.actions, self.lay_out)
        self.facts = FactsPanel(id="facts")
        side = (*self.panels.named.values(), self.facts)
        self.body = Horizontal(self.words, *side, id="body")
        self.notice = NoticeArea(id="notice")
        self.footer = KeyFooter(id="footer")
        self.small = Rows(id="small")
        self.pointer = TimelinePointer(control, self.timeline, self.draw_time)
        self.header.hide_phone = self.facts.hide_phone = config.settings.hide_phone
        self.header.zone = self.facts.zone = config.zone
        self.footer.actions = config.actions
        self.facts.key_rows = lru_cache(maxsize=2)(partial(help_groups_of, actions=config.actions))
        self.words.close_key = first_key(config.actions, "close")

    def __iter__(self) -> Iterator[Widget]:
        yield from (self.header, self.clock, self.tracks, self.stats, self.body)
        yield from (self.notice, self.footer, self.small)

    def draw(self) -> None:
        """Draw everything."""
        view = self._control.view
        self.header.show(view)
        self.draw_time()
        self.draw_parties()
        self.panels.draw()
        self.draw_facts()
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
        self.clock.show(state, now_s, self._clock_facts())
        self.pointer.draw(now_s)
        if self.pointer.title != self._title:
            self._title = self.pointer.title
            self.draw_parties()
        if self.words.display:
            self.words.show(view, shown_position_ms(state, now_s))
        if self._control.prompt is not None:
            self.notice.ask(self._control.prompt, self._control.hint())
        else:
            notice = shown_notice(view, now_s, *self._notice_keys)
            self.notice.show(notice or self._first_run.hint(view))
        self._make_room()
        self.footer.show(self._footer_context())

    def draw_facts(self) -> None:
        """Draw what is known of the call, found and marked in it, where that has room."""
        if self.facts.display:
            self.facts.show(self._control.view, self._control.store.bookmarks)

    def draw_parties(self) -> None:
        """Draw volumes and meters."""
        view = self._control.view
        meters = meters_of(view.state.lanes)
        if view.script and is_mixed(view.state.lanes):
            meters["callTaker"] = BY_WORDS
        self.heads.show(
            [
                PartyHead(
                    party,
                    meters[party.party],
                    self._meters.get(meters[party.party].lane or ""),
                    party.party == view.selected,
                )
                for party in view.state.parties
            ],
            self._title,
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
        self._is_small = self.size.width < MIN_WIDTH or self.size.height < MIN_HEIGHT
        self.small.display = self._is_small
        for part in (self.header, self.clock, self.tracks, self.body, self.notice, self.footer):
            part.display = not self._is_small
        height, is_open = self.size.height, self.panels.open is not None
        shows_stats = self.shows_stats and (not is_open or height >= BOTH_FROM_ROWS)
        self.stats.display = shows_stats and not self._is_small
        if not self._is_small:
            self._apply(
                plan(
                    self.size.width - 2 * EDGE_CELLS,
                    height,
                    stats_rows=STATS_ROWS if shows_stats else 0,
                    words=bool(self._control.view.script) or is_open,
                    pages=self.panels.open == "help",
                    dots=self._has_dots,
                )
            )
        self.draw()

    def _clock_facts(self) -> ClockFacts:
        """Return what stands beside the clock."""
        view, facts = self._control.view, self._control.context().facts
        time_of_day = at_clock(facts.here_ms, facts) if facts.duration_ms else ""
        return ClockFacts(time_of_day, view.navigation.loop, view.skipping.is_on)

    def _footer_context(self) -> FooterContext:
        """Return what the footer goes by."""
        view = self._control.view
        state, goes_on, found = view.state, is_growing(view.state), view.found
        return FooterContext(
            phase=state.phase,
            at_rest=state.phase == "at-end" or (state.paused and not state.held),
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

    def _make_room(self) -> None:
        """Have a long notice take rows of the transcript, or of what stands there."""
        chosen = self._plan
        room = max((chosen.body_rows or chosen.stats_rows) - LEAST_BODY_ROWS, 0)
        lent = min(max(self.notice.needed - chosen.notice_rows, 0), room)
        if lent != self._lent_rows:
            self._lent_rows = lent
            self.notice.styles.height = chosen.notice_rows + lent
            if not chosen.body_rows:
                self.stats.styles.height = chosen.stats_rows - lent

    def _apply(self, chosen: Plan) -> None:
        """Give every part its place; a list stands beside the transcript, or in its place."""
        self._plan, self._lent_rows = chosen, 0
        self.clock.largest_scale = chosen.clock_scale
        self.heads.head_rows = self.timeline.lane_rows = chosen.lane_rows
        self.heads.styles.width = chosen.head_cells
        for part, rows in (
            (self.clock, clock_height(chosen.clock_scale)),
            (self.tracks, chosen.track_rows),
            (self.stats, chosen.stats_rows),
            (self.notice, chosen.notice_rows),
        ):
            part.styles.height = rows
        self.clock.styles.margin = (int(chosen.gap), EDGE_CELLS, 0, EDGE_CELLS)
        self.tracks.styles.margin = self.body.styles.margin = (int(chosen.gap), 0, 0, 0)
        self.stats.styles.margin = (int(chosen.gap), EDGE_CELLS, 0, EDGE_CELLS)
        is_wide, is_open = chosen.side_cells > 0, self.panels.open is not None
        is_beside = is_wide and self.panels.open != "help"
        self.body.display = chosen.body_rows > 0
        self.words.display = chosen.body_rows > 0 and (is_beside or not is_open)
        self.words.styles.width = WORDS_CELLS if is_wide else "1fr"
        gap_cells = COLUMN_GAP_CELLS if is_wide else EDGE_CELLS
        self.words.styles.margin = (0, gap_cells, 0, EDGE_CELLS)
        self.facts.display = is_wide and not is_open
        for name, panel in self.panels.named.items():
            panel.display = self.panels.open == name
