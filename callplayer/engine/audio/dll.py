"""Following the sound card's clock: a delay-locked loop that bends the resampler.

Frames arrive on the system's clock and leave on the sound card's; the two differ by up to some
hundred parts per million. The loop watches the ring's fill and bends the resampling ratio by a few
ppm, so that the fill stays at its target without a sample dropped or repeated.
"""

from __future__ import annotations

import math

MAX_DRIFT = 0.005
"""The most that the ratio is bent, 0.5 %: nine cents, below what speech lets one hear."""

BANDWIDTH_HZ = 0.05
"""Narrow: a sound server may ask late and then twice, about once a second, and the fill goes up and
down by a block. Four times as wide would make that a vibrato of seven cents each way."""


class DelayLockedLoop:
    """A second-order loop from a fill error to a rate correction.

    The filter is PipeWire's `spa_dll` (spa/utils/dll.h), after F. Adriaensen, "Using a DLL to
    filter time" (LAC 2005): two low-pass stages into an integrator, critically damped.
    """

    def __init__(self, period_frames: int, rate_hz: int) -> None:
        self._z1 = self._z2 = self._z3 = 0.0
        w = 2 * math.pi * BANDWIDTH_HZ * period_frames / rate_hz
        self._w0 = 1.0 - math.exp(-20.0 * w)
        self._w1 = w * 1.5 / period_frames
        self._w2 = w / 1.5

    def reset(self) -> None:
        """Forget the error, keep the clock difference learned so far."""
        self._z1 = self._z2 = 0.0

    @property
    def learned(self) -> float:
        """Return the clock difference learned so far, as a correction."""
        return self._z3

    def update(self, error_frames: float) -> float:
        """Take one fill error (fill − target, frames); return the rate correction.

        The correction is relative and small: +1e-4 means the reader runs 100 ppm slow against the
        writer, so 100 ppm fewer frames should be written.
        """
        self._z1 += self._w0 * (self._w1 * error_frames - self._z1)
        self._z2 += self._w0 * (self._z1 - self._z2)
        self._z3 += self._w2 * self._z2
        self._z3 = min(max(self._z3, -MAX_DRIFT), MAX_DRIFT)
        return min(max(self._z2 + self._z3, -MAX_DRIFT), MAX_DRIFT)
