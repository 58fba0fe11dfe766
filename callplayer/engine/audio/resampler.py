"""Band-limited resampling with a ratio that may be bent from one block to the next.

Each output sample is the incoming sound under a windowed sinc, shifted to the place that the sample
falls on (J. O. Smith, "Digital Audio Resampling"). The delay is half the filter, a third of a
millisecond, where resamplers made for files take some milliseconds; and a bend is exact from its
first sample on.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from callplayer.engine.audio.ring import Samples

ZERO_CROSSINGS = 16
"""Of the sinc, on each side of its peak: flat to 19 kHz, images 100 dB down."""

KAISER_BETA = 10.0
ROLL_OFF = 0.96
"""Where the pass band ends below a slower card's own limit."""

BENT_PHASES = 64
BENT_SPAN = 0.1
"""How far, in samples, a parabola through a filter's shifts is followed: −100 dB up to 8 kHz."""

MIN_CORRECTION = 1e-9
CONVERTED_PHASES = 512
MAX_FRAMES = 4096

Filters = npt.NDArray[np.float64]


class Resampler(Protocol):
    """Mono float32, at most MAX_FRAMES at a time; `delay_s` is how long a sample takes."""

    delay_s: float

    def set_correction(self, correction: float) -> None:
        """Write `correction` (relative) fewer frames from the next block on."""
        ...

    def process(self, samples: Samples) -> Samples:
        """Return the resampled frames that `samples` complete."""
        ...


def resampler(in_hz: int, out_hz: int) -> Resampler:
    """Return what takes sound from one rate to the other."""
    return ConvertingResampler(in_hz, out_hz) if in_hz != out_hz else DriftResampler(in_hz)


class DriftResampler:
    """For clocks of the same nominal rate.

    The shift moves by less than a hundredth of a sample in a block, so a block is the sound under
    one filter, plus a little of the filter's slope, plus a trace of its curvature: three
    correlations, whatever the bend.
    """

    def __init__(self, rate_hz: int) -> None:
        half = ZERO_CROSSINGS
        self.delay_s = half / rate_hz
        step = 1e-3
        at = (np.arange(BENT_PHASES) + 0.5) / BENT_PHASES
        before, here, after = (shifted_filters(half, at + off) for off in (-step, 0.0, step))
        self._filters = here.astype(np.float32)
        self._slopes = ((after - before) / (2 * step)).astype(np.float32)
        self._bows = ((after - 2 * here + before) / (2 * step * step)).astype(np.float32)
        # The last taps − 1 incoming samples, then the new ones.
        self._kept = 2 * half - 1
        self._sound: Samples = np.zeros(self._kept + MAX_FRAMES, dtype=np.float32)
        self._count: Samples = np.arange(MAX_FRAMES + 1, dtype=np.float32)
        self._place = 0.0
        self._step = 0.0

    def set_correction(self, correction: float) -> None:
        """Write `correction` (relative) fewer frames from the next block on."""
        self._step = correction if abs(correction) > MIN_CORRECTION else 0.0

    def process(self, samples: Samples) -> Samples:
        """Return the resampled frames that `samples` complete."""
        new, kept = len(samples), self._kept
        self._sound[kept : kept + new] = samples
        parts = []
        while self._place < new:
            window = int(self._place)
            shift = self._place - window
            frames = self._frames_until_next_window(shift, new - window)
            parts.append(self._filtered(window, shift, frames))
            self._place += frames * (1.0 + self._step)
        self._place -= new
        self._sound[:kept] = self._sound[new : new + kept]
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [self._sound[:0]])

    def _frames_until_next_window(self, shift: float, most: int) -> int:
        """Return for how many frames the shift stays inside one sample, and near enough."""
        step = self._step
        if step == 0.0:
            return most
        to_edge = math.ceil((1.0 - shift) / step) if step > 0.0 else int(shift / -step) + 1
        return max(1, min(most, to_edge, int(BENT_SPAN / abs(step))))

    def _filtered(self, window: int, shift: float, frames: int) -> Samples:
        middle = shift + self._step * (frames - 1) / 2
        phase = min(max(int(middle * BENT_PHASES), 0), BENT_PHASES - 1)
        sound = self._sound[window : window + frames + self._kept]
        away = self._count[:frames] * np.float32(self._step)
        away += np.float32(shift - (phase + 0.5) / BENT_PHASES)
        filtered: Samples = np.correlate(sound, self._bows[phase])
        filtered *= away
        filtered += np.correlate(sound, self._slopes[phase])
        filtered *= away
        filtered += np.correlate(sound, self._filters[phase])
        return filtered


class ConvertingResampler:
    """For a card that lacks the incoming rate: every output sample has a shift of its own.

    The filters stand in a table of shifts, interpolated linearly.
    """

    def __init__(self, in_hz: int, out_hz: int) -> None:
        self._base_ratio = self._ratio = in_hz / out_hz
        band = min(1.0, ROLL_OFF * out_hz / in_hz) if out_hz < in_hz else 1.0
        half = math.ceil(ZERO_CROSSINGS / band)
        self.delay_s = half / in_hz
        filters = shifted_filters(half, np.arange(CONVERTED_PHASES + 1) / CONVERTED_PHASES, band)
        self._filters = filters[:-1].astype(np.float32)
        self._slopes = np.diff(filters, axis=0).astype(np.float32)
        self._kept = 2 * half - 1
        self._sound: Samples = np.zeros(self._kept + MAX_FRAMES + 1, dtype=np.float32)
        self._windows = sliding_window_view(self._sound, 2 * half)
        self._count = np.arange(math.ceil(MAX_FRAMES / self._base_ratio * 1.1) + 2, dtype=float)
        self._place = 0.0

    def set_correction(self, correction: float) -> None:
        """Write `correction` (relative) fewer frames from the next block on."""
        self._ratio = self._base_ratio * (1.0 + correction)

    def process(self, samples: Samples) -> Samples:
        """Return the resampled frames that `samples` complete."""
        new, kept = len(samples), self._kept
        self._sound[kept : kept + new] = samples
        frames = max(0, math.ceil((new - self._place) / self._ratio))
        places = self._count[:frames] * self._ratio
        places += self._place
        windows = places.astype(np.intp)
        places -= windows
        places *= CONVERTED_PHASES
        phases = places.astype(np.intp)
        places -= phases
        filters = self._slopes.take(phases, axis=0)
        filters *= places.astype(np.float32)[:, np.newaxis]
        filters += self._filters.take(phases, axis=0)
        converted: Samples = np.einsum("ij,ij->i", self._windows[windows], filters)
        self._place += frames * self._ratio - new
        self._sound[:kept] = self._sound[new : new + kept]
        return converted


def shifted_filters(half: int, shifts: Filters, band: float = 1.0) -> Filters:
    """Return a filter of 2 · `half` taps for each of `shifts`, shape (shifts, taps), of unit gain.

    A shift is from the tap number `half` − 1, in samples; `band` is the pass band, relative to half
    the incoming rate. The window is Kaiser's.
    """
    taps = np.arange(2 * half) - (half - 1)
    away = taps[np.newaxis, :] - shifts[:, np.newaxis]
    inside = np.clip(1.0 - (away / half) ** 2, 0.0, None)
    filters: Filters = np.sinc(band * away) * np.i0(KAISER_BETA * np.sqrt(inside))
    filters /= filters.sum(axis=1, keepdims=True)
    return filters
