"""A stretch of a recording, read out of the file as fast as that can be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from callplayer.recordings.containers.streamed import StreamedSound
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.vendor.parties import Channel

FRAMES_PER_MS = SAMPLE_RATE_HZ // 1000


class FileExcerpt:
    """From `start_ms` to `end_ms` of the file, by party, in `gaps_ms` what is after its end.

    The file is opened a second time at the first `read`: what plays is not disturbed.
    """

    def __init__(
        self, path: Path, parties: Sequence[Channel], length_ms: int, start_ms: int, end_ms: int
    ) -> None:
        self._path = path
        self._first = start_ms * FRAMES_PER_MS
        self._sound: StreamedSound | None = None
        self.names: tuple[str, ...] = tuple(parties) if start_ms < length_ms else ()
        self.frames = (end_ms - start_ms) * FRAMES_PER_MS
        ends_ms = max(length_ms, start_ms)
        self.gaps_ms: tuple[tuple[int, int], ...] = ()
        if ends_ms < end_ms:
            self.gaps_ms = ((ends_ms, end_ms),)
        self.unsure_ms: tuple[tuple[int, int], ...] = ()

    def read(self, at: int, frames: int) -> dict[str, npt.NDArray[np.float32]]:
        """Return `frames` samples of each party from frame `at` on, float32 in int16 steps."""
        if self._sound is None:
            self._sound = StreamedSound(self._path)
        taken = self._sound.read(self._first + at, frames)
        sound = np.zeros((frames, len(self.names)), np.float32)
        sound[: len(taken)] = taken
        return {name: sound[:, lane] for lane, name in enumerate(self.names)}

    def close(self) -> None:
        """Close the file."""
        if self._sound is not None:
            self._sound.close()
