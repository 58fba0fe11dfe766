"""The rows of the timeline: cursors and marks, the bar or lanes, the scale of times. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import (
    Tone,
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
    tick_step_ms,
)
from callplayer.ui.model.navigation import Loop
from callplayer.ui.model.speech import NO_WORD, UNKNOWN, WORD, WORDS_LANE, SpeechLane
from callplayer.ui.model.zoom import Span, whole_span
from callplayer.ui.widgets.rows import Part, Row, clusters

PLAYED, AHEAD = "█", "░"
POINTS = "↓"
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class PointedPlace:
    """A place that is pointed at, and what is shown of it; `by_key`: not with the mouse."""

    at_ms: int
    text: str
    by_key: bool = False


@dataclass(frozen=True, eq=False)
class Marks:
    """What is marked on the timeline beside the cursors; `ahead` names the speaker at the live end.

    `pointed` is a place that mouse or keys point at.

    Two of them are the same only if they are one: there may be thousands of hits in them.
    """

    loop: Loop | None = None
    bookmarks_ms: tuple[int, ...] = ()
    hits_ms: tuple[int, ...] = ()
    ahead: str = ""
    pointed: PointedPlace | None = None


NO_MARKS = Marks()


@dataclass(frozen=True)
class Drawn:
    """What is drawn beside the state: marks, which part of the call, and lanes."""

    marks: Marks
    span: Span
    lanes: tuple[SpeechLane, ...] = ()


def visible_state(state: StateEvent, now_s: float, width: int, span: Span) -> tuple[object, ...]:
    """Return all of a state that can be seen on the timeline: most ticks change none of it."""
    position_ms, duration_ms = shown_position_ms(state, now_s), shown_duration_ms(state, now_s)
    eighths = int(span.share(position_ms) * (width - 1) * 8 + 4)
    column, end = span.column(position_ms, width), span.column(duration_ms, width)
    whole_s = duration_ms // 1000
    return width, eighths, column, end, whole_s, state.requested_ms, is_growing(state)


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
def lane_row(lane: SpeechLane, here: int, end: int) -> Row:
    """Return a lane: what was played, what was heard elsewhere, what is known only by its words."""
    row: list[Part] = []
    for sign_tone, columns in groupby(range(min(end, len(lane.signs))), key=_tone_of(lane, here)):
        row.append(("".join(lane.signs[column] for column in columns), sign_tone))
    return tuple(row)


def _tone_of(lane: SpeechLane, here: int) -> Callable[[int], Tone]:
    def tone(column: int) -> Tone:
        sign = lane.signs[column]
        if column <= here:
            return "past"
        if sign == WORD or (lane.name == WORDS_LANE and sign not in (UNKNOWN, NO_WORD)):
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
    here = span.column(position_ms, width)
    cells = dict(_marked(marks, width, span))
    pointed = {} if marks.pointed is None else _pointed(marks.pointed, here, width, span)
    labels: list[dict[int, Part]] = [pointed]
    if state.requested_ms is not None:
        asked = span.column(state.requested_ms, width)
        label = f" → {clock_text(state.requested_ms, span.end_ms, tenths=False)} "
        label_at = asked + 1 if asked + 1 + len(label) <= width else asked - len(label)
        labels.append({label_at + at: (sign, "ask") for at, sign in enumerate(label)})
    if marks.ahead:
        end = span.column(duration_ms, width)
        labels += [_at_end(f"● {marks.ahead} speaks", end, width, here), {end: ("●", "play")}]
    taken: set[int] = set()
    for each in labels:
        # Half a label beside another one could not be read.
        if taken.isdisjoint(each):
            taken.update(each)
            cells |= each
    if here not in cells or cells[here][0] != POINTS:
        cells[here] = ("◆", "strong")
    if state.requested_ms is not None:
        cells[asked] = ("◇", "ask")
    return _whole([cells.get(column, (" ", "text")) for column in range(max(cells) + 1)])


def _whole(row: list[Part]) -> Row:
    """Blank the halves of wide characters whose other half is covered."""
    wide = [len(sign) > 0 and not sign.isascii() and cell_len(sign) > 1 for sign, _ in row]
    for column, (sign, tone) in enumerate(row):
        has_right = column + 1 < len(row) and not row[column + 1][0]
        if (wide[column] and not has_right) or (not sign and not (column and wide[column - 1])):
            row[column] = (" ", tone)
    return row


def _pointed(pointed: PointedPlace, here: int, width: int, span: Span) -> dict[int, Part]:
    """Return the cells that describe a place, beside the cursor if need be."""
    at = span.column(pointed.at_ms, width)
    sign = POINTS if pointed.by_key else "╷"
    text = clusters(pointed.text)
    used = len(text) + 2
    if at + used <= width and not at < here < at + used:
        row, first = [sign, *text, " "], at
    elif at >= used - 1:
        row, first = [" ", *text, sign], at - used + 1
    else:
        gap = max(here - at, 0)
        row, first = [sign, *[" "] * gap, *text, " "][: width - at], at
    return {first + n: (cluster, "strong") for n, cluster in enumerate(row)}


def _at_end(label: str, end: int, width: int, here: int) -> dict[int, Part]:
    """Return the cells of a label at the live end: after it where there is room, else before it.

    Where the cursor would stand in it, it stands before the cursor, if anywhere.
    """
    first = end if end + len(label) <= width else max(end - len(label) + 1, 0)
    if first <= here < first + len(label):
        first = here - len(label) - 1
    if first < 0:
        return {}
    return {first + at: (sign, "play") for at, sign in enumerate(label[:width])}


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
    if len(before) == first and before[-1:] not in ("", " "):
        # A time that the label would cut in two, or stand against, is left out.
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
