"""How unevenly frames arrive, and the margin that lets them: what a ring must hold in reserve.

Frames are pulled out of the jitter buffer on the system's clock, so what comes late here was held
up on this machine: a busy core, the interpreter's lock, a pause of the collector.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FRAME_S = 0.010
"""What the SDK hands over at a time."""

FIRST_MARGIN_S = 0.008
LEAST_MARGIN_S = 0.003
MAX_MARGIN_S = 0.150
START_S = 1.0
"""Joining a room and opening a device hold frames up as nothing does afterwards."""

FALL_TIME_S = 10.0
"""In which a margin comes two thirds of the way back to where it rests. On recorded arrivals of a
busy machine, less costs underruns and more costs delay."""

GUESS_FALL_TIME_S = 5.0
"""The same from the first margin, a guess that no gap has borne out, to where it rests by then."""

UNDERRUN_STEP_S = 0.005
MOST_TAUGHT_S = 0.020
UNDERRUN_FALL_PER_FRAME_S = 0.0000005
"""A twentieth of a millisecond a second. Running dry has causes that no gap shows, such as a
callback that comes late and takes twice: what it taught is kept for minutes."""

BIN_S = 0.0005
BINS = 400
TAIL = 0.001
LOOK_EVERY_FRAMES = 100
KEPT = 0.97
"""Of what was counted, at each look: half is forgotten in 23 s."""

ENOUGH_FRAMES = 1000.0
"""With fewer, one in a thousand is not known yet: the longest gap but one, and a guard, stand for
it."""

SOME_FRAMES = 150.0
GUARD_S = 0.002


class JitterMargin:
    """Follows the gaps between frames. `margin_s` is how much later than due a frame may come.

    It rests at the 99.9th percentile of the gaps, less a frame; rises at once to what comes later
    than that, and by a step when the ring ran dry; and sinks back, slower from the latter.
    """

    def __init__(self) -> None:
        self.margin_s = FIRST_MARGIN_S
        self._rest_s = FIRST_MARGIN_S
        self._taught_s = 0.0
        self._guessed = True
        self._first_s: float | None = None
        self._last_s = 0.0
        self._counts: npt.NDArray[np.float64] = np.zeros(BINS)
        self._until_look = LOOK_EVERY_FRAMES

    def take(self, now_s: float, *, ran_dry: bool) -> None:
        """A frame has come; `ran_dry`: the ring was empty since the last one."""
        gap_s, self._last_s = max(now_s - self._last_s, 0.0), now_s
        if self._first_s is None:
            self._first_s = now_s
        if now_s - self._first_s < START_S or gap_s > 1.0:
            return
        self._counts[min(int(gap_s / BIN_S), BINS - 1)] += 1.0
        self._until_look -= 1
        if not self._until_look:
            self._look()
        self._taught_s -= UNDERRUN_FALL_PER_FRAME_S
        if ran_dry:
            self._taught_s = min(self.margin_s + UNDERRUN_STEP_S, MOST_TAUGHT_S)
        rest_s = max(self._rest_s, self._taught_s)
        late_s = min(gap_s - FRAME_S, MAX_MARGIN_S)
        fall_time_s = GUESS_FALL_TIME_S if self._guessed else FALL_TIME_S
        fallen_s = self.margin_s - (self.margin_s - rest_s) * FRAME_S / fall_time_s
        self._guessed = self._guessed and late_s < fallen_s and not ran_dry
        self.margin_s = max(fallen_s, rest_s, late_s)

    def expect_gap(self) -> None:
        """The next frame comes late by our own doing: its gap says nothing."""
        self._last_s = float("-inf")

    def _look(self) -> None:
        self._until_look = LOOK_EVERY_FRAMES
        total = float(self._counts.sum())
        if total < SOME_FRAMES:
            return
        at_most = np.cumsum(self._counts) >= total - max(TAIL * total, 1.0)
        gap_s = (int(np.argmax(at_most)) + 1) * BIN_S
        late_s = max(gap_s - FRAME_S, LEAST_MARGIN_S)
        if total >= ENOUGH_FRAMES:
            self._counts *= KEPT
        else:
            late_s += GUARD_S
        self._rest_s = min(late_s, MAX_MARGIN_S)
