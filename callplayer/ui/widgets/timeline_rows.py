"""The rows of the timeline: how far it is played and what is marked, the lanes, times. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import msgspec

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import (
    Tone,
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
    tick_step_ms,
)
from callplayer.ui.model.meters import meters_of
from callplayer.ui.model.navigation import Loop
from callplayer.ui.model.speech import (
    LEVEL_SIGNS,
    NO_WORD,
    UNKNOWN,
    WORD_SIGNS,
    WORDS_LANE,
    SpeechLane,
    is_mixed,
)
from callplayer.ui.model.zoom import Span
from callplayer.ui.widgets.rows import Part, Row

PLAYED, AHEAD, PLAYHEAD = "━", "─", "│"
"""What was played and what comes differ by form; the playhead crosses the lanes."""

PLAYED_ONCE, TO_FETCH = "╍", "╌"
"""The same where it is not remembered: the line is broken."""

POINTS, HOVERS = "↓", "╷"


class PointedPlace(msgspec.Struct, frozen=True):
    """A place that is pointed at, and what is shown of it; `by_key`: not with the mouse."""

    at_ms: int
    text: str
    by_key: bool = False


class Marks(msgspec.Struct, frozen=True, eq=False):
    """What is marked on the timeline beside the cursors; `ahead` names the speaker at the live end.

    `hit_ms` is the hit that was gone to last; `pointed` is a place that mouse or keys point at.

    Two of them are the same only if they are one: there may be thousands of hits in them.
    """

    loop: Loop | None = None
    bookmarks_ms: tuple[int, ...] = ()
    hits_ms: tuple[int, ...] = ()
    hit_ms: int | None = None
    ahead: str = ""
    pointed: PointedPlace | None = None


class Track(msgspec.Struct, frozen=True):
    """A lane and how many rows it has; nothing is known of it, or nothing stands there (None)."""

    lane: SpeechLane | None
    rows: int


class Drawn(msgspec.Struct, frozen=True):
    """What is drawn beside the state: marks, which part of the call, and the lanes."""

    marks: Marks
    span: Span
    tracks: tuple[Track, ...] = ()


def tracks_of(
    state: StateEvent, lanes: Sequence[SpeechLane], lane_rows: int, width: int
) -> tuple[Track, ...]:
    """Return what stands beside each party's head: its lane, or the one that both share.

    A mixed sound's words, laid to the parties, stand below it; without words it takes both places.
    """
    by_name = {lane.name: lane for lane in lanes}
    unknown = SpeechLane("", UNKNOWN * width)
    names = [meter.lane for meter in meters_of(state.lanes).values()]
    if is_mixed(state.lanes):
        if WORDS_LANE not in by_name:
            return (Track(by_name.get(names[0] or "", unknown), 2 * lane_rows),)
        names[1] = WORDS_LANE
    return tuple(
        Track(None if name is None else by_name.get(name, unknown), lane_rows) for name in names
    )


def visible_state(state: StateEvent, now_s: float, width: int, span: Span) -> tuple[object, ...]:
    """Return all of a state that can be seen on the timeline: most ticks change none of it."""
    position_ms, duration_ms = shown_position_ms(state, now_s), shown_duration_ms(state, now_s)
    column, end = span.column(position_ms, width), span.column(duration_ms, width)
    whole_s = duration_ms // 1000
    kept = _kept_columns(state.remembered, width, span)
    return width, column, end, whole_s, state.requested_ms, is_growing(state), kept


def timeline_rows(state: StateEvent, now_s: float, width: int, drawn: Drawn) -> list[Row]:
    """Return the row of cursors and marks, the rows of all lanes, and the scale."""
    if width < 8:
        return []
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        lanes = [_unknown(each, at, width) for each in drawn.tracks for at in range(each.rows)]
        return [(), *lanes]
    span, marks = drawn.span, drawn.marks
    here = span.column(shown_position_ms(state, now_s), width)
    end, loop = span.column(duration_ms, width), _loop_columns(marks, width, span)
    bars = [
        () if each.lane is None else lane_row(each.lane, here, end + 1, (at, each.rows), loop)
        for each in drawn.tracks
        for at in range(each.rows)
    ]
    growing = is_growing(state)
    kept = _kept_columns(state.remembered, width, span)
    return [
        _cursors((here, end, kept), state.requested_ms, width, span, marks),
        *bars,
        scale_row(duration_ms, width, growing, span),
    ]


def _unknown(track: Track, at: int, width: int) -> Row:
    return ((SpeechLane("", UNKNOWN * width).row(at, track.rows), "faint"),)


_KINDS = (
    {ord(sign): "f" for sign in (UNKNOWN, NO_WORD)}
    | {ord(sign): "t" for sign in LEVEL_SIGNS}
    | {ord(sign): "a" for sign in WORD_SIGNS}
)
"""What is known of a column that was not played: nothing, what was heard, what words say."""

_TONES: dict[str, Tone] = {
    "p": "past", "f": "faint", "t": "text", "a": "ahead",
    "P": "past-loop", "F": "faint-loop", "T": "text-loop", "A": "ahead-loop",
    "s": "strong",
}  # fmt: skip


@lru_cache(maxsize=64)
def lane_row(
    lane: SpeechLane,
    here: int,
    end: int,
    row_of_rows: tuple[int, int] = (0, 1),
    loop: tuple[int, int] | None = None,
) -> Row:
    """Return a row of a lane: what was played, what was heard elsewhere, what only words say; the
    stretch of the loop tinted; and the playhead."""
    signs = lane.row(*row_of_rows)[:end]
    row: list[Part] = []
    at = 0
    for kind, columns in groupby(_kinds(lane, here, end, loop)):
        first, at = at, at + len(list(columns))
        row.append((PLAYHEAD if kind == "s" else signs[first:at], _TONES[kind]))
    return tuple(row)


@lru_cache(maxsize=16)
def _kinds(lane: SpeechLane, here: int, end: int, loop: tuple[int, int] | None) -> str:
    """Return the key in _TONES of each column; letter by letter in Python it would cost more than
    all else of a tick."""
    known = lane.columns[:end].translate(_KINDS)
    kinds = "p" * min(here, len(known)) + known[here:]
    if loop is not None:
        first, after = loop[0], loop[1] + 1
        kinds = kinds[:first] + kinds[first:after].upper() + kinds[after:]
    return kinds if here >= len(kinds) else f"{kinds[:here]}s{kinds[here + 1 :]}"


def _loop_columns(marks: Marks, width: int, span: Span) -> tuple[int, int] | None:
    loop = marks.loop
    if loop is None or loop.b_ms is None:
        return None
    return span.column(loop.a_ms, width), span.column(loop.b_ms, width)


def _line(here: int, end: int, kept: frozenset[int]) -> dict[int, Part]:
    """Return the line of the call: played, and to come; broken where it is not remembered."""
    signs: dict[tuple[bool, bool], Part] = {
        (True, True): (PLAYED, "past"),
        (True, False): (PLAYED_ONCE, "past"),
        (False, True): (AHEAD, "faint"),
        (False, False): (TO_FETCH, "faint"),
    }
    return {column: signs[column < here, column in kept] for column in range(end + 1)}


@lru_cache(maxsize=4)
def _kept_columns(
    remembered: tuple[tuple[int, int], ...], width: int, span: Span
) -> frozenset[int]:
    """Return the columns whose sound is remembered, at least in part."""
    return frozenset(
        column
        for start_ms, end_ms in remembered
        if end_ms >= span.start_ms and start_ms <= span.end_ms
        for column in range(span.column(start_ms, width), span.column(end_ms, width) + 1)
    )


@lru_cache(maxsize=4)
def _cursors(
    columns: tuple[int, int, frozenset[int]],
    requested_ms: int | None,
    width: int,
    span: Span,
    marks: Marks,
) -> Row:
    """Return the row above the bar; what is drawn later covers what is drawn before.

    `columns` are those of the playhead, of the call's end, and all that are remembered.
    """
    here, end, kept = columns
    cells = _line(here, end, kept) | _marked(marks, width, span)
    if marks.pointed is not None:
        sign = POINTS if marks.pointed.by_key else HOVERS
        cells[span.column(marks.pointed.at_ms, width)] = (sign, "strong")
    if marks.ahead:
        cells[end] = ("●", "play")
    if here not in cells or cells[here][0] != POINTS:
        cells[here] = ("◆", "strong")
    if requested_ms is not None:
        at = span.column(requested_ms, width)
        label = f" → {clock_text(requested_ms, span.end_ms, tenths=False)} "
        first = at + 1 if at + 1 + len(label) <= width else at - len(label)
        if not first <= here < first + len(label):
            cells |= {first + n: (sign, "ask") for n, sign in enumerate(label)}
        cells[at] = ("◇", "ask")
    return _merged([cells.get(column, (" ", "text")) for column in range(max(cells) + 1)])


def _merged(row: list[Part]) -> Row:
    """Return a row of single cells with those of one tone as one part."""
    return tuple(
        ("".join(sign for sign, _ in parts), tone)
        for tone, parts in groupby(row, key=lambda part: part[1])
    )


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
            cells |= {column: ("═", "hold") for column in range(first, last)}
            cells[last] = ("B", "hold")
        cells[first] = ("A", "hold")
    if marks.hit_ms is not None and span.holds(marks.hit_ms):
        cells[span.column(marks.hit_ms, width)] = ("┃", "hit")
    for number, ms in enumerate(marks.bookmarks_ms, 1):
        if not span.holds(ms):
            continue
        for column, sign in enumerate(f"▾{number}", span.column(ms, width)):
            # Of two bookmarks that stand close, the next one's sign covers the number.
            if column < width:
                cells[column] = (sign, "ask")
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
    whole = len(after) - len(after.lstrip("└0123456789:"))
    after = " " * whole + after[whole:]
    return ((before.ljust(first), "dim"), (label, "text"), (after, "dim"))


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
