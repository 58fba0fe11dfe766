"""The sound of a call as a player reads it."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from callplayer.playback.cursor import CallExtent, CallTimeline
from callplayer.recordings.samples import Samples


class AudioSource(Protocol):
    """A call's samples, all parties side by side."""

    def at(self, now_s: float) -> CallExtent:
        """Return how much of it there is at `now_s` of the monotonic clock."""

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on: int16, shape (frames, parties)."""


@dataclass(frozen=True)
class DecodedSound:
    """A call that is there as a whole: `samples` is int16, 48 kHz, shape (frames, parties)."""

    samples: Samples
    live_from_s: float | None = None

    def at(self, now_s: float) -> CallExtent:
        """Return how much of it there is: all, or what has been if it is played as live."""
        return CallTimeline(len(self.samples), self.live_from_s).at(now_s)

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
