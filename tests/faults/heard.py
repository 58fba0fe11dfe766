"""What a monitor's recording of the sweep call says about a fault: where sound broke off, where it
went on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.rig.pulse import RATE_HZ, Samples
from tests.rig.signals import PERIOD_S, heard_position_s

STEP_FRAMES = RATE_HZ // 100
QUIET = 0.01
"""An RMS below this is silence: the quieter party alone has 0.03."""

SHORTEST_S = 0.2
"""A gap shorter than this is a hiccup of concealment, not a break."""

READ_S = 0.04
READS_S = 0.4
EDGE_S = 0.06
"""Nothing is read so near to the place where the sweep starts over: two frequencies are there."""

SAME_LINE_S = 0.15
"""Places that differ by less are of one stretch: a jitter buffer stretches and cuts by so much."""

CONCEALED_S = 0.25
"""What a jitter buffer invents before it falls silent holds the last pitch."""


@dataclass(frozen=True)
class Break:
    """One break, by the monotonic clock: silent from `from_s` to `to_s`.

    `off_ms` is how far ahead playing went on of where it broke off (negative: some was heard
    again), modulo the sweep's period, nearest to 0; None where one side cannot be read. It went on
    where the place that is heard at the end was heard first: a blip of another one is none.
    """

    from_s: float
    to_s: float
    off_ms: float | None


def levels(sound: Samples) -> npt.NDArray[np.float64]:
    """Return the RMS of each 10 ms."""
    steps = sound[: len(sound) // STEP_FRAMES * STEP_FRAMES].reshape(-1, STEP_FRAMES)
    return np.sqrt(np.mean(np.square(steps, dtype=np.float64), axis=1))


def quiet_spans(sound: Samples, began_s: float) -> list[tuple[float, float]]:
    """Return the silences of SHORTEST_S and more, in s; `sound` began at `began_s`."""
    quiet = np.concatenate([[0], (levels(sound) < QUIET).astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(quiet) > 0), np.flatnonzero(np.diff(quiet) < 0)
    step_s = STEP_FRAMES / RATE_HZ
    spans = [
        (began_s + a * step_s, began_s + b * step_s) for a, b in zip(starts, ends, strict=True)
    ]
    return [span for span in spans if span[1] - span[0] >= SHORTEST_S]


def place_s(sound: Samples, began_s: float, from_s: float, to_s: float) -> float | None:
    """Return position less time (modulo the sweep's period) of what was heard in a span.

    The median of many readings counts; None if fewer than five can be read.
    """
    size = round(READ_S * RATE_HZ)
    first, last = (round((at_s - began_s) * RATE_HZ) for at_s in (from_s, to_s))
    found = []
    for start in range(max(first, 0), min(last, len(sound)) - size, size // 2):
        position_s = heard_position_s(sound[start : start + size])
        if position_s is not None and EDGE_S < position_s < PERIOD_S - EDGE_S:
            found.append(position_s - (began_s + (start + size / 2) / RATE_HZ))
    if len(found) < 5:
        return None
    # Angles, so that the median does not fall between the two ends of the period.
    middle = np.angle(np.mean(np.exp(2j * np.pi * np.array(found) / PERIOD_S)))
    middle_s = middle * PERIOD_S / (2 * np.pi)
    near = (np.array(found) - middle_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
    return float((middle_s + np.median(near)) % PERIOD_S)


def nearest(off_s: float) -> float:
    """Return a difference of positions, modulo the period, nearest to 0."""
    return (off_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2


def read_break(sound: Samples, began_s: float, after_s: float) -> Break | None:
    """Return the longest silence that begins after `after_s`; None if there is none.

    Where playing went on is read at the recording's end: what was heard of a wrong place right
    after the break does not count as where it went on.
    """
    spans = [span for span in quiet_spans(sound, began_s) if span[1] > after_s]
    if not spans:
        return None
    from_s, to_s = max(spans, key=lambda span: span[1] - span[0])
    end_s = began_s + len(sound) / RATE_HZ
    before = place_s(sound, began_s, from_s - CONCEALED_S - READS_S, from_s - CONCEALED_S)
    after = place_s(sound, began_s, end_s - READS_S, end_s)
    if before is None or after is None:
        return Break(from_s, to_s, None)
    on_s = _heard_since_s(sound, began_s, after, to_s)
    return Break(from_s, to_s, nearest(after + on_s - before - from_s) * 1000)


def _heard_since_s(sound: Samples, began_s: float, line_s: float, from_s: float) -> float:
    """Return since when, after `from_s`, the place has been that of `line_s` (as `place_s`)."""
    size = round(READ_S * RATE_HZ)
    since_s = began_s + len(sound) / RATE_HZ
    for start in range(len(sound) - size, round((from_s - began_s) * RATE_HZ) - 1, -size // 2):
        part = sound[start : start + size]
        at_s = began_s + start / RATE_HZ
        position_s = heard_position_s(part) if float(np.max(levels(part))) >= QUIET else None
        if position_s is None or not EDGE_S < position_s < PERIOD_S - EDGE_S:
            continue
        if abs(nearest(position_s - at_s - READ_S / 2 - line_s)) > SAME_LINE_S:
            break
        since_s = at_s
    return since_s
