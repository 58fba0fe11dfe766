"""The sound of the recordings last played: decoded once, resampled once, for all processes.

It lies in memory that has no name in any file system, and is given away as an open file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from callplayer.config import without_settings
from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.recording import Recording

CACHE_BYTES = 1_500_000_000


@dataclass(frozen=True)
class DecodedRecording:
    """A decoded recording: `fd` stays open for as long as it is in the cache."""

    fd: int
    frames: int
    parties: int

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return 2 * self.frames * self.parties


class DecodedCache:
    """Holds up to `max_bytes` of sound, and always what was asked for last.

    What a worker still plays lives on with it, also when the cache has dropped it.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[Path, DecodedRecording] = OrderedDict()
        self._decoding = asyncio.Lock()

    async def get(self, recording: Recording) -> DecodedRecording:
        """Return the sound of `recording`, decoded now if it is not held.

        Use it before anything else is awaited: afterwards it may be closed. Raise UsageError if
        the file is broken.
        """
        if recording.path not in self._held:
            async with self._decoding:  # one at a time: the machine has calls to play meanwhile
                if recording.path not in self._held:
                    self._held[recording.path] = await _decode(recording)
                    self._shrink()
        self._held.move_to_end(recording.path)
        return self._held[recording.path]

    def forget_removed(self) -> None:
        """Drop the sound of files that are not there any more."""
        for path in [path for path in self._held if not path.exists()]:
            os.close(self._held.pop(path).fd)

    def close(self) -> None:
        """Let go of everything."""
        while self._held:
            os.close(self._held.popitem()[1].fd)

    def _shrink(self) -> None:
        while len(self._held) > 1 and self._size() > self._max_bytes:
            _, oldest = self._held.popitem(last=False)
            os.close(oldest.fd)

    def _size(self) -> int:
        return sum(decoded.nbytes for decoded in self._held.values())


async def _decode(recording: Recording) -> DecodedRecording:
    fd = _nameless_file()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "callplayer.recordings.decoding", str(fd),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(fd,),
            env=without_settings(os.environ),
            start_new_session=True,
        )  # fmt: skip
        try:
            answer, _ = await process.communicate(os.fsencode(recording.path.resolve()) + b"\n")
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise ServiceError(
                f"{recording.path.name} cannot be decoded: its reader has crashed.",
                "Convert the recording, or name another.",
            )
        report = json.loads(answer)
        if "frames" not in report:
            raise UsageError(report["what"], report["hint"])
        return DecodedRecording(fd, int(report["frames"]), len(recording.parties))
    except BaseException:
        os.close(fd)
        raise


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sound", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
