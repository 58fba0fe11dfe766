"""What a monitor's recording says about one jump: when it fell silent, when the new place began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.rig.pulse import RATE_HZ, Samples
from tests.rig.signals import PERIOD_S, heard_position_s

STEP_FRAMES = RATE_HZ // 500
QUIET = 0.004
LOUD = 0.02
READ_S = 0.012
NEAR_S = 0.4


@dataclass(frozen=True)
class Jump:
    """One jump as it was heard, in ms from the moment it was asked for; None if it never was.

    `stale_ms` is how much sound of the old place was heard from 30 ms after the asking on.
    """

    silent_ms: float | None
    new_ms: float | None
    stale_ms: float


def read_jump(sound: Samples, old_s: float, new_s: float) -> Jump:
    """Read `sound`, which begins at the asking; positions are where playing was and should be."""
    steps = sound[: len(sound) // STEP_FRAMES * STEP_FRAMES].reshape(-1, STEP_FRAMES)
    level = np.sqrt(np.mean(np.square(steps), axis=1))
    step_ms = STEP_FRAMES * 1000 / RATE_HZ
    quiet = np.flatnonzero(level < QUIET)
    silent_ms = float(quiet[0] * step_ms) if len(quiet) else None
    half = round(READ_S * RATE_HZ)
    new_ms, stale_ms = None, 0.0
    for index in np.flatnonzero(level > LOUD):
        at_ms = index * step_ms
        middle = index * STEP_FRAMES
        position_s = heard_position_s(sound[max(0, middle - half) : middle + half])
        if position_s is None:
            continue
        elapsed_s = at_ms / 1000
        if near(position_s, new_s + elapsed_s / 2, NEAR_S):
            new_ms = at_ms if new_ms is None else new_ms
        elif at_ms >= 30 and near(position_s, old_s + elapsed_s / 2, NEAR_S):
            stale_ms += step_ms
    return Jump(silent_ms, new_ms, stale_ms)


def near(position_s: float, expected_s: float, within_s: float) -> bool:
    """Tell whether two positions are the same, modulo the sweep's period."""
    difference = (position_s - expected_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
    return abs(difference) < within_s
