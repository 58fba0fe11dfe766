"""Levels: true RMS and peak of what a party says, in dBFS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from callplayer.engine.audio.ring import Samples
from callplayer.ipc.messages import LEVEL_FLOOR_DB

HOLD_S = 1.5
"""How long a peak is held before it falls."""

FALL_DB_PER_S = 20.0
"""How fast a held peak falls: between IEC 60268-10 type I and II programme meters."""


def amplitude_to_db(amplitude: float) -> float:
    """Return 20·log10 of a linear amplitude (1.0 = full scale), LEVEL_FLOOR_DB at the least."""
    if amplitude <= 10 ** (LEVEL_FLOOR_DB / 20):
        return LEVEL_FLOOR_DB
    return 20 * math.log10(amplitude)


@dataclass(frozen=True)
class Level:
    """One reading, in dBFS."""

    rms_db: float = LEVEL_FLOOR_DB
    peak_db: float = LEVEL_FLOOR_DB
    hold_db: float = LEVEL_FLOOR_DB


def loudest(levels: Iterable[tuple[str, Level]]) -> dict[str, Level]:
    """Return of each name the reading with the highest RMS."""
    found: dict[str, Level] = {}
    for name, level in levels:
        if name not in found or level.rms_db > found[name].rms_db:
            found[name] = level
    return found


class Meter:
    """Accumulates blocks as they go into a lane; `read` returns what came since the last reading.

    It has no lock of its own: both happen under the one that frames go into lanes with.
    """

    def __init__(self) -> None:
        self._energy = 0.0
        self._frames = 0
        self._peak = 0.0
        self._taken = (0.0, 0)
        self._hold_db = LEVEL_FLOOR_DB
        self._held_at_s = 0.0
        self._read_at_s = 0.0

    def add(self, block: Samples) -> None:
        """Take in one block of mono float32 samples."""
        self._energy += float(np.dot(block, block))
        self._frames += len(block)
        peak = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        self._peak = max(self._peak, peak)

    def read(self, now_s: float) -> Level:
        """Return RMS and peak since the last reading, and the peak held over time."""
        energy, frames = self._energy, self._frames
        peak, self._peak = self._peak, 0.0
        span_energy, span_frames = energy - self._taken[0], frames - self._taken[1]
        self._taken = (energy, frames)
        rms = math.sqrt(max(span_energy, 0.0) / span_frames) if span_frames else 0.0
        peak_db = amplitude_to_db(peak)
        if now_s - self._held_at_s > HOLD_S:
            fallen_db = FALL_DB_PER_S * (now_s - max(self._read_at_s, self._held_at_s + HOLD_S))
            self._hold_db = max(LEVEL_FLOOR_DB, self._hold_db - fallen_db)
        if peak_db >= self._hold_db:
            self._hold_db, self._held_at_s = peak_db, now_s
        self._read_at_s = now_s
        return Level(amplitude_to_db(rms), peak_db, self._hold_db)
