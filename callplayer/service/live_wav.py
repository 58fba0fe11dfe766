"""A live call on disk: a WAV that is appended as sound comes, and can be read while it grows.

int16 at 48 kHz, one or two channels, behind a plain header of 44 bytes. While the call goes on the
header's sizes are 0xFFFFFFFF, which other programs take as "until the end of the file"; the right
sizes are written when it is over, by which every process knows. What is appended is with
the operating system at once, so killing the writer loses nothing of it; `sync` brings it to the
disk. `repair` finishes a file whose writer was killed; a lock, which dies with the writer, shows
that it was.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from callplayer.errors import ServiceError
from callplayer.recordings.samples import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from callplayer.recordings.samples import Samples

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
SAMPLE_BYTES = 2
UNFINISHED = 0xFFFF_FFFF
MAX_LIVE_S = 6 * 3600
"""A WAV holds 4 GiB; two parties fill them in 6.2 h."""

_RIFF_SIZE_AT = 4
_DATA_SIZE_AT = HEADER.size - 4
_SIZE = struct.Struct("<I")
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has fsync only


class LiveFile:
    """Writes one call: `append` what comes, `finish` when it is over. Not for several threads."""

    def __init__(self, path: Path, channels: int, max_s: int = MAX_LIVE_S) -> None:
        """Make `path`, readable by its owner only; raise ServiceError if that cannot be done.

        It takes up to `max_s` of sound.
        """
        self.path = path
        self.channels = channels
        self._max_frames = max_s * SAMPLE_RATE_HZ
        self._frames = 0
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot_keep(error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(self._fd, _header(channels, UNFINISHED))
        except OSError as error:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise _cannot_keep(error) from error

    @property
    def frames(self) -> int:
        """How many frames there are so far."""
        return self._frames

    @property
    def duration_s(self) -> float:
        """How long the call is so far."""
        return self._frames / SAMPLE_RATE_HZ

    @property
    def is_full(self) -> bool:
        """Whether the call is as long as one may be; what is appended from now on is left out."""
        return self._frames >= self._max_frames

    def append(self, samples: Samples) -> None:
        """Add `samples`, int16 of shape (frames, channels); raise ServiceError if that fails."""
        if samples.ndim != 2 or samples.shape[1] != self.channels:
            raise ValueError(f"{self.channels} channels are wanted, the shape is {samples.shape}")
        samples = samples[: self._max_frames - self._frames]
        try:
            _write_all(self._fd, np.ascontiguousarray(samples, dtype="<i2").tobytes())
        except OSError as error:
            raise _cannot_keep(error) from error
        self._frames += len(samples)

    def sync(self) -> None:
        """Bring what is appended to the disk. Slow: call it off the event loop."""
        _sync(self._fd)

    def finish(self) -> None:
        """Write the right header and close the file. Once is enough, twice does no harm."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        _finish(fd, self.channels, self._frames)


class GrowingAudio:
    """Reads a live call, or one that was live, from any process.

    Ask `is_over` before `frames`: the frames read after a true `is_over` are all there will be.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raise ServiceError if it is no file that LiveFile makes."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(path) from error
        try:
            self.channels = _channels(os.pread(self._fd, HEADER.size, 0))
        except (OSError, ValueError) as error:
            os.close(self._fd)
            raise _unreadable(path) from error
        self._frame_bytes = SAMPLE_BYTES * self.channels

    def frames(self) -> int:
        """Return how many whole frames there are now."""
        return max(os.fstat(self._fd).st_size - HEADER.size, 0) // self._frame_bytes

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on: int16, shape (frames, channels)."""
        offset = HEADER.size + max(start, 0) * self._frame_bytes
        content = os.pread(self._fd, max(frames, 0) * self._frame_bytes, offset)
        whole = len(content) // self._frame_bytes * self._frame_bytes
        return np.frombuffer(content[:whole], dtype="<i2").reshape(-1, self.channels)

    def is_over(self) -> bool:
        """Return whether the call has ended and the file grows no more."""
        return os.pread(self._fd, _SIZE.size, _DATA_SIZE_AT) != _SIZE.pack(UNFINISHED)

    def close(self) -> None:
        """Close the file. Once is enough, twice does no harm."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> GrowingAudio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def holds_sound(path: Path) -> bool:
    """Return whether `path` may hold sound: it is longer than a header, or cannot be seen."""
    try:
        return path.stat().st_size > HEADER.size
    except FileNotFoundError:
        return False
    except OSError:
        return True


class StillWrittenError(ServiceError):
    """Another service is writing this call."""


def repair(path: Path) -> int:
    """Finish the file of a writer that was killed; return its frames.

    A finished file stays as it is. Raise StillWrittenError if the writer lives, ServiceError if it
    is no file that LiveFile makes.
    """
    with GrowingAudio(path) as audio:
        if audio.is_over():
            return audio.frames()
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot_keep(error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise StillWrittenError(
                f"{path.name} is a live call that another service is writing.",
                "End that service, or use a library of your own.",
            ) from error
        except OSError as error:
            os.close(fd)
            raise _cannot_keep(error) from error
        frames = audio.frames()
        _finish(fd, audio.channels, frames)
        return frames


def _finish(fd: int, channels: int, frames: int) -> None:
    data_bytes = frames * SAMPLE_BYTES * channels
    try:
        os.ftruncate(fd, HEADER.size + data_bytes)
        try:
            _sync(fd)  # the header must never name sound that did not reach the disk
        finally:  # readers must see the end on a broken disk too
            os.pwrite(fd, _header(channels, data_bytes)[:_DATA_SIZE_AT], 0)
            os.pwrite(fd, _SIZE.pack(data_bytes), _DATA_SIZE_AT)
        _sync(fd)
    except OSError as error:
        raise _cannot_keep(error) from error
    finally:
        os.close(fd)


def _header(channels: int, data_bytes: int) -> bytes:
    frame_bytes = SAMPLE_BYTES * channels
    riff_bytes = UNFINISHED if data_bytes == UNFINISHED else HEADER.size - 8 + data_bytes
    return HEADER.pack(
        *(b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, 1, channels),
        *(SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES),
        *(b"data", data_bytes),
    )


def _channels(header: bytes) -> int:
    """Return how many channels a header names; raise ValueError if it is not ours."""
    if len(header) == HEADER.size:
        channels = HEADER.unpack(header)[6]
        sizes = slice(_RIFF_SIZE_AT, _RIFF_SIZE_AT + _SIZE.size)
        ours = bytearray(_header(channels, 0)) if channels in (1, 2) else bytearray()
        ours[sizes] = header[sizes]
        if channels in (1, 2) and ours[:_DATA_SIZE_AT] == header[:_DATA_SIZE_AT]:
            return int(channels)
    raise ValueError("not a live call's header")


def _write_all(fd: int, content: bytes) -> None:
    while content:
        content = content[os.write(fd, content) :]


def _cannot_keep(error: OSError) -> ServiceError:
    return ServiceError(
        f"The sound of a live call cannot be kept: {error.strerror}.",
        "Check the free space and the rights of the folder of recordings.",
    )


def _unreadable(path: Path) -> ServiceError:
    return ServiceError(f"{path.name} cannot be read.", "The service's log says more.")
