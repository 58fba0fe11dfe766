"""Where a piece of sound is in another: by normalised correlation. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callplayer.engine.memory.compression import Pcm

QUIET_RMS = 15.0
"""Of int16, -67 dBFS: what is below has nothing to know it by. A phone line's noise is above, and
is known to the sample."""

LEAST_PEAK = 0.7
LEAST_LEAD = 0.02
"""How far the peak must stand above the next one: of a tone all are as high."""

NEAR_FRAMES = 24
"""Half a millisecond to each side of a peak is the peak itself."""


class Match(NamedTuple):
    """`offset` is the sample of the searched sound where the template begins."""

    offset: int
    peak: float


def find_match(template: Pcm, searched: Pcm) -> Match | None:
    """Return where `template` lies in `searched`, both int16; None where that is not sure.

    The correlation is normalised by the energy of each window (J. P. Lewis, "Fast Normalized
    Cross-Correlation").
    """
    size = len(template)
    lags = len(searched) - size + 1
    if lags < 1:
        return None
    wanted = template.astype(np.float64)
    wanted_energy = float(wanted @ wanted)
    if wanted_energy < size * QUIET_RMS**2:
        return None
    sound = searched.astype(np.float64)
    energy = np.concatenate(([0.0], np.cumsum(sound * sound)))
    window_energy = energy[size:] - energy[:-size]
    length = 1 << (len(searched) + size - 1).bit_length()
    spectrum = np.fft.rfft(sound, length) * np.conj(np.fft.rfft(wanted, length))
    products = np.fft.irfft(spectrum, length)[:lags]
    loud = np.maximum(window_energy, size * QUIET_RMS**2 / 4)
    scores: npt.NDArray[np.float64] = products / np.sqrt(loud * wanted_energy)
    offset = int(np.argmax(scores))
    peak = float(scores[offset])
    if peak < LEAST_PEAK:
        return None
    # Another place as good, past the slopes of the peak itself, makes it a guess.
    low, high = _slopes(scores, offset)
    others = np.concatenate((scores[:low], scores[high:]))
    if len(others) and peak - float(others.max()) < LEAST_LEAD:
        return None
    return Match(offset, peak)


def _slopes(scores: npt.NDArray[np.float64], peak: int) -> tuple[int, int]:
    """Return where the scores begin to fall towards a peak, and have fallen from it."""
    steps = np.diff(scores)
    before = np.flatnonzero(steps[:peak] <= 0)
    after = np.flatnonzero(steps[peak:] >= 0)
    low = int(before[-1]) + 1 if len(before) else 0
    high = peak + int(after[0]) if len(after) else len(scores)
    return max(min(low, peak - NEAR_FRAMES), 0), max(high, peak + NEAR_FRAMES)
