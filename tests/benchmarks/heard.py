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
SLACK_S = 0.1
LAG_S = 0.5
NEW_S = 1.5


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
        if between(position_s, new_s - SLACK_S, new_s + min(elapsed_s, NEW_S) + SLACK_S):
            new_ms = at_ms if new_ms is None else new_ms
        elif at_ms >= 30 and between(position_s, old_s - LAG_S, old_s + elapsed_s + SLACK_S):
            stale_ms += step_ms
    return Jump(silent_ms, new_ms, stale_ms)


def between(position_s: float, low_s: float, high_s: float) -> bool:
    """Return whether a position lies in a span, all modulo the sweep's period."""
    return (position_s - low_s) % PERIOD_S <= high_s - low_s


def differ_clearly(old_s: float, new_s: float, listen_s: float) -> bool:
    """Return whether what is heard in the next `listen_s` is clearly of one place or the other."""
    step_s = (new_s - old_s) % PERIOD_S
    return listen_s + 2 * SLACK_S < step_s < PERIOD_S - LAG_S - min(listen_s, NEW_S) - 2 * SLACK_S
