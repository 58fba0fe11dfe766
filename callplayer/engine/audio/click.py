"""A click each second, for as long as a delay is looked for. Runs on the audio thread."""

from __future__ import annotations

import numpy as np

from callplayer.engine.audio.ring import Samples

PERIOD_S = 1.0
CLICKS = 6
LENGTH_S, PITCH_HZ, LEVEL = 0.012, 1500.0, 0.4


class Click:
    """Clicks from its first block on; `began_s` is when that was made (monotonic), None before."""

    def __init__(self, rate_hz: int) -> None:
        t = np.arange(round(LENGTH_S * rate_hz)) / rate_hz
        shape = LEVEL * np.exp(-t / (LENGTH_S / 4))
        self._sound: Samples = (shape * np.sin(2 * np.pi * PITCH_HZ * t)).astype(np.float32)
        self._period_frames = round(PERIOD_S * rate_hz)
        self._frame = 0
        self._end = 0
        self.began_s: float | None = None
        self.extend()

    @property
    def is_over(self) -> bool:
        """Return whether the last click is over."""
        return self._frame >= self._end

    def extend(self) -> None:
        """Go on for CLICKS from here."""
        self._end = (self._frame // self._period_frames + CLICKS) * self._period_frames

    def mix_into(self, bus: Samples, now_s: float) -> None:
        """Add the next `len(bus)` frames to `bus`, mono float32 of less than PERIOD_S."""
        if self.began_s is None:
            self.began_s = now_s
        if self.is_over:
            return
        at = self._frame % self._period_frames
        begun = self._sound[at : at + len(bus)]
        bus[: len(begun)] += begun
        start = self._period_frames - at
        if start < len(bus) and self._frame + start < self._end:
            part = self._sound[: len(bus) - start]
            bus[start : start + len(part)] += part
        self._frame += len(bus)
