"""The large clock, and the call's state as a sign and a word."""

from __future__ import annotations

from rich.cells import cell_len

from callplayer.ipc.messages import StateEvent
from callplayer.ui.model.format import (
    PHASE_LOOKS,
    PhaseLook,
    Tone,
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.widgets.pixels import cell_rows, large, pixel_width
from callplayer.ui.widgets.rows import Part, Row, Rows, fit

SIDE_CELLS = 14
"""What the words beside the digits need: `↻ RECONNECTING`, `12:34 behind`."""
BEHIND_FROM_MS = 2_000


class Clock(Rows):
    """Shows the state's sign, the position in large digits, and duration and target in words."""

    largest_scale = 1

    def show(self, state: StateEvent, now_s: float, *, skips: bool = False) -> None:
        """Draw the clock as it stands at `now_s`; `skips`: silence is skipped."""
        scale = self.largest_scale
        self.draw_with(lambda width, _: clock_rows(state, now_s, width, scale, skips=skips))


def clock_rows(
    state: StateEvent, now_s: float, width: int, largest_scale: int, *, skips: bool = False
) -> list[Row]:
    """Return the clock's rows, `cell_rows` of the largest scale whose digits and words fit."""
    look = PHASE_LOOKS[state.phase]
    duration_ms = shown_duration_ms(state, now_s)
    position_ms = shown_position_ms(state, now_s)
    digits = clock_text(position_ms, duration_ms)
    longest = clock_text(duration_ms, duration_ms)
    pixels = pixel_width(max(digits, longest, key=pixel_width))
    scale = largest_scale
    while scale > 1 and (5 + 2 + pixels + 2) * scale + SIDE_CELLS > width:
        scale -= 1
    sign = large((look.symbol,), scale)
    figures = large(digits, scale)
    rest = " " * (pixels * scale - len(figures[0]))
    words = _words(look, state, position_ms, duration_ms, cell_rows(scale))
    if skips:
        words = _with_skips(words, cell_rows(scale))
    top = (cell_rows(scale) - len(words)) // 2
    tone = "strong" if look.tone == "play" else look.tone
    rows: list[Row] = []
    for y in range(cell_rows(scale)):
        side = words[y - top] if 0 <= y - top < len(words) else ()
        gap = " " * (2 * scale)
        rows.append(
            (
                (sign[y] + gap, look.tone),
                (figures[y] + rest + gap, tone),
                *side,
            )
        )
    return rows


def state_line(state: StateEvent, now_s: float) -> str:
    """Return the clock in one plain line, for a window too small for more."""
    look = PHASE_LOOKS[state.phase]
    duration_ms = shown_duration_ms(state, now_s)
    position = clock_text(shown_position_ms(state, now_s), duration_ms)
    return f"{look.symbol} {look.word} {position} of {clock_text(duration_ms, duration_ms)}"


def small_rows(lines: tuple[str, str], width: int, height: int) -> list[Row]:
    """Return both lines on one row, or below each other where they are too wide for that."""
    joined = " · ".join(lines)
    shown = (joined,) if cell_len(joined) <= width or height < 2 else lines
    return [((fit(line, width), "strong"),) for line in shown]


def behind_text(state: StateEvent, now_s: float) -> str:
    """Return how far behind a call that goes on is heard; "" for one that is over."""
    if not is_growing(state):
        return ""
    duration_ms = shown_duration_ms(state, now_s)
    return _behind(duration_ms - shown_position_ms(state, now_s), duration_ms)


def _behind(behind_ms: int, duration_ms: int) -> str:
    whole_ms = max(behind_ms, 0)
    if duration_ms < 3_600_000 and whole_ms < 60_000:
        return f"{whole_ms / 1000:.0f} s behind"
    return f"{clock_text(whole_ms, duration_ms, tenths=False)} behind"


def _words(
    look: PhaseLook, state: StateEvent, position_ms: int, duration_ms: int, most: int
) -> tuple[tuple[Part, ...], ...]:
    """Return at most `most` lines: the state; how long; how far behind; where to."""
    word: tuple[Part, ...] = ((f"{look.symbol} {look.word}", look.tone),)
    length: tuple[Part, ...] = ()
    if duration_ms > 0:
        length = (("of ", "dim"), (clock_text(duration_ms, duration_ms), "text"))
    behind: tuple[Part, ...] = ()
    if is_growing(state):
        behind_ms = duration_ms - position_ms
        tone: Tone = "hold" if behind_ms > BEHIND_FROM_MS else "dim"
        behind = ((fit(_behind(behind_ms, duration_ms), SIDE_CELLS).rstrip(), tone),)
    target: tuple[Part, ...] = ()
    if state.requested_ms is not None:
        target = ((f"→ {clock_text(state.requested_ms, duration_ms)}", "ask"),)
    if behind and target and most < 4:
        # The target also stands on the timeline.
        target = ()
    lines = (word, length, *(line for line in (behind, target) if line))
    return lines if len(lines) >= 3 else (*lines, ())


def _with_skips(words: tuple[tuple[Part, ...], ...], most: int) -> tuple[tuple[Part, ...], ...]:
    """Return the words and that silence is skipped: on a line of its own if one is left."""
    lines = [line for line in words if line]
    if len(lines) < most:
        return (*lines, (("skips silence", "hold"),))
    return ((*lines[0], ("  skips silence", "hold")), *lines[1:])
