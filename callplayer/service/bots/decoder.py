"""The sound of the recordings last played: decoded once, resampled once, for all processes.

It lies in memory that has no name in any file system, and is given away as an open file.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass

from callplayer.config import store_settings, without_settings
from callplayer.errors import ServiceError, UsageError
from callplayer.paths import nameless_file
from callplayer.recordings.recording import Recording
from callplayer.supervise import ChildProcess, EndLimits

CACHE_BYTES = 1_500_000_000
MAX_ANSWER_BYTES = 60_000
"""Less than a pipe holds, so that a decoder never waits for it to be read."""


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
        self._held: OrderedDict[str, tuple[Recording, DecodedRecording]] = OrderedDict()
        self._decoding = asyncio.Lock()

    async def get(self, recording: Recording) -> DecodedRecording:
        """Return the sound of `recording`, decoded now if it is not held.

        Use it before anything else is awaited: afterwards it may be closed. Raise UsageError if
        the file is broken.
        """
        if recording.id not in self._held:
            async with self._decoding:  # one at a time: the machine has calls to play meanwhile
                if recording.id not in self._held:
                    self._held[recording.id] = recording, await _decode(recording)
                    self._shrink()
        self._held.move_to_end(recording.id)
        return self._held[recording.id][1]

    @property
    def incidents(self) -> frozenset[str]:
        """The incidents whose sound is held."""
        return frozenset(self._held)

    def forget_removed(self, there: Collection[str]) -> None:
        """Drop the sound of incidents that are not `there`, and of files that are gone."""
        for incident_id, (recording, _) in list(self._held.items()):
            if incident_id not in there or not recording.is_here:
                self._drop(incident_id)

    def close(self) -> None:
        """Let go of everything."""
        while self._held:
            self._drop(next(iter(self._held)))

    def _drop(self, incident_id: str) -> None:
        os.close(self._held.pop(incident_id)[1].fd)

    def _shrink(self) -> None:
        while len(self._held) > 1 and self._size() > self._max_bytes:
            self._drop(next(iter(self._held)))

    def _size(self) -> int:
        return sum(decoded.nbytes for _, decoded in self._held.values())


async def _decode(recording: Recording) -> DecodedRecording:
    environment = without_settings(os.environ)
    if recording.bucket:
        environment |= store_settings(os.environ)
    with nameless_file() as fd:
        process = ChildProcess(
            [sys.executable, "-P", "-m", "callplayer.recordings.decoding", str(fd)],
            environment,
            os.dup(2),
            stdout=subprocess.PIPE,
            pass_fds=(fd,),
            limits=EndLimits(leave_s=0.0, terminate_s=()),
        )
        try:
            process.write_line(os.fsencode(recording.location) + b"\n")
            status = await process.ended()
            answer = process.read_line(0.0, MAX_ANSWER_BYTES)
        finally:
            await process.end()
        if status != 0:
            raise ServiceError(
                f"{recording.path.name} cannot be decoded: its reader has crashed.",
                "Convert the recording, or name another.",
            )
        report = json.loads(answer)
        if "frames" not in report:
            raise UsageError(report["what"], report["hint"])
        return DecodedRecording(os.dup(fd), int(report["frames"]), len(recording.parties))
