"""Recordings to plain samples, here or in a process of its own.

`python -m callplayer.recordings.decoding FD TURN_FD` is that process: it reads the path, or the
place in a bucket, from standard input, writes int16 at 48 kHz, parties side by side, to the file
that is open as FD, and prints one line of JSON: `frames`, or `what` and `hint`. Of all that share
the file TURN_FD one decodes at a time; what they wait for a bucket is their own time. A broken file
may crash the libraries that read it: then no stream is hurt, and neither is the service.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callplayer.errors import CallplayerError
from callplayer.paths import nameless_file
from callplayer.recordings.bucket import SCHEME, Bucket
from callplayer.recordings.containers.sound_file import SoundFile, open_sound
from callplayer.recordings.samples import SAMPLE_RATE_HZ, Samples

NICE = 10
"""The bots, which must be in time, come first."""


def decode(location: str, wait_for_turn: Callable[[], None] = lambda: None) -> Iterator[Samples]:
    """Give the whole sound in parts: int16, 48 kHz, shape (frames, channels).

    `location` is as in `Recording.location`. `wait_for_turn` is called once the file is here. Raise
    UsageError if the file is broken, BucketError if that cannot be fetched.
    """
    import soxr

    with _opened(location) as sound:
        wait_for_turn()
        resampler = (
            soxr.ResampleStream(sound.rate_hz, SAMPLE_RATE_HZ, sound.channels, dtype="float32")
            if sound.rate_hz != SAMPLE_RATE_HZ
            else None
        )
        for block in sound.blocks():
            yield _to_int16(block if resampler is None else resampler.resample_chunk(block))
        if resampler is not None:
            nothing = np.zeros((0, sound.channels), np.float32)
            yield _to_int16(resampler.resample_chunk(nothing, last=True))


@contextlib.contextmanager
def _opened(location: str) -> Iterator[SoundFile]:
    if not location.startswith(SCHEME):
        with open_sound(Path(location)) as sound:
            yield sound
        return
    bucket, _, name = location.rpartition("/")
    with nameless_file() as fd:
        Bucket(bucket).read_into(name, fd)
        with contextlib.closing(SoundFile(Path(name), os.dup(fd))) as sound:
            yield sound


def decode_into(location: str, fd: int, turn_fd: int) -> int:
    """Write the sound at `location` to the file `fd`, in this process's turn; return its frames."""
    frames = 0
    with os.fdopen(fd, "wb", closefd=False) as file:
        for part in decode(location, lambda: fcntl.lockf(turn_fd, fcntl.LOCK_EX)):
            file.write(part.tobytes())
            frames += len(part)
    return frames


def main() -> int:
    """Decode the one file that is asked for."""
    location = os.fsdecode(sys.stdin.buffer.readline().rstrip(b"\n"))
    try:
        result: dict[str, object] = {"frames": decode_into(location, *map(int, sys.argv[1:]))}
    except CallplayerError as error:
        result = {"what": error.what, "hint": error.hint}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _to_int16(samples: NDArray[np.float32]) -> Samples:
    scaled: NDArray[np.float32] = np.rint(samples * np.float32(32_768.0))
    return np.clip(scaled, -32_768, 32_767).astype(np.int16)


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main())
