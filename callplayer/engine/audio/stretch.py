"""Slower or faster speech at its own pitch.

WSOLA (Verhelst and Roelands, ICASSP 1993): the output is made of grains of the sound that overlap
by half. A grain is taken near the place that the speed asks for, at the offset where it continues
the grain before best. All parties share the offset, so that they stay together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
Read = Callable[[int, int], Pcm]
"""(first frame, frames) → int16 of shape (frames, parties); silence where nothing is stored."""

HOP_FRAMES = 720
"""A grain is two hops, 30 ms at 48 kHz: two periods of a deep voice."""

TOLERANCE_FRAMES = 480
"""How far a grain may lie from its place, 10 ms at 48 kHz: more than a period of most voices."""

LOOKAHEAD_FRAMES = 2 * HOP_FRAMES + TOLERANCE_FRAMES
"""How far ahead of its place a block is read, at a speed of 1."""

COARSE_STEP = 4
"""Offsets are looked for at a quarter of the rate first: a voice has little above 6 kHz."""

FARTHEST_COSTS = 0.1
"""How much more alike an offset at the tolerance must be: of a vowel all periods are alike, and the
nearest has the truest place."""

SILENCE_ENERGY = 1.0
"""Mean square, in int16 steps: below it any grain follows any other."""

_FADE_IN = ((np.arange(HOP_FRAMES, dtype=np.float32) + 0.5) / HOP_FRAMES)[:, np.newaxis]


class TimeStretcher:
    """Makes blocks of HOP_FRAMES from stored sound, `speed` times as fast as it was said.

    At a speed of 1 the stored samples pass unchanged.
    """

    def __init__(self, read: Read, first_frame: int) -> None:
        self._read = read
        self._place = float(first_frame)
        self._grain: int | None = None

    @property
    def place_frames(self) -> float:
        """Return the place in the sound that the next block is for, in frames."""
        return self._place

    def next_block(self, speed: float) -> tuple[Pcm, int]:
        """Return the next block, int16 of shape (HOP_FRAMES, parties), and its first frame's place.

        The place is exact: it is where the block's grain was taken. The sound before fades out
        over it, which is a hop further on: the grain lies before its place by as much as that is
        off, so that the two together are where they should be.
        """
        natural = None if self._grain is None else self._grain + HOP_FRAMES
        if natural is None:
            start = round(self._place)
        elif speed == 1.0:
            start = natural
            self._place = float(natural)
        else:
            centred = self._place - (1.0 - speed) * HOP_FRAMES
            start = self._best_start(round(centred), natural)
        block = self._read(start, HOP_FRAMES)
        if natural is not None and start != natural:
            before = self._read(natural, HOP_FRAMES)
            mixed = before + (block.astype(np.float32) - before) * _FADE_IN
            block = np.rint(mixed).astype(np.int16)
        self._grain = start
        self._place += HOP_FRAMES * speed
        return block, start

    def _best_start(self, target: int, natural: int) -> int:
        """Return where near `target` the sound is most like the sound at `natural`."""
        template = _summed(self._read(natural, HOP_FRAMES))
        if float(template @ template) < SILENCE_ENERGY * HOP_FRAMES:
            return target
        first = target - TOLERANCE_FRAMES
        around = _summed(self._read(first, HOP_FRAMES + 2 * TOLERANCE_FRAMES))
        coarse = COARSE_STEP * _best_offset(
            _decimated(around), _decimated(template), FARTHEST_COSTS
        )
        low = max(0, coarse - COARSE_STEP)
        high = min(2 * TOLERANCE_FRAMES, coarse + COARSE_STEP)
        return first + low + _best_offset(around[low : high + HOP_FRAMES], template)


def _summed(pcm: Pcm) -> npt.NDArray[np.float32]:
    summed: npt.NDArray[np.float32] = pcm.sum(axis=1, dtype=np.float32)
    return summed


def _decimated(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    whole = len(sound) - len(sound) % COARSE_STEP
    mean: npt.NDArray[np.float32] = sound[:whole].reshape(-1, COARSE_STEP).mean(axis=1)
    return mean


def _best_offset(
    sound: npt.NDArray[np.float32], template: npt.NDArray[np.float32], farthest_costs: float = 0.0
) -> int:
    """Return the offset of `sound` with the highest normalised cross-correlation.

    It costs up to `farthest_costs` to be away from the middle.
    """
    products = np.correlate(sound, template)
    energies = np.cumsum(np.concatenate(([0.0], sound.astype(np.float64) ** 2)))
    windows = energies[len(template) :] - energies[: -len(template)]
    loudness = np.sqrt((windows + SILENCE_ENERGY * len(template)) * float(template @ template))
    away = np.abs(np.linspace(-1.0, 1.0, len(products)))
    return int(np.argmax(products / loudness - farthest_costs * away))
