"""A stretch of the call taken out of the memory, as it was recorded: every party at 0 dB. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from callplayer.engine.memory.call_memory import CallMemory, regain_db
from callplayer.engine.memory.reader import Samples
from callplayer.engine.memory.stretch import FRAMES_PER_MS, GainsDb, Stretch
from callplayer.engine.memory.voice import VoiceMemory

LEAST_GAP_FRAMES = round(5 * FRAMES_PER_MS)
"""A join may leave out less than this: it is no gap."""

RangeMs = tuple[int, int]


@dataclass(frozen=True)
class Piece:
    """Samples of one stretch: `frames` from number `sample` on stand at frame `at` of the excerpt.

    `factor` undoes the volume that they were received with.
    """

    at: int
    sample: int
    frames: int
    stretch: Stretch
    factor: float


class Excerpt:
    """From `start_ms` to `end_ms` of a call, by lane. Make and read it under the memory's lock.

    `names` are the lanes that have any sound here. `gaps_ms` is what a lane of `needed` lacks,
    `unsure_ms` what a jitter buffer made up in part: places in the call.
    """

    def __init__(
        self, memory: CallMemory, needed: Collection[str], start_ms: int, end_ms: int
    ) -> None:
        self._memory = memory
        self._start_ms = start_ms
        self.frames = round((end_ms - start_ms) * FRAMES_PER_MS)
        self._pieces = {
            name: list(_pieces(voice, start_ms, self.frames))
            for name, voice in memory.voices.items()
        }
        self.names = tuple(name for name, pieces in self._pieces.items() if pieces)
        lanes = [self._pieces.get(name, []) for name in needed or memory.voices]
        self.gaps_ms = self._places(_gaps(lane, self.frames) for lane in lanes or [[]])
        self.unsure_ms = self._places(
            ((p.at, p.at + p.frames) for p in lane if p.stretch.is_suspect) for lane in lanes
        )

    def read(self, at: int, frames: int) -> dict[str, Samples]:
        """Return `frames` samples of each lane from frame `at` on, float32 in int16 steps."""
        out: dict[str, Samples] = {}
        for name in self.names:
            samples = out[name] = np.zeros(frames, np.float32)
            voice = self._memory.voices[name]
            for piece in self._pieces[name]:
                first, end = max(piece.at, at), min(piece.at + piece.frames, at + frames)
                if first < end:
                    pcm = voice.read_within(
                        piece.stretch, piece.sample + first - piece.at, end - first
                    )
                    samples[first - at : end - at] = pcm * np.float32(piece.factor)
        return out

    def _places(self, lanes: Iterator[Iterator[tuple[int, int]]]) -> tuple[RangeMs, ...]:
        merged: list[tuple[int, int]] = []
        for first, end in sorted(each for lane in lanes for each in lane):
            if merged and first <= merged[-1][1] + LEAST_GAP_FRAMES:
                merged[-1] = merged[-1][0], max(merged[-1][1], end)
            else:
                merged.append((first, end))
        return tuple((self._place_ms(first), self._place_ms(end)) for first, end in merged)

    def _place_ms(self, frame: int) -> int:
        return self._start_ms + round(frame / FRAMES_PER_MS)


def own_volume_factor(gains_db: GainsDb) -> float | None:
    """Return what brings sound that was received with these volumes to 0 dB; None for too low."""
    step_db = regain_db(gains_db, (0.0,) * len(gains_db))
    return None if step_db is None else float(10 ** (step_db / 20))


def _pieces(voice: VoiceMemory, start_ms: float, frames: int) -> Iterator[Piece]:
    """Yield what a lane has of a stretch, in order; what goes on without a seam stays together."""

    def usable(stretch: Stretch) -> bool:
        return own_volume_factor(stretch.gains_db) is not None

    def sure(stretch: Stretch) -> bool:
        return usable(stretch) and not stretch.is_suspect

    at = 0
    while at < frames:
        place_ms = start_ms + at / FRAMES_PER_MS
        spot = voice.find(place_ms, sure) or voice.find(place_ms, usable)
        if spot is None:
            later_ms = [
                each.place_ms
                for each in voice.stretches
                if each.place_ms > place_ms and each.end > each.first and usable(each)
            ]
            if not later_ms:
                return
            at = max(round((min(later_ms) - start_ms) * FRAMES_PER_MS), at + 1)
            continue
        stretch, sample, began = *spot, at
        while at < frames and (factor := own_volume_factor(stretch.gains_db)) is not None:
            count = min(max(stretch.end - sample, 0), frames - at)
            if count:
                yield Piece(at, sample, count, stretch, factor)
                at += count
            if stretch.following is None:
                break
            stretch = stretch.following
            sample = stretch.first
        at += at == began


def _gaps(pieces: list[Piece], frames: int) -> Iterator[tuple[int, int]]:
    """Yield what the pieces leave out."""
    at = 0
    for piece in pieces:
        if piece.at - at >= LEAST_GAP_FRAMES:
            yield at, piece.at
        at = max(at, piece.at + piece.frames)
    if frames - at >= LEAST_GAP_FRAMES:
        yield at, frames
