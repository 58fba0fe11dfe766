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
UNDERRUN_STEP_S = 0.005
FALL_PER_FRAME_S = 0.000005
"""Half a millisecond a second: what came late within the last minute may come late again."""

SELDOM_MARGIN_S = 0.030
SELDOM_FALL_PER_FRAME = 0.003
"""What is held beyond SELDOM_MARGIN_S shrinks to a third in 4 s: such stalls are not to be lived
with, and the delay they leave would be."""

BIN_S = 0.0005
BINS = 400
TAIL = 0.001
LOOK_EVERY_FRAMES = 100
FORGET = 0.985
"""Of what was counted, at each look: half is forgotten in 45 s."""

ENOUGH_FRAMES = 1000.0
"""With fewer, one in a thousand is not known yet."""


class ArrivalMargin:
    """Follows the gaps between frames. `margin_s` is how much later than due a frame may come.

    It rests at the 99.9th percentile of the gaps, less a frame; rises at once to what comes later
    than that, and by a step when the ring ran dry; and sinks back slowly.
    """

    def __init__(self) -> None:
        self.margin_s = FIRST_MARGIN_S
        self._rest_s = FIRST_MARGIN_S
        self._last_s: float | None = None
        self._counts: npt.NDArray[np.float64] = np.zeros(BINS)
        self._until_look = LOOK_EVERY_FRAMES

    def take(self, now_s: float, *, ran_dry: bool) -> None:
        """A frame has come; `ran_dry` tells whether the ring was empty since the last one."""
        last_s, self._last_s = self._last_s, now_s
        if last_s is None or now_s - last_s > 1.0:
            return
        gap_s = max(now_s - last_s, 0.0)
        self._counts[min(int(gap_s / BIN_S), BINS - 1)] += 1.0
        self._until_look -= 1
        if not self._until_look:
            self._look()
        if ran_dry:
            self.margin_s = min(self.margin_s + UNDERRUN_STEP_S, MAX_MARGIN_S)
        seldom_s = max(self.margin_s - SELDOM_MARGIN_S, 0.0)
        fallen_s = self.margin_s - FALL_PER_FRAME_S - SELDOM_FALL_PER_FRAME * seldom_s
        self.margin_s = max(fallen_s, self._rest_s, min(gap_s - FRAME_S, MAX_MARGIN_S))

    def _look(self) -> None:
        self._until_look = LOOK_EVERY_FRAMES
        total = float(self._counts.sum())
        if total >= ENOUGH_FRAMES:
            at_most = np.cumsum(self._counts) >= (1.0 - TAIL) * total
            gap_s = (int(np.argmax(at_most)) + 1) * BIN_S
            self._rest_s = min(max(gap_s - FRAME_S, LEAST_MARGIN_S), MAX_MARGIN_S)
            self._counts *= FORGET
