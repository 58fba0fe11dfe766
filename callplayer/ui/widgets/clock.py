"""The large clock, and beside it the call's state and how it is played."""

from __future__ import annotations

import msgspec

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import (
    PhaseLook,
    Tone,
    clock_text,
    is_growing,
    look_of,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.model.navigation import Loop, lead_s
from callplayer.ui.widgets.pixels import cell_rows, large, pixel_width
from callplayer.ui.widgets.rows import Part, Row, Rows, cell_len, cells, fit

UNKNOWN_PLACE = "-:--.-"
"""What is shown while nothing is known of the call."""

SIDE_CELLS = 27
"""What the words beside the digits need: `▮▮ PAUSED  10:31:23 UTC`."""
BEHIND_FROM_MS = 2_000


class ClockFacts(msgspec.Struct, frozen=True):
    """What stands beside the clock: the time of day there, how the call is played, and the loop."""

    time_of_day: str = ""
    loop: Loop | None = None
    skips: bool = False


class Clock(Rows):
    """Shows the position in large digits, and beside it the state, once, and what it goes by."""

    largest_scale = 1

    def show(self, state: StateEvent, now_s: float, facts: ClockFacts) -> None:
        """Draw the clock as it stands at `now_s`."""
        scale = self.largest_scale
        self.draw_with(lambda width, _: clock_rows(state, now_s, width, scale, facts))


def clock_rows(
    state: StateEvent,
    now_s: float,
    width: int,
    largest_scale: int,
    facts: ClockFacts | None = None,
) -> list[Row]:
    """Return the clock's rows, `clock_height` of the largest scale whose digits and words fit."""
    look = look_of(state)
    facts = facts or ClockFacts()
    duration_ms = shown_duration_ms(state, now_s)
    place_ms = shown_position_ms(state, now_s)
    digits = clock_text(place_ms, duration_ms) if duration_ms > 0 else UNKNOWN_PLACE
    tone: Tone = "strong" if look.tone == "play" else look.tone
    if not largest_scale:
        lines = _side_lines(look, state, now_s, facts)
        return [_joined([(digits, tone), *(part for line in lines for part in line)], width)]
    longest = clock_text(duration_ms, duration_ms)
    pixels = pixel_width(max(digits, longest, key=pixel_width))
    scale = largest_scale
    while scale > 1 and (pixels + 2) * scale + SIDE_CELLS > width:
        scale -= 1
    figures, rows = large(digits, scale), cell_rows(scale)
    blank = " " * (pixels * scale - len(figures[0]) + 2 * scale)
    room = width - (pixels + 2) * scale
    side = [_joined(line, room) for line in _side_lines(look, state, now_s, facts)]
    top = (rows - len(side)) // 2
    return [
        ((figures[y] + blank, tone), *(side[y - top] if 0 <= y - top < len(side) else ()))
        for y in range(rows)
    ]


def state_line(state: StateEvent, now_s: float) -> str:
    """Return the clock in one plain line, for a window too small for more."""
    look = look_of(state)
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        return f"{look.symbol} {look.word}"
    position = clock_text(shown_position_ms(state, now_s), duration_ms)
    return f"{look.symbol} {look.word} {position} of {clock_text(duration_ms, duration_ms)}"


def small_rows(lines: tuple[str, str], width: int, height: int) -> list[Row]:
    """Return both lines on one row, or below each other where they are too wide for that."""
    joined = " · ".join(lines)
    shown = (joined,) if cell_len(joined) <= width or height < 2 else lines
    return [((fit(line, width), "strong"),) for line in shown]


def _behind(behind_ms: int, duration_ms: int) -> str:
    whole_ms = max(behind_ms, 0)
    if duration_ms < 3_600_000 and whole_ms < 60_000:
        return f"{whole_ms / 1000:.0f} s behind"
    return f"{clock_text(whole_ms, duration_ms, tenths=False)} behind"


def clock_height(scale: int) -> int:
    """Return how many rows the clock takes; at scale 0 it is one line of text."""
    return cell_rows(scale) or 1


def _side_lines(
    look: PhaseLook, state: StateEvent, now_s: float, facts: ClockFacts
) -> tuple[list[Part], ...]:
    """Return three lines: the state and the time of day; length, and how far behind; the rest."""
    duration_ms = shown_duration_ms(state, now_s)
    first: list[Part] = [(f"{look.symbol} {look.word}", look.tone), (facts.time_of_day, "text")]
    second: list[Part] = []
    if duration_ms > 0:
        second.append((f"of {clock_text(duration_ms, duration_ms)}", "text"))
    if is_growing(state):
        behind_ms = duration_ms - shown_position_ms(state, now_s)
        tone: Tone = "hold" if behind_ms > BEHIND_FROM_MS else "dim"
        second.append((_behind(behind_ms, duration_ms), tone))
    third: list[Part] = []
    if state.requested_ms is not None:
        third.append((f"→ {clock_text(state.requested_ms, duration_ms)}", "ask"))
    elif state.speed != 1.0:
        third.append((_speed_text(state), "hold"))
    if facts.loop is not None:
        third.append((_loop_text(facts.loop, duration_ms), "hold"))
    if state.from_memory and state.phase != "live":
        third.append(("from memory", "dim"))
    if facts.skips:
        third.append(("skips silence", "hold"))
    return first, second, third


def _speed_text(state: StateEvent) -> str:
    """Return the speed, and how far ahead what is remembered goes where it is above 1."""
    ahead = f" {lead_s(state):.0f} s ahead" if state.speed > 1.0 else ""
    return f"{state.speed:g}×{ahead}"


def _loop_text(loop: Loop, duration_ms: int) -> str:
    end = "…" if loop.b_ms is None else clock_text(loop.b_ms, duration_ms)
    return f"loop {clock_text(loop.a_ms, duration_ms)}–{end}"


def _joined(parts: list[Part], room: int) -> Row:
    """Return the parts side by side; what has no room is left out, the last first."""
    row: list[Part] = []
    for text, tone in parts:
        gap = "   " if row else ""
        if text and cells(row) + cell_len(gap + text) <= room:
            row.append((gap + text, tone))
    return tuple(row)
