"""The timeline: what was played, what comes, both cursors, and a scale of times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from textual import events
from textual.message import Message

from callplayer.engine.messages import StateEvent
from callplayer.ui.lanes import NO_WORD, UNKNOWN, WORD, Lane, Lanes
from callplayer.ui.navigation import Loop
from callplayer.ui.script import Script
from callplayer.ui.span import Span, whole_span, zoomed_span
from callplayer.ui.view import (
    Tone,
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
    tick_step_ms,
)
from callplayer.ui.widgets.drag import DragRows
from callplayer.ui.widgets.rows import Part, Row

PLAYED, AHEAD = "█", "░"
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, eq=False)
class Marks:
    """What is marked on the timeline beside the cursors; `ahead` names who speaks at the end.

    `hover` is where the mouse is, and what to tell of that place.

    Two of them are the same only if they are one: there may be thousands of hits in them.
    """

    loop: Loop | None = None
    bookmarks_ms: tuple[int, ...] = ()
    hits_ms: tuple[int, ...] = ()
    ahead: str = ""
    hover: tuple[int, str] | None = None


NO_MARKS = Marks()


@dataclass(frozen=True)
class Drawn:
    """What is drawn beside the state: marks, which part of the call, and a lane a party."""

    marks: Marks
    span: Span
    lanes: tuple[Lane, ...] = ()


class Timeline(DragRows):
    """Draws the call from start to end; a click or a drag asks to scrub."""

    @dataclass
    class Scrubbed(Message):
        """The user pointed at `position_ms`."""

        position_ms: int

    @dataclass
    class Hovered(Message):
        """The mouse is over `position_ms`; None: it has left."""

        position_ms: int | None

    @dataclass
    class Zoomed(Message):
        """The user turned the wheel: 1 closer, −1 farther."""

        step: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lanes = Lanes()
        self._span = Span(0, 0)
        self._duration_ms = 0
        self._hovered: int | None = None

    def show(
        self, state: StateEvent, now_s: float, marks: Marks, script: Script, zoom: int
    ) -> None:
        """Draw the timeline as it stands at `now_s`, `zoom` times twice as close."""
        self._duration_ms = shown_duration_ms(state, now_s)
        if not self._dragging:
            # What is held must not move away under the hand that holds it.
            whole = whole_span(self._duration_ms, is_growing(state))
            at_ms = shown_position_ms(state, now_s)
            self._span = zoomed_span(whole, zoom, at_ms, self._span)
        span = self._span
        parties = tuple(party.party for party in state.parties)

        def build(width: int, height: int) -> list[Row]:
            lanes: tuple[Lane, ...] = ()
            if height - 2 >= len(parties) and width > 1:
                lanes = self.lanes.lanes(parties, script, span, width)
            drawn = Drawn(marks, span, lanes)
            return timeline_rows(state, now_s, width, height - 2, drawn)

        self.draw_with(build)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell what the mouse is over; Textual calls the base's handler, which drags, as well."""
        if event.x != self._hovered:
            self._hovered = event.x
            self.post_message(self.Hovered(self.message_at(event.x).position_ms))

    def on_leave(self, event: events.Leave) -> None:
        """Tell that the mouse has left."""
        self._hovered = None
        self.post_message(self.Hovered(None))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look closer."""
        event.stop()
        self.post_message(self.Zoomed(1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look from farther away."""
        event.stop()
        self.post_message(self.Zoomed(-1))

    def can_hold(self, column: int, row: int) -> bool:
        """Take hold anywhere once the length of the call is known."""
        return self._duration_ms > 0

    def message_at(self, column: int) -> Scrubbed:
        """Return the position at a column, no later than the call is long."""
        at_ms = self._span.position_ms(column, self.size.width)
        return self.Scrubbed(min(at_ms, self._duration_ms))


def timeline_rows(
    state: StateEvent,
    now_s: float,
    width: int,
    bar_rows: int,
    drawn: Drawn | None = None,
) -> list[Row]:
    """Return the row of cursors and marks, `bar_rows` rows of bar or lanes, and the scale."""
    if width < 8:
        return []
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        empty: Row = ((AHEAD * width, "faint"),)
        return [(), *([empty] * bar_rows), ()]
    growing = is_growing(state)
    drawn = drawn or Drawn(NO_MARKS, whole_span(duration_ms, growing))
    span = drawn.span
    position_ms = shown_position_ms(state, now_s)
    bars = [_bar(position_ms, duration_ms, width, span)] * bar_rows
    here, end = span.column(position_ms, width), span.column(duration_ms, width)
    for place, lane in enumerate(drawn.lanes[:bar_rows]):
        bars[place] = lane_row(lane, here, end + 1)
    cursors = _cursors(state, now_s, width, span, drawn.marks)
    return [cursors, *bars, scale_row(duration_ms, width, growing, span)]


@lru_cache(maxsize=8)
def lane_row(lane: Lane, here: int, end: int) -> Row:
    """Return a lane: what was played, what was heard elsewhere, what is known only by its words."""
    row: list[Part] = []
    for sign_tone, columns in groupby(range(min(end, len(lane.signs))), key=_tone_of(lane, here)):
        row.append(("".join(lane.signs[column] for column in columns), sign_tone))
    return tuple(row)


def _tone_of(lane: Lane, here: int) -> Callable[[int], Tone]:
    def tone(column: int) -> Tone:
        sign = lane.signs[column]
        if column <= here:
            return "past"
        if sign == WORD:
            return "ahead"
        return "faint" if sign in (UNKNOWN, NO_WORD) else "text"

    return tone


def _bar(position_ms: int, duration_ms: int, width: int, span: Span) -> Row:
    """Return the bar; its edge is true to an eighth of a cell. After the live end it is blank."""
    edge = span.share(position_ms) * (width - 1) + 0.5
    whole, part = int(edge), int(edge % 1.0 * 8)
    partial = _EIGHTHS[part] if part and whole < width else ""
    end = width if duration_ms >= span.end_ms else span.column(duration_ms, width) + 1
    ahead = max(end - whole - len(partial), 0)
    rest = width - whole - len(partial) - ahead
    return ((PLAYED * whole + partial, "past"), (AHEAD * ahead + " " * rest, "faint"))


def _cursors(state: StateEvent, now_s: float, width: int, span: Span, marks: Marks) -> Row:
    """Return the row above the bar; what is drawn later covers what is drawn before."""
    position_ms, duration_ms = shown_position_ms(state, now_s), shown_duration_ms(state, now_s)
    cells = dict(_marked(marks, width, span))
    if state.requested_ms is not None:
        asked = span.column(state.requested_ms, width)
        label = f" → {clock_text(state.requested_ms, span.end_ms, tenths=False)} "
        label_at = asked + 1 if asked + 1 + len(label) <= width else asked - len(label)
        for offset, character in enumerate(label):
            cells[label_at + offset] = (character, "ask")
    if marks.ahead:
        _label_end(cells, f"● {marks.ahead} speaks", span.column(duration_ms, width), width)
    if marks.hover is not None:
        cells |= _hovered(marks.hover, span.column(position_ms, width), width, span)
    cells[span.column(position_ms, width)] = ("◆", "strong")
    if state.requested_ms is not None:
        cells[asked] = ("◇", "ask")
    return [cells.get(column, (" ", "text")) for column in range(max(cells) + 1)]


def _hovered(hover: tuple[int, str], here: int, width: int, span: Span) -> dict[int, Part]:
    """Return the cells that tell of the place under the mouse, beside the cursor if need be."""
    at = span.column(hover[0], width)
    label = f"╷{hover[1]} "
    is_clear = at + len(label) <= width and not at <= here < at + len(label)
    if is_clear or at < len(label):
        return {at + n: (sign, "strong") for n, sign in enumerate(label[: width - at])}
    first = at - len(label) + 1
    return {first + n: (sign, "strong") for n, sign in enumerate(f" {hover[1]}╷")}


def _label_end(cells: dict[int, Part], label: str, end: int, width: int) -> None:
    """Write a label at the live end: after it where there is room, else before it."""
    first = end if end + len(label) <= width else max(end - len(label) + 1, 0)
    for offset, character in enumerate(label[:width]):
        cells[first + offset] = (character, "play")


@lru_cache(maxsize=4)
def _marked(marks: Marks, width: int, span: Span) -> dict[int, Part]:
    """Return the cells of hits, of the loop (A, B, and a line between them), of bookmarks."""
    cells: dict[int, Part] = {
        span.column(ms, width): ("╷", "hit") for ms in marks.hits_ms if span.holds(ms)
    }
    if marks.loop is not None:
        first = span.column(marks.loop.a_ms, width)
        if marks.loop.b_ms is not None:
            last = span.column(marks.loop.b_ms, width)
            cells |= {column: ("─", "hold") for column in range(first, last)}
            cells[last] = ("B", "hold")
        cells[first] = ("A", "hold")
    for ms in marks.bookmarks_ms:
        if span.holds(ms):
            cells[span.column(ms, width)] = ("▾", "ask")
    return cells


def scale_row(duration_ms: int, width: int, growing: bool, span: Span) -> Row:
    """Return ticks with their times; the last stands at the end of the call, or of the span."""
    if growing:
        return _growing_scale(duration_ms, width, span)
    return _scale(span, width)


@lru_cache(maxsize=4)
def _scale(span: Span, width: int) -> Row:
    end = f"{clock_text(span.end_ms, span.end_ms, tenths=False)}┘"
    text = _ticks(span, width, len(end), width - len(end))
    return ((text.ljust(width - len(end)), "dim"), (end, "dim"))


def _growing_scale(duration_ms: int, width: int, span: Span) -> Row:
    """Return ticks as far as the call has come, the live end, and the ticks it is to come to."""
    live = f"{clock_text(duration_ms, span.end_ms, tenths=False)} live"
    at = span.column(duration_ms, width)
    label = f"{live}┘" if at >= len(live) else f"└{live}"
    first = at - len(live) if at >= len(live) else at
    ticks = _growing_ticks(span, width)
    before = ticks[:first]
    if first < len(ticks) and ticks[first] not in " └":
        # A time that the label would cut in two is left out.
        before = before[: before.rindex("└")]
    after = ticks[first + len(label) :]
    whole = len(after) - len(after.lstrip("0123456789:"))
    after = " " * whole + after[whole:]
    return ((before.ljust(first), "dim"), (label, "text"), (after, "faint"))


@lru_cache(maxsize=4)
def _growing_ticks(span: Span, width: int) -> str:
    return _ticks(span, width, 6, width)


def _ticks(span: Span, width: int, label_cells: int, before: int) -> str:
    """Return the ticks that end before a column."""
    step_ms = tick_step_ms(span.length_ms, width, label_cells)
    first_ms = -(-span.start_ms // step_ms) * step_ms
    text = ""
    for tick_ms in range(first_ms, span.end_ms, step_ms):
        column = span.column(tick_ms, width)
        label = "└" + clock_text(tick_ms, span.end_ms, tenths=False)
        if column >= len(text) and column + len(label) + 1 <= before:
            text = text.ljust(column) + label
    return text
