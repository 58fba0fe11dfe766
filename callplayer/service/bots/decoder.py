"""The sound of the recordings last played: decoded once, resampled once, for all processes.

It lies in memory that has no name in any file system, and is given away as an open file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from callplayer.config import store_settings, without_settings
from callplayer.errors import CallplayerError, ServiceError, SoundNotReadyError, UsageError
from callplayer.paths import nameless_file
from callplayer.recordings.recording import Recording
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.supervise import ChildProcess, EndLimits

CACHE_BYTES = 1_500_000_000
FETCHED_AT_ONCE = 8
WAIT_S = 4.0
"""How long a request is kept waiting: a player waits on after an answer, and says so."""

FAILURE_KEPT_S = 10.0
"""How long a failure is kept for the next request; then, or once answered, it is tried anew."""

MAX_ANSWER_BYTES = 60_000
"""Less than a pipe holds, so that a decoder never waits for it to be read."""

log = logging.getLogger("callplayer.service")


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

    What a worker still plays lives on with it, also when the cache has dropped it. Several are
    fetched from a bucket at a time, for that one may hang, as long as they cannot take more than
    `max_bytes`, too. One is decoded at a time, for the machine has calls to play meanwhile.
    """

    def __init__(self, max_bytes: int = CACHE_BYTES, wait_s: float = WAIT_S) -> None:
        self._max_bytes = max_bytes
        self._wait_s = wait_s
        self._held: OrderedDict[str, tuple[Recording, DecodedRecording]] = OrderedDict()
        self._coming: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[CallplayerError, float]] = {}
        self._reading_file = asyncio.Lock()
        self._fetched_bytes: list[int] = []
        self._fetched_one = asyncio.Condition()
        self._turn = contextlib.ExitStack()
        self._turn_fd = self._turn.enter_context(nameless_file())

    async def get(self, recording: Recording) -> DecodedRecording:
        """Return the sound of `recording`, decoded now if it is not held.

        Use it before anything else is awaited: afterwards it may be closed. Raise
        SoundNotReadyError if that takes long: it goes on, ask again. Raise UsageError if the
        file is broken, also when it turns out after that.
        """
        failure, until_s = self._failed.pop(recording.id, (None, 0.0))
        if failure is not None and time.monotonic() < until_s:
            raise failure
        try:
            async with asyncio.timeout(self._wait_s):
                while recording.id not in self._held:
                    await asyncio.shield(self._read(recording))
        except TimeoutError:
            raise SoundNotReadyError(
                f"The sound of incident {recording.id} is still being read.", "Ask again."
            ) from None
        except CallplayerError:
            self._failed.pop(recording.id, None)
            raise
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

    async def close(self) -> None:
        """Let go of everything."""
        coming = tuple(self._coming.values())
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
        while self._held:
            self._drop(next(iter(self._held)))
        self._turn.close()

    def _read(self, recording: Recording) -> asyncio.Task[None]:
        """Return what ends when the sound is held; all who ask for it share it."""
        task = self._coming.get(recording.id)
        if task is None:
            task = self._coming[recording.id] = asyncio.create_task(self._hold(recording))
            task.add_done_callback(lambda done: self._came(recording.id, done))
        return task

    def _came(self, incident_id: str, task: asyncio.Task[None]) -> None:
        del self._coming[incident_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the sound of incident %s: %s", incident_id, error)
            if isinstance(error, CallplayerError):
                self._failed[incident_id] = error, time.monotonic() + FAILURE_KEPT_S

    async def _hold(self, recording: Recording) -> None:
        async with self._fetching(recording) if recording.bucket else self._reading_file:
            self._held[recording.id] = recording, await _decode(recording, self._turn_fd)
        self._shrink()

    @contextlib.asynccontextmanager
    async def _fetching(self, recording: Recording) -> AsyncIterator[None]:
        """Wait until an object may be fetched; it takes no more than its sound, decoded."""
        frames = round(recording.duration_s * SAMPLE_RATE_HZ)
        nbytes = DecodedRecording(-1, frames, len(recording.parties)).nbytes
        async with self._fetched_one:
            await self._fetched_one.wait_for(lambda: self._may_fetch(nbytes))
            self._fetched_bytes.append(nbytes)
        try:
            yield
        finally:
            self._fetched_bytes.remove(nbytes)
            async with self._fetched_one:
                self._fetched_one.notify_all()

    def _may_fetch(self, nbytes: int) -> bool:
        fetched = self._fetched_bytes
        is_room = sum(fetched) + nbytes <= self._max_bytes and len(fetched) < FETCHED_AT_ONCE
        return is_room or not fetched

    def _drop(self, incident_id: str) -> None:
        os.close(self._held.pop(incident_id)[1].fd)

    def _shrink(self) -> None:
        while len(self._held) > 1 and self._size() > self._max_bytes:
            self._drop(next(iter(self._held)))

    def _size(self) -> int:
        return sum(decoded.nbytes for _, decoded in self._held.values())


async def _decode(recording: Recording, turn_fd: int) -> DecodedRecording:
    environment = without_settings(os.environ)
    if recording.bucket:
        environment |= store_settings(os.environ)
    with nameless_file() as fd:
        process = ChildProcess(
            [sys.executable, "-P", "-m", "callplayer.recordings.decoding", str(fd), str(turn_fd)],
            environment,
            os.dup(2),
            stdout=subprocess.PIPE,
            pass_fds=(fd, turn_fd),
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
