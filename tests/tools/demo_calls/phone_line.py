"""What a telephone and a room do to a voice, and the sounds behind it. Pure, seeded, 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float64]

RATE_HZ = 16_000
LINE_RATE_HZ = 8_000
STORE_RATE_HZ = 48_000
SPEECH_DB = -20.0
CEILING = 10 ** (-4.4 / 20)


@dataclass(frozen=True)
class Colour:
    """How one party sounds: band edges (Hz), tilt (dB from edge to edge), a resonance, a room."""

    low_hz: float
    high_hz: float
    tilt_db: float
    peak_hz: float
    peak_db: float
    room_s: float
    room_db: float
    noise_db: float


CALLER = Colour(330, 3300, 3.0, 2400, 4.0, 0.22, -17.0, -59.0)
"""A mobile telephone in a hard room."""
CALL_TAKER = Colour(300, 3400, -2.0, 900, 2.0, 0.06, -26.0, -62.0)
"""A headset close to the mouth, in a damped room."""


def gain(level_db: float) -> float:
    """Return the factor for `level_db` dB."""
    return float(10 ** (level_db / 20))


def speech_rms(samples: Samples) -> float:
    """Return the RMS of the 20 ms frames that are within 25 dB of the loudest tenth."""
    frame = RATE_HZ // 50
    count = len(samples) // frame
    power = (samples[: count * frame].reshape(count, frame) ** 2).mean(axis=1)
    active = power[power > power.max() * 10 ** (-25 / 10)]
    return float(np.sqrt(active.mean()))


def levelled(samples: Samples, level_db: float = SPEECH_DB) -> Samples:
    """Return the speech at `level_db` dBFS RMS while it is speech."""
    return samples * (gain(level_db) / speech_rms(samples))


def band(samples: Samples, colour: Colour) -> Samples:
    """Return the sound in the party's telephone band. Zero phase: words stay where they are."""
    spectrum = np.fft.rfft(samples)
    hz = np.maximum(np.fft.rfftfreq(len(samples), 1 / RATE_HZ), 1.0)
    shape = 1 / np.sqrt(1 + (colour.low_hz / hz) ** 10) / np.sqrt(1 + (hz / colour.high_hz) ** 24)
    octaves = np.log2(np.clip(hz, colour.low_hz, colour.high_hz) / colour.low_hz)
    tilt_db = colour.tilt_db * octaves / np.log2(colour.high_hz / colour.low_hz)
    peak_db = colour.peak_db * np.exp(-((np.log2(hz / colour.peak_hz) / 0.4) ** 2))
    shape *= 10 ** ((tilt_db + peak_db) / 20)
    shape[hz < 60] = 0.0
    return np.asarray(np.fft.irfft(spectrum * shape, len(samples)), np.float64)


def room(samples: Samples, colour: Colour, random: np.random.Generator) -> Samples:
    """Return the sound with the room's first reflections and a short tail of noise."""
    length = round(colour.room_s * RATE_HZ)
    tail = random.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[: RATE_HZ // 250] = 0.0
    tail *= gain(colour.room_db) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = len(samples) + length
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return np.asarray(wet[: len(samples)], np.float64)


def compressed(samples: Samples, threshold_db: float = -26.0, ratio: float = 2.0) -> Samples:
    """Return the speech with its loud parts turned down: attack about 5 ms, release 150 ms."""
    frame = RATE_HZ // 200
    count = -(-len(samples) // frame)
    padded = np.pad(samples, (0, count * frame - len(samples)))
    level = np.sqrt((padded.reshape(count, frame) ** 2).mean(axis=1))
    envelope = np.empty(count)
    held = 0.0
    release = float(np.exp(-5 / 150))
    for index, now in enumerate(level):
        held = max(float(now), held * release)
        envelope[index] = held
    over_db = np.maximum(0.0, 20 * np.log10(np.maximum(envelope, 1e-9)) - threshold_db)
    factor = 10 ** (-over_db * (1 - 1 / ratio) / 20)
    centres = (np.arange(count) + 0.5) * frame
    return samples * np.interp(np.arange(len(samples)), centres, factor)


def limited(samples: Samples, ceiling: float = CEILING) -> Samples:
    """Return the sound held under `ceiling`, bent smoothly from two thirds of it."""
    knee = ceiling * 0.67
    size = np.abs(samples)
    bent = knee + (ceiling - knee) * np.tanh((size - knee) / (ceiling - knee))
    return np.where(size > knee, np.sign(samples) * bent, samples)


def line_noise(frames: int, level_db: float, random: np.random.Generator) -> Samples:
    """Return hiss at `level_db` dBFS RMS with a rare small crackle."""
    noise = random.standard_normal(frames) * gain(level_db)
    for at in random.integers(0, frames - 40, size=max(1, frames // (RATE_HZ * 9))):
        burst = random.standard_normal(32) * np.exp(-np.arange(32) / 7)
        noise[at : at + 32] += burst * gain(level_db + 16)
    return noise


def breath(random: np.random.Generator, length_s: float = 0.38) -> Samples:
    """Return one breath in: noise in the mouth's band, swelling and dropping off."""
    frames = round(length_s * RATE_HZ)
    spectrum = np.fft.rfft(random.standard_normal(frames))
    hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    spectrum *= np.exp(-(((hz - 1500) / 900) ** 2))
    noise = np.fft.irfft(spectrum, frames)
    noise *= np.sin(np.pi * np.linspace(0, 1, frames) ** 1.6) ** 2
    return np.asarray(noise * (gain(-41.0) / np.sqrt((noise**2).mean())), np.float64)


def smoke_alarm(frames: int) -> Samples:
    """Return the standard pattern at level 1: three beeps of 0.5 s, 3.1 kHz, then 1.5 s of rest."""
    at_s = np.arange(frames) / RATE_HZ
    phase_s = at_s % 4.0
    on = (phase_s < 3.0) & (phase_s % 1.0 < 0.5)
    edge = round(0.008 * RATE_HZ)
    smooth = np.convolve(on.astype(np.float64), np.ones(edge) / edge, mode="same")
    return np.asarray(np.sqrt(2) * np.sin(2 * np.pi * 3_100 * at_s) * smooth, np.float64)


def siren(frames: int) -> Samples:
    """Return a slow wail at level 1, 600 to 1,300 Hz every 4.5 s, with some harmonics."""
    at_s = np.arange(frames) / RATE_HZ
    hz = 950 - 350 * np.cos(2 * np.pi * at_s / 4.5)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    wave = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    return np.asarray(wave / np.sqrt((wave**2).mean()), np.float64)


def ramp(frames: int, start_db: float, end_db: float) -> Samples:
    """Return gains that go from `start_db` to `end_db` dB, with a 50 ms fade at both ends."""
    gains = 10 ** (np.linspace(start_db, end_db, frames) / 20)
    fade = np.linspace(0, 1, min(RATE_HZ // 20, frames // 2))
    gains[: len(fade)] *= fade
    gains[frames - len(fade) :] *= fade[::-1]
    return gains


def click(random: np.random.Generator) -> Samples:
    """Return a handset's click, 25 ms, as at a pick-up or a hang-up."""
    frames = RATE_HZ // 40
    return random.standard_normal(frames) * np.exp(-np.arange(frames) / 60) * gain(-26.0)


def delayed(samples: Samples, delay_s: float) -> Samples:
    """Return the sound `delay_s` later, the same length."""
    shift = round(delay_s * RATE_HZ)
    return np.concatenate([np.zeros(shift), samples[: len(samples) - shift]])


def through_line(samples: Samples) -> Samples:
    """Return the sound as an 8 kHz line carries it (G.711 μ-law, 8 bit), at STORE_RATE_HZ."""
    narrow = soxr.resample(limited(samples), RATE_HZ, LINE_RATE_HZ, quality="VHQ")
    size = np.log1p(255 * np.abs(narrow)) / np.log1p(255)
    coded = np.round(size * 127) / 127
    decoded = np.sign(narrow) * np.expm1(coded * np.log1p(255)) / 255
    wide = soxr.resample(decoded, LINE_RATE_HZ, STORE_RATE_HZ, quality="VHQ")
    return np.asarray(wide, np.float64)
