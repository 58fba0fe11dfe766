"""One lane's samples in the order they came, each with a number; older ones coded."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from callplayer.engine.memory.compression import (
    CHUNK_FRAMES,
    DELAY_FRAMES,
    Packets,
    Pcm,
    decode,
    pack,
    unpack,
)

DECODED_CHUNKS = 4
"""How many chunks are kept decoded after they were read: both ends of a loop, and what follows."""


class SampleStore:
    """Append-only int16, mono, 48 kHz. `first` is the oldest sample there is, `written` the next.

    Chunks are coded in order, from the oldest on, and dropped in order.
    """

    def __init__(self) -> None:
        self.first = 0
        self.written = 0
        self._exact: dict[int, Pcm] = {}
        self._coded: dict[int, bytes] = {}
        self._coded_bytes = 0
        self._next_to_code = 0
        self._decoded: OrderedDict[int, Pcm] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """Return what the samples take, in bytes."""
        exact = 2 * CHUNK_FRAMES * (len(self._exact) + len(self._decoded))
        return exact + self._coded_bytes

    def append(self, pcm: Pcm) -> None:
        """Take what has come."""
        at, left = 0, len(pcm)
        while left:
            number, offset = divmod(self.written, CHUNK_FRAMES)
            chunk = self._exact.get(number)
            if chunk is None:
                chunk = self._exact[number] = np.zeros(CHUNK_FRAMES, dtype=np.int16)
            count = min(left, CHUNK_FRAMES - offset)
            chunk[offset : offset + count] = pcm[at : at + count]
            self.written += count
            at, left = at + count, left - count

    def read(self, first: int, frames: int) -> Pcm:
        """Return a copy of `frames` samples from number `first` on; zeros where there are none."""
        out = np.zeros(frames, dtype=np.int16)
        at = max(0, -first)
        while at < frames:
            number, offset = divmod(first + at, CHUNK_FRAMES)
            count = min(frames - at, CHUNK_FRAMES - offset)
            chunk = self._chunk(number)
            if chunk is not None:
                out[at : at + count] = chunk[offset : offset + count]
            at += count
        return out

    def next_to_code(self, exact_frames: int) -> Pcm | None:
        """Return what to code next, as the encoder takes it: None while it is among the last
        `exact_frames`."""
        end = (self._next_to_code + 1) * CHUNK_FRAMES
        if end + DELAY_FRAMES > self.written - exact_frames:
            return None
        return self.read(end - CHUNK_FRAMES + DELAY_FRAMES, CHUNK_FRAMES)

    def keep_coded(self, packets: Packets) -> None:
        """Keep the code of the chunk that was next, and not the chunk."""
        number, self._next_to_code = self._next_to_code, self._next_to_code + 1
        if self._exact.pop(number, None) is not None:
            self._coded[number] = coded = pack(packets)
            self._coded_bytes += len(coded)

    def drop_oldest(self) -> bool:
        """Drop the oldest chunk, unless it is exact; return whether there was one."""
        number = next(iter(self._coded), None)  # they were coded in order
        if number is None:
            return False
        self._coded_bytes -= len(self._coded.pop(number))
        self._decoded.pop(number, None)
        self.first = (number + 1) * CHUNK_FRAMES
        return True

    def _chunk(self, number: int) -> Pcm | None:
        known = self._exact.get(number)
        if known is None:
            known = self._decoded.get(number)
        if known is not None or number not in self._coded:
            return known
        before = unpack(self._coded.get(number - 1, b""))
        decoded = self._decoded[number] = decode(before, unpack(self._coded[number]))
        if len(self._decoded) > DECODED_CHUNKS:
            self._decoded.popitem(last=False)
        return decoded
