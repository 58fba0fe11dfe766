"""How loud a party speaks on the whole, and the volume that makes all parties equally loud.

Loudness is that of ITU-R BS.1770-4: K-weighted mean square over blocks of 400 ms, gated, so that
pauses do not count. The weighting is done on the power spectrum of each 100 ms.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
STEP_FRAMES = RATE_HZ // 10
BLOCK_STEPS = 4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LU = -0.691

TARGET_LUFS = -18.0
"""Speech as AES TD1008 has it for streams."""

MAX_CHANGE_DB = 12.0
LEAST_SPEECH_S = 1.0
"""Less than this is not enough to judge a party by."""


def _k_weighting() -> npt.NDArray[np.float64]:
    """Return the power gain of BS.1770's two filters at each frequency of a step's spectrum."""
    turn = np.exp(-2j * np.pi * np.arange(STEP_FRAMES // 2 + 1) / STEP_FRAMES)
    powers = np.stack([np.ones_like(turn), turn, turn * turn])
    shelf = np.array([1.53512485958697, -2.69169618940638, 1.19839281085285]) @ powers
    shelf /= np.array([1.0, -1.69065929318241, 0.73248077421585]) @ powers
    high_pass = np.array([1.0, -2.0, 1.0]) @ powers
    high_pass /= np.array([1.0, -1.99004745483398, 0.99007225036621]) @ powers
    weights: npt.NDArray[np.float64] = np.abs(shelf * high_pass) ** 2
    # Each frequency but the first and the last stands for its mirror image, too.
    weights[1:-1] *= 2.0
    return weights / (STEP_FRAMES * STEP_FRAMES)


class LoudnessMeter:
    """Takes in one party's sound, mono int16 at 48 kHz, in blocks of any length."""

    def __init__(self) -> None:
        self._weights = _k_weighting()
        self._step = np.zeros(STEP_FRAMES, dtype=np.float64)
        self._filled = 0
        self._powers: list[float] = []

    def add(self, pcm: npt.NDArray[np.int16]) -> None:
        """Take in the next samples."""
        while len(pcm):
            part = pcm[: STEP_FRAMES - self._filled]
            self._step[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            pcm = pcm[len(part) :]
            if self._filled == STEP_FRAMES:
                spectrum = np.fft.rfft(self._step / 32768.0)
                self._powers.append(float(self._weights @ (np.abs(spectrum) ** 2)))
                self._filled = 0

    @property
    def loudness_lufs(self) -> float | None:
        """Return the gated loudness, in LUFS; None for less than a second of speech."""
        steps = np.array(self._powers)
        if len(steps) < BLOCK_STEPS:
            return None
        blocks = np.convolve(steps, np.full(BLOCK_STEPS, 1 / BLOCK_STEPS), "valid")
        blocks = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
        if not len(blocks):
            return None
        blocks = blocks[blocks > blocks.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
        if len(blocks) * STEP_FRAMES < LEAST_SPEECH_S * RATE_HZ:
            return None
        return OFFSET_LU + 10 * math.log10(float(blocks.mean()))


def evening_gain_db(gain_db: float, loudness_lufs: float) -> float:
    """Return the volume that brings a party to TARGET_LUFS, in dB.

    `loudness_lufs` was measured with `gain_db` in force. A party whose own sound is further off
    than MAX_CHANGE_DB is changed by that much only.
    """
    unchanged_lufs = loudness_lufs - gain_db
    return min(max(TARGET_LUFS - unchanged_lufs, -MAX_CHANGE_DB), MAX_CHANGE_DB)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))
