"""The sound of a call as a bot reads it: decoded once for all processes, or still being written."""

from __future__ import annotations

import mmap
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from callplayer.service.blocks import Samples
from callplayer.service.live_file import GrowingAudio
from callplayer.service.playhead import FRAMES_PER_MS, Extent, Timeline

LEAST_EDGE_FRAMES = 200 * FRAMES_PER_MS
MOST_EDGE_FRAMES = 2000 * FRAMES_PER_MS
EDGE_SLACK_FRAMES = 100 * FRAMES_PER_MS
STEPS_LOOKED_AT = 16


class Sound(Protocol):
    """A call's samples, all parties side by side."""

    def at(self, now_s: float) -> Extent:
        """Return how much of it there is at `now_s` of the monotonic clock."""

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on: int16, shape (frames, parties)."""


@dataclass(frozen=True)
class DecodedSound:
    """A call that is there as a whole: `samples` is int16, 48 kHz, shape (frames, parties)."""

    samples: Samples
    live_from_s: float | None = None

    def at(self, now_s: float) -> Extent:
        """Return how much of it there is: all, or what has been if it is played as live."""
        return Timeline(len(self.samples), self.live_from_s).at(now_s)

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on."""
        return self.samples[start : start + frames]


def map_decoded(fd: int, frames: int, parties: int, live_from_s: float | None) -> DecodedSound:
    """Return the sound in the file `fd`, which may be closed then. Processes share its memory."""
    if not frames:
        return DecodedSound(np.zeros((0, parties), dtype=np.int16), live_from_s)
    content = mmap.mmap(fd, frames * parties * 2, prot=mmap.PROT_READ)
    samples = np.frombuffer(content, dtype=np.int16).reshape(frames, parties)
    return DecodedSound(samples, live_from_s)


class GrowingSound:
    """A call that is being written to `path` by another process, or was.

    Sound comes in steps. The live end is taken far enough behind the newest frame for the largest
    but one of the last steps, and a little more; a single stall does not count.
    """

    def __init__(self, path: Path) -> None:
        self._audio = GrowingAudio(path)
        self._frames = self._audio.frames()
        self._steps: deque[int] = deque(maxlen=STEPS_LOOKED_AT)
        self._whole: Extent | None = None

    def at(self, now_s: float) -> Extent:
        """Return how much has been written now."""
        if self._whole is not None:
            return self._whole
        over = self._audio.is_over()
        frames = self._audio.frames()
        if over:
            self._whole = Extent(frames)
            return self._whole
        if frames > self._frames:
            self._steps.append(frames - self._frames)
            self._frames = frames
        return Extent(frames, is_over=False, edge_frames=edge_frames(self._steps))

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on."""
        return self._audio.read(start, frames)

    def close(self) -> None:
        """Close the file."""
        self._audio.close()


def edge_frames(steps: deque[int]) -> int:
    """Return how far behind the newest frame a call that grows in such `steps` is played."""
    usual = sorted(steps)[-2] if len(steps) > 1 else 0
    return min(max(usual + EDGE_SLACK_FRAMES, LEAST_EDGE_FRAMES), MOST_EDGE_FRAMES)
