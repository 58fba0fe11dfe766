"""A stretch of a local file for a clip, as fast as it can be decoded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from callplayer.playback.cursor import FRAMES_PER_MS
from callplayer.recordings.containers.streamed import StreamedSound
from callplayer.vendor.parties import Channel


class FileExcerpt:
    """From `start_ms` to `end_ms` of the file, by party, in `gaps_ms` what is after its end.

    The file is opened a second time: what plays is not disturbed.
    """

    def __init__(self, path: Path, parties: Sequence[Channel], start_ms: int, end_ms: int) -> None:
        self._path, self._parties = path, tuple(parties)
        self._start_ms, self._end_ms = start_ms, end_ms
        self._sound: StreamedSound | None = None
        self.names: tuple[str, ...] = ()
        self.frames = (end_ms - start_ms) * FRAMES_PER_MS
        self.gaps_ms: tuple[tuple[int, int], ...] = ()
        self.unsure_ms: tuple[tuple[int, int], ...] = ()

    def open(self) -> None:
        """Open the file; count all its packets, for only they say how long it is for sure."""
        self._sound = StreamedSound(self._path, large_bytes=sys.maxsize)
        ends_ms = max(self._sound.frames // FRAMES_PER_MS, self._start_ms)
        self.names = self._parties if self._start_ms < ends_ms else ()
        if ends_ms < self._end_ms:
            self.gaps_ms = ((ends_ms, self._end_ms),)

    def read(self, at: int, frames: int) -> dict[str, npt.NDArray[np.float32]]:
        """Return `frames` samples of each party from frame `at` on, float32 in int16 steps."""
        assert self._sound is not None
        taken = self._sound.read(self._start_ms * FRAMES_PER_MS + at, frames)
        sound = np.zeros((frames, len(self.names)), np.float32)
        sound[: len(taken)] = taken
        return {name: sound[:, lane] for lane, name in enumerate(self.names)}

    def close(self) -> None:
        """Close the file."""
        if self._sound is not None:
            self._sound.close()
