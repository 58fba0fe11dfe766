"""What a reader reads, slower or faster at its own pitch; one offset for all lanes. Pure."""

from __future__ import annotations

import numpy as np

from callplayer.engine.audio.stretch import (
    HOP_FRAMES,
    LOOKAHEAD_FRAMES,
    TOLERANCE_FRAMES,
    TimeStretcher,
)
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.reader import MemoryReader, Samples
from callplayer.engine.memory.stretch import FRAMES_PER_MS

KEPT_FRAMES = 2 * HOP_FRAMES + TOLERANCE_FRAMES
"""A grain may be taken so far behind the place of the block before."""

FULL_SCALE = 32_768.0


class StretchedReader:
    """Reads from where `reader` is, `speed` times as fast as it was said."""

    def __init__(self, reader: MemoryReader, speed: float) -> None:
        self.speed = speed
        self._reader = reader
        self._names = reader.names
        self._window: Pcm = np.zeros((0, len(self._names)), np.int16)
        self._first = 0
        self._places_ms = [(0, reader.place_ms)]
        self._stretcher = TimeStretcher(self._read, 0)
        self._made: Pcm = self._window

    @property
    def place_ms(self) -> float:
        """Return the place of the next sample that is returned."""
        place = self._stretcher.place_frames - len(self._made) * self.speed
        first, place_ms = max(
            (each for each in self._places_ms if each[0] <= place), default=self._places_ms[0]
        )
        return place_ms + (place - first) / FRAMES_PER_MS

    def frames_ahead(self) -> int:
        """Return how many samples can be returned, about."""
        left = self._first + len(self._window) - self._stretcher.place_frames
        stored = max(left + self._reader.frames_ahead() - LOOKAHEAD_FRAMES, 0.0)
        return round(stored / self.speed) + len(self._made)

    def read(self, frames: int) -> dict[str, Samples]:
        """Return the next samples of each lane, float32: as many as there are, `frames` at most."""
        while len(self._made) < frames and self._has_block():
            block, _ = self._stretcher.next_block(self.speed)
            self._made = np.concatenate((self._made, block))
            self._forget()
        made, self._made = self._made[:frames], self._made[frames:]
        scaled = made.astype(np.float32) / np.float32(FULL_SCALE)
        return {name: scaled[:, lane] for lane, name in enumerate(self._names)}

    def _has_block(self) -> bool:
        end = round(self._stretcher.place_frames) + LOOKAHEAD_FRAMES
        self._fill(end)
        return self._first + len(self._window) >= end

    def _fill(self, end: int) -> None:
        """Read on until the window reaches `end`, as far as there is sound."""
        lacking = end - self._first - len(self._window)
        if lacking <= 0:
            return
        self._places_ms.append((self._first + len(self._window), self._reader.place_ms))
        parts = self._reader.read(lacking)
        frames = max((len(part) for part in parts.values()), default=0)
        more = np.zeros((frames, len(self._names)), np.int16)
        for lane, name in enumerate(self._names):
            if name in parts:
                loud = np.rint(parts[name] * FULL_SCALE).clip(-32_768, 32_767)
                more[:, lane] = loud.astype(np.int16)
        self._window = np.concatenate((self._window, more))

    def _read(self, first: int, frames: int) -> Pcm:
        out = np.zeros((frames, len(self._names)), np.int16)
        start = max(first, self._first)
        stop = min(first + frames, self._first + len(self._window))
        if start < stop:
            part = self._window[start - self._first : stop - self._first]
            out[start - first : stop - first] = part
        return out

    def _forget(self) -> None:
        """Drop what no grain is taken from any more."""
        old = round(self._stretcher.place_frames) - KEPT_FRAMES - self._first
        if old > 0:
            self._window, self._first = self._window[old:], self._first + old
            place = self._stretcher.place_frames - len(self._made) * self.speed
            while len(self._places_ms) > 1 and self._places_ms[1][0] <= place:
                self._places_ms.pop(0)
