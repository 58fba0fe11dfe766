"""What a monitor's recording of the sweep call says about delay and damage, at every moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.rig.pulse import RATE_HZ, Samples
from tests.rig.signals import BASE_HZ, PERIOD_S, SWEEP_HZ_PER_S, heard_position_s

READ_S = 0.040
EDGE_S = 0.06
"""Nothing is read so near to the place where the sweep starts over: two frequencies are there."""

SMOOTH_READS = 5
WINDOW_FRAMES, HOP_FRAMES = 960, 240
TONE_BINS = 3
BROKEN_SHARE = 0.9
QUIET_SHARE = 10 ** (-12 / 10)

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Delays:
    """When (s, by the monotonic clock) the caller's sound was late by how much (ms)."""

    at_s: Numbers
    late_ms: Numbers

    def between(self, from_s: float, to_s: float) -> Numbers:
        """Return the lateness of the readings between two moments."""
        return self.late_ms[(self.at_s >= from_s) & (self.at_s < to_s)]


def read_delays(sound: Samples, from_s: float, began_s: float, step_s: float = 0.02) -> Delays:
    """Read how late the caller's sound is, every `step_s`; `sound` began at `from_s`.

    The server's cursor was at 0 at `began_s`, or would have been, had it always moved on.
    """
    size = round(READ_S * RATE_HZ)
    at_s, late_s = [], []
    for start in range(0, len(sound) - size, round(step_s * RATE_HZ)):
        position_s = heard_position_s(sound[start : start + size])
        if position_s is None or not EDGE_S < position_s < PERIOD_S - EDGE_S:
            continue
        moment_s = from_s + (start + size / 2) / RATE_HZ
        off_s = moment_s - began_s - position_s
        at_s.append(moment_s)
        late_s.append((off_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2)
    return Delays(np.array(at_s), np.array(late_s) * 1000)


def back_after_s(
    delays: Delays, event_s: float, before_ms: float, within_ms: float
) -> float | None:
    """Return how long after `event_s` the delay came back to `before_ms` to stay; None if never.

    Back is not more than `within_ms` above it: a delay that has become less is no fault. The
    median of five readings counts: one that straddles a splice reads anything.
    """
    later = delays.at_s >= event_s
    at_s, late_ms = delays.at_s[later], delays.late_ms[later]
    runs = np.lib.stride_tricks.sliding_window_view(late_ms, SMOOTH_READS)
    smooth_ms = np.median(runs, axis=1)
    off = np.flatnonzero(smooth_ms - before_ms > within_ms)
    if not len(off):
        return 0.0
    if off[-1] == len(smooth_ms) - 1:
        return None
    return float(at_s[off[-1] + SMOOTH_READS // 2 + 1] - event_s)


def broken_ms_per_min(sound: Samples) -> float:
    """Return how much of a minute is not the two parties' clean tones.

    In 20 ms of a whole sweep each party is one tone. A moment is broken where one of them is more
    than 12 dB below its usual level, or where less than 90 % of the power is in the two tones: a
    gap, a click, a splice, an invented sound that is not like the tone. What is invented so well
    that it is the tone does not count.
    """
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_FRAMES)[::HOP_FRAMES]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW_FRAMES), axis=1)))
    bin_hz = RATE_HZ / WINDOW_FRAMES
    explained = np.zeros(len(power))
    broken = np.zeros(len(power), dtype=bool)
    at_edge = np.zeros(len(power), dtype=bool)
    for low_hz in BASE_HZ.values():
        first, last = round(low_hz / bin_hz), round((low_hz + SWEEP_HZ_PER_S * PERIOD_S) / bin_hz)
        peak = first + np.argmax(power[:, first : last + 1], axis=1)
        tone = sum(
            np.take_along_axis(power, peak[:, None] + k, axis=1)[:, 0]
            for k in range(-TONE_BINS, TONE_BINS + 1)
        )
        explained += tone
        quiet = tone < QUIET_SHARE * np.median(tone)
        broken |= quiet
        at_edge |= ~quiet & ((peak <= first + 1) | (peak >= last - 1))
    broken |= explained < BROKEN_SHARE * power[:, 1:].sum(axis=1)
    # The sweep's own start over is a splice; the windows that straddle it are left out.
    spread = 2 * WINDOW_FRAMES // HOP_FRAMES + 1
    counted = ~np.convolve(at_edge, np.ones(spread), mode="same").astype(bool)
    return float(60_000 * np.mean(broken[counted]))
