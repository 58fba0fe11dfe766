"""A ring buffer of samples between one writer and one reader on different threads.

No lock: the writer alone moves `written`, the reader alone moves `read`, and both are whole Python
integers, whose assignment the interpreter makes atomic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


class Ring:
    """A preallocated ring of mono float32 samples; `capacity_frames` at most are held."""

    def __init__(self, capacity_frames: int) -> None:
        self._buffer: Samples = np.zeros(capacity_frames, dtype=np.float32)
        self._written = 0
        self._read = 0

    @property
    def capacity_frames(self) -> int:
        """Return how many frames fit."""
        return len(self._buffer)

    @property
    def written(self) -> int:
        """Return how many frames have been written since the start."""
        return self._written

    @property
    def position(self) -> int:
        """Return how many frames have been read or skipped since the start."""
        return self._read

    @property
    def fill_frames(self) -> int:
        """Return how many frames can be read."""
        return self._written - self._read

    # --- the writer's side ------------------------------------------------------------------------

    def write(self, samples: Samples) -> int:
        """Append mono float32 `samples`; return how many frames fitted.

        What does not fit is dropped at its end: the reader has stopped, and what it will want when
        it goes on is not known here.
        """
        room = len(self._buffer) - (self._written - self._read)
        count = min(len(samples), room)
        start = self._written % len(self._buffer)
        first = min(count, len(self._buffer) - start)
        self._buffer[start : start + first] = samples[:first]
        self._buffer[: count - first] = samples[first:count]
        self._written += count
        return count

    # --- the reader's side ------------------------------------------------------------------------

    def peek_into(self, out: Samples, offset_frames: int = 0) -> int:
        """Copy frames from `offset_frames` past the reading place into `out`; return how many."""
        count = max(0, min(len(out), self._written - self._read - offset_frames))
        start = (self._read + offset_frames) % len(self._buffer)
        first = min(count, len(self._buffer) - start)
        out[:first] = self._buffer[start : start + first]
        out[first:count] = self._buffer[: count - first]
        return count

    def move_onto(self, bus: Samples) -> None:
        """Add the next `len(bus)` frames to `bus` and move past them; there must be so many."""
        start = self._read % len(self._buffer)
        first = len(self._buffer) - start
        if first >= len(bus):
            bus += self._buffer[start : start + len(bus)]
        else:
            bus[:first] += self._buffer[start:]
            bus[first:] += self._buffer[: len(bus) - first]
        self._read += len(bus)

    def last_read(self) -> float:
        """Return the sample right before the reading place: 0.0 if nothing was read yet."""
        return float(self._buffer[self._read % len(self._buffer) - 1])

    def skip(self, frames: int) -> None:
        """Move the reading place on by `frames`, as far as there are so many."""
        self._read += min(frames, self._written - self._read)
