"""Plain samples, as WAV and raw files hold them: read at any place, without a decoder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from callplayer.recordings.containers.byte_range import cut_short
from callplayer.recordings.containers.link_reader import Loss
from callplayer.recordings.containers.wav_head import FLOAT, PCM, WavHead
from callplayer.recordings.samples import Sound, scaled

BLOCK_FRAMES = 1 << 14
_KINDS = {
    (PCM, 8): "u1", (PCM, 16): "i2", (PCM, 24): "i3", (PCM, 32): "i4",
    (FLOAT, 32): "f4", (FLOAT, 64): "f8",
}  # fmt: skip


def is_plain(head: WavHead) -> bool:
    """Return whether a PcmReader can read the sound of a WAV."""
    return (
        (head.tag, head.bits) in _KINDS
        and head.rate_hz > 0
        and 0 < head.block_bytes == head.channels * head.bits // 8
    )


class PcmReader:
    """Reads the samples between `start` and `end` of the open file `fd`; `frames` is their count.

    It has what a LinkReader has.
    """

    def __init__(self, fd: int, head: WavHead, start: int, end: int) -> None:
        """Take how it is coded from `head`, which is plain (`is_plain`)."""
        self._fd = fd
        self._start = start
        self._frame_bytes = head.block_bytes
        self._kind = (">" if head.is_big_endian else "<") + _KINDS[head.tag, head.bits]
        self.rate_hz, self.channels = head.rate_hz, head.channels
        self.is_fine = head.bits > 16
        self.tags = head.tags
        self.frames = max(end - start, 0) // self._frame_bytes
        self.named_frames: int | None = None
        self.losses: list[Loss] = []

    def blocks(self, start: int = 0) -> Iterator[Sound]:
        """Yield all of the sound from frame `start` on: `frames` − `start` frames in all."""
        for at in range(start, self.frames, BLOCK_FRAMES):
            frames = min(BLOCK_FRAMES, self.frames - at)
            size = frames * self._frame_bytes
            content = os.pread(self._fd, size, self._start + at * self._frame_bytes)
            if len(content) < size:
                raise cut_short()
            yield scaled(self._samples(content).reshape(frames, self.channels))

    def close(self) -> None:
        """Do nothing: the file is its owner's."""

    def _samples(self, content: bytes) -> np.ndarray:
        if not self._kind.endswith("i3"):
            return np.frombuffer(content, self._kind)
        packed = np.frombuffer(content, np.uint8).reshape(-1, 3)
        padded = np.zeros((len(packed), 4), np.uint8)  # the value is at the top of 32 bits
        order = self._kind[0]
        padded[:, slice(0, 3) if order == ">" else slice(1, 4)] = packed
        return padded.view(f"{order}i4")[:, 0]
