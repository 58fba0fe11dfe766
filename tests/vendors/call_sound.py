"""The sound of the vendors' call: each voice the position sweep of its own band, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from tests.rig.signals import PERIOD_S, RATE_HZ, position_sweep
from tests.vendors.variant import Carried

DURATION_S = 240.0

Block = npt.NDArray[np.int16]


class CallSound:
    """Reads any stretch of any mix. A sweep's period holds whole cycles: it can be tiled."""

    def __init__(self) -> None:
        voices: tuple[Carried, ...] = ("caller", "callTaker", "third")
        self._period = {voice: position_sweep(PERIOD_S, voice) for voice in voices}

    def mono(
        self, first: int, frames: int, voices: Iterable[Carried], gains: Mapping[str, float]
    ) -> Block:
        """Return `frames` from `first` on, int16 at RATE_HZ, each voice times its gain."""
        at = (first + np.arange(frames)) % round(PERIOD_S * RATE_HZ)
        mixed = sum((self._period[voice][at] * gains.get(voice, 1.0) for voice in voices),
                    np.zeros(frames, np.float32))  # fmt: skip
        return np.round(np.clip(mixed, -1.0, 1.0) * 32_767).astype(np.int16)

    def stereo(self, first: int, frames: int, gains: Mapping[str, float]) -> Block:
        """Return the same of both parties, interleaved: the caller left, the call taker right."""
        sides = [self.mono(first, frames, (party,), gains) for party in ("caller", "callTaker")]
        return np.stack(sides, axis=1).reshape(-1)
