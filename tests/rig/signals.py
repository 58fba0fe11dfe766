"""Sounds that carry their place in the call, and how to read them back.

Each party has a band of its own. Within it a sine sweeps by SWEEP_HZ_PER_S and starts over every
PERIOD_S, so its frequency is the position, modulo PERIOD_S, and survives Opus.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

RATE_HZ = 48_000
PERIOD_S = 8.0
SWEEP_HZ_PER_S = 300.0
BASE_HZ = {"caller": 400.0, "callTaker": 3200.0}
BANDS_HZ = BASE_HZ | {"third": 6000.0}
"""The parties' bands, and one for any other speaker."""

AMPLITUDE = 0.2
NEAR_HZ = 75.0
"""What lies so near a sweep's peak is taken for it, or for another place laid over it."""

Samples = npt.NDArray[np.float32]


def position_sweep(duration_s: float, party: str) -> Samples:
    """Return a party's sweep, mono at RATE_HZ."""
    return np.float32(AMPLITUDE) * unit_sweep(BANDS_HZ[party], duration_s)


def unit_sweep(low_hz: float, duration_s: float, rate_hz: int = RATE_HZ) -> Samples:
    """Return a sweep from `low_hz` on, full scale."""
    t = np.arange(round(PERIOD_S * rate_hz)) / rate_hz
    hz = np.resize(low_hz + SWEEP_HZ_PER_S * t, round(duration_s * rate_hz))
    return _sine(np.cumsum(hz) / rate_hz)


def _sine(turns: npt.NDArray[np.float64]) -> Samples:
    """Return the sine of so many turns; that of small angles takes a tenth of the time."""
    turns -= np.floor(turns)
    return np.sin(np.float32(2 * np.pi) * turns.astype(np.float32))


def write_sweep_call(path: Path, duration_s: float) -> None:
    """Write a stereo recording: caller left, call taker right."""
    parties = [position_sweep(duration_s, party) for party in ("caller", "callTaker")]
    soundfile.write(path, np.stack(parties, axis=1), RATE_HZ)


def write_tones(path: Path, duration_s: float, caller_hz: float, taker_hz: float) -> None:
    """Write a stereo recording of two steady tones."""
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    parties = [np.float32(AMPLITUDE) * _sine(hz * t) for hz in (caller_hz, taker_hz)]
    soundfile.write(path, np.stack(parties, axis=1), RATE_HZ)


def tone_db(sound: Samples, hz: float, over: Callable[..., Any] = np.mean) -> float:
    """Return the mean level of one tone in `sound`, in dB of amplitude (full scale = 0).

    Taken over windows of 40 ms: a tone bent by some cents, as a clock is being followed, counts in
    full. `over=np.median` separates its level from the few windows in which a jitter buffer made
    the time shorter or longer: a tone that is faded over itself there cancels some of itself.
    """
    size = RATE_HZ // 25
    window = np.hanning(size)
    probe = window * np.exp(-2j * np.pi * hz * np.arange(size) / RATE_HZ) * 2 / window.sum()
    parts = sound[: len(sound) // size * size].reshape(-1, size)
    power = over(np.abs(parts @ probe) ** 2)
    return float(10 * np.log10(max(power, 1e-18)))


def rms_db(sound: Samples) -> float:
    """Return the RMS level in dBFS."""
    return float(20 * np.log10(max(np.sqrt(np.mean(np.square(sound))), 1e-9)))


def heard_position_s(
    sound: Samples, party: str = "caller", least_share: float = 0.0
) -> float | None:
    """Return the position, modulo PERIOD_S, at the middle of `sound`; None if it is too quiet.

    40 ms are enough: the sweep is undone for each candidate slope-free, then the peak of the
    zero-padded spectrum inside the party's band is refined by a parabola. None, too, if a single
    sweep would make less than `least_share` of the power around the peak: a jitter buffer that
    made the time shorter or longer there laid two places over each other, and the peak is at
    neither.
    """
    n = len(sound)
    t = (np.arange(n) - n / 2) / RATE_HZ
    chirp = np.exp(-1j * np.pi * SWEEP_HZ_PER_S * t * t)
    size = 1 << 16
    window = np.hanning(n)
    spectrum = np.abs(np.fft.fft(sound * window * chirp, size))
    low = BANDS_HZ[party]
    first, last = (int(hz * size / RATE_HZ) for hz in (low - 60, low + SWEEP_HZ_PER_S * PERIOD_S))
    k = first + int(np.argmax(spectrum[first:last]))
    if 2 * spectrum[k] / window.sum() < 0.02:
        return None
    around = int(NEAR_HZ * size / RATE_HZ)
    power = np.square(spectrum[k - around : k + around + 1]).sum()
    of_one_sweep = size * np.square(window).sum() / window.sum() ** 2
    if spectrum[k] ** 2 * of_one_sweep < least_share * power:
        return None
    a, b, c = np.log(spectrum[k - 1 : k + 2])
    peak = k + 0.5 * (a - c) / (a - 2 * b + c)
    return float((peak * RATE_HZ / size - low) / SWEEP_HZ_PER_S)


def similarity(heard: Samples, original: Samples) -> float:
    """Return how much `original` is in `heard`: 1.0 is all of it, sample by sample.

    The place is found by the correlation of the whole; then each quarter of a second is correlated
    with what was heard there, give or take 10 ms, and weighted by its energy.
    """
    start = _best_lag(heard, original)
    size, slack = RATE_HZ // 4, RATE_HZ // 100
    total = weight = 0.0
    for at in range(0, len(original) - size, size):
        part = original[at : at + size]
        energy = float(np.dot(part, part))
        low = max(0, start + at - slack)
        around = heard[low : start + at + size + slack]
        lag = _best_lag(around, part)
        there = around[lag : lag + size]
        norm = float(np.sqrt(energy * np.dot(there, there)))
        total += energy * (float(np.dot(there, part[: len(there)])) / norm if norm else 0.0)
        weight += energy
    return total / weight


def _best_lag(heard: Samples, wanted: Samples) -> int:
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: max(1, len(heard) - len(wanted) + 1)]))
