"""The timeline: what was played, what comes, both cursors, and a scale of times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from textual.message import Message

from callplayer.engine.messages import StateEvent
from callplayer.ui.navigation import Loop
from callplayer.ui.view import (
    clock_text,
    column_to_position_ms,
    is_growing,
    position_to_column,
    shown_duration_ms,
    shown_position_ms,
    tick_step_ms,
)
from callplayer.ui.widgets.drag import DragRows
from callplayer.ui.widgets.rows import Part, Row

PLAYED, AHEAD = "█", "░"
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Marks:
    """What is marked on the timeline beside the cursors."""

    loop: Loop | None = None


NO_MARKS = Marks()


class Timeline(DragRows):
    """Draws the call from start to end; a click or a drag asks to scrub."""

    @dataclass
    class Scrubbed(Message):
        """The user pointed at `position_ms`."""

        position_ms: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._duration_ms = 0

    def show(self, state: StateEvent, now_s: float, marks: Marks) -> None:
        """Draw the timeline as it stands at `now_s`."""
        self._duration_ms = shown_duration_ms(state, now_s)
        self.draw_with(lambda width, height: timeline_rows(state, now_s, width, height - 2, marks))

    def can_hold(self, column: int, row: int) -> bool:
        """Take hold anywhere once the length of the call is known."""
        return self._duration_ms > 0

    def message_at(self, column: int) -> Scrubbed:
        """Return the position at a column."""
        return self.Scrubbed(column_to_position_ms(column, self.size.width, self._duration_ms))


def timeline_rows(
    state: StateEvent, now_s: float, width: int, bar_rows: int, marks: Marks = NO_MARKS
) -> list[Row]:
    """Return the row of cursors and marks, `bar_rows` rows of the bar, and the scale."""
    if width < 8:
        return []
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        empty: Row = ((AHEAD * width, "faint"),)
        return [(), *([empty] * bar_rows), ()]
    position_ms = shown_position_ms(state, now_s)
    bar = _bar(position_ms, duration_ms, width)
    cursors = _cursors(state, position_ms, duration_ms, width, marks)
    return [cursors, *([bar] * bar_rows), _scale(duration_ms, width, is_growing(state))]


def _bar(position_ms: int, duration_ms: int, width: int) -> Row:
    """Return the bar; its edge is true to an eighth of a cell."""
    edge = min(max(position_ms / duration_ms, 0.0), 1.0) * (width - 1) + 0.5
    whole, part = int(edge), int(edge % 1.0 * 8)
    partial = _EIGHTHS[part] if part and whole < width else ""
    ahead = width - whole - len(partial)
    return ((PLAYED * whole + partial, "past"), (AHEAD * ahead, "faint"))


def _cursors(
    state: StateEvent, position_ms: int, duration_ms: int, width: int, marks: Marks
) -> Row:
    """Return the row above the bar; what is drawn later covers what is drawn before."""
    cells = _marked(marks, duration_ms, width)
    confirmed = position_to_column(position_ms, width, duration_ms)
    if state.requested_ms is not None:
        asked = position_to_column(state.requested_ms, width, duration_ms)
        label = f" → {clock_text(state.requested_ms, duration_ms, tenths=False)} "
        label_at = asked + 1 if asked + 1 + len(label) <= width else asked - len(label)
        for offset, character in enumerate(label):
            cells[label_at + offset] = (character, "ask")
    cells[confirmed] = ("◆", "strong")
    if state.requested_ms is not None:
        cells[asked] = ("◇", "ask")
    return [cells.get(column, (" ", "text")) for column in range(max(cells) + 1)]


def _marked(marks: Marks, duration_ms: int, width: int) -> dict[int, Part]:
    """Return the cells of the loop: A, B, and a line between them."""
    cells: dict[int, Part] = {}
    if marks.loop is not None:
        first = position_to_column(marks.loop.a_ms, width, duration_ms)
        if marks.loop.b_ms is not None:
            last = position_to_column(marks.loop.b_ms, width, duration_ms)
            cells |= {column: ("─", "hold") for column in range(first, last)}
            cells[last] = ("B", "hold")
        cells[first] = ("A", "hold")
    return cells


@lru_cache(maxsize=4)
def _scale(duration_ms: int, width: int, growing: bool) -> Row:
    """Return ticks with their times; the last stands at the end of the call."""
    end = clock_text(duration_ms, duration_ms, tenths=False)
    end = f"{end} live┘" if growing else f"{end}┘"
    step_ms = tick_step_ms(duration_ms, width, len(end))
    text = ""
    for tick_ms in range(0, duration_ms, step_ms):
        column = position_to_column(tick_ms, width, duration_ms)
        label = "└" + clock_text(tick_ms, duration_ms, tenths=False)
        if column + len(label) + 1 <= width - len(end):
            text = text.ljust(column) + label
    return ((text.ljust(width - len(end)), "dim"), (end, "dim"))
