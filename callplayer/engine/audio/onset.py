"""When sound begins after silence, by its samples. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

QUIET_PEAK = 64
"""Samples up to this are silence: -54 dBFS, above what a codec makes of zeros."""

QUIET_S = 0.15
"""A gap between words is no silence of a server that does not play, but costs nothing."""


class Onset:
    """Follows all tracks together; a reading of the monotonic clock comes with each frame."""

    def __init__(self) -> None:
        self._sounded_s = float("-inf")

    def take(self, pcm: npt.NDArray[np.int16], now_s: float) -> bool:
        """Return whether this frame, int16, is the first with sound after QUIET_S without."""
        if not len(pcm) or max(int(pcm.max()), -int(pcm.min())) <= QUIET_PEAK:
            return False
        began = now_s - self._sounded_s > QUIET_S
        self._sounded_s = now_s
        return began
