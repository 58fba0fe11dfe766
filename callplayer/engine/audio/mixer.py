"""All channels onto one bus, limited softly, into the device's block. Runs on the audio thread."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from callplayer.engine.audio.callback_timing import CallbackTiming
from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.click import Click
from callplayer.engine.audio.ring import Samples

MAX_BLOCK_FRAMES = 8192
KNEE = 0.8
"""Linear up to here (−1.9 dBFS); above it tanh bends the sum towards full scale."""

FOLLOWS = 0.03
"""What part of a block's lateness the clock of the blocks follows."""

FAR_OFF_S = 0.05
"""A block that is off by more is the first of another clock: the device has stood still."""


class Mixer:
    """Sums `channels`, which the engine's loop replaces whole and a block reads once."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.channels: tuple[Channel, ...] = ()
        self.click: Click | None = None
        self.rendered_frames = 0
        self.rendered_at_s = 0.0
        self.asked_s = 0.0
        """When the last block was asked for, by the device's clock: threads are late, and some
        devices ask for two blocks at once."""

        self._block_s = 0.0
        self._bus: Samples = np.zeros(MAX_BLOCK_FRAMES, dtype=np.float32)
        self._excess: Samples = np.zeros(MAX_BLOCK_FRAMES, dtype=np.float32)
        self.times = CallbackTiming()

    def render(self, out: npt.NDArray[np.float32]) -> None:
        """Fill `out`, float32 of shape (frames, channels), with the next frames."""
        started_s = time.monotonic()
        for start in range(0, len(out), MAX_BLOCK_FRAMES):
            part = out[start : start + MAX_BLOCK_FRAMES]
            bus = self._bus[: len(part)]
            bus.fill(0.0)
            for channel in self.channels:
                channel.mix_into(bus, started_s)
            if self.click is not None:
                self.click.mix_into(bus, started_s)
            self._limit(bus)
            part[:] = bus[:, np.newaxis]
        self.rendered_frames += len(out)
        self.rendered_at_s = started_s
        self._follow(started_s, len(out) / self.rate_hz)
        self.times.add(time.monotonic() - started_s)

    def _follow(self, started_s: float, block_s: float) -> None:
        off_s = started_s - self.asked_s - self._block_s
        if abs(off_s) > FAR_OFF_S:
            self.asked_s = started_s
        else:
            self.asked_s += self._block_s + FOLLOWS * off_s
        self._block_s = block_s

    def _limit(self, bus: Samples) -> None:
        peak = max(float(bus.max(initial=0.0)), -float(bus.min(initial=0.0)))
        if peak <= KNEE:
            return
        # x → clip(x) + (1 − knee)·tanh((x − clip(x)) / (1 − knee)): continuous in value and slope.
        excess = self._excess[: len(bus)]
        np.copyto(excess, bus)
        np.clip(bus, -KNEE, KNEE, out=bus)
        excess -= bus
        excess /= 1.0 - KNEE
        np.tanh(excess, out=excess)
        excess *= 1.0 - KNEE
        bus += excess
