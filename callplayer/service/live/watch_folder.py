"""A folder in which another program writes WAVs: each that grows is a live call."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from callplayer.errors import CallplayerError
from callplayer.recordings.containers.wav_head import NotWavError
from callplayer.recordings.facts import IncidentFacts, read_beside
from callplayer.service.live.growing_wav import MAX_HEADER_BYTES, GrowingHead, read_header
from callplayer.service.live.live_calls import LiveCall, LiveCalls, parties_of
from callplayer.service.live.pcm import PcmDecoder
from callplayer.text import plain_text

SCAN_S = 0.1
POLL_S = 0.02
READ_BYTES = 1 << 18
CLOSED_AFTER_S = 1.0
AGAIN_AFTER_S = 5.0
"""When a call that could not be kept is tried again."""

MAX_FOLLOWED = 64
_NEVER = -1

log = logging.getLogger("callplayer.service")

_Key = tuple[int, int]
"""Device and inode: a file stays the same one under another name."""


@dataclass(frozen=True)
class _Entry:
    path: Path
    file_bytes: int


class Watcher:
    """Follows the WAVs of `folder` that appear or grow.

    A call begins with its file, and holds the whole of it. It has ended when the file has not grown
    for `end_after_s`, when it is renamed or removed, or 1 s after its header was set right. Those
    that lie there at the start, and those that have ended, count when they grow, but for one that
    was longer than a call can be.
    """

    def __init__(
        self,
        folder: Path,
        calls: LiveCalls,
        end_after_s: float,
        *,
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        self._folder = folder
        self._calls = calls
        self._end_after_s = end_after_s
        self._again_after_s = again_after_s
        self._at_rest = {key: entry.file_bytes for key, entry in _scan(folder).items()}
        self._followed: dict[_Key, asyncio.Task[None]] = {}
        self._can_be_read = True

    async def run(self) -> NoReturn:
        """Watch until cancelled; the calls then end."""
        try:
            while True:
                self._look()
                await asyncio.sleep(SCAN_S)
        finally:
            for task in self._followed.values():
                task.cancel()
            await asyncio.gather(*self._followed.values(), return_exceptions=True)

    def _look(self) -> None:
        try:
            found = _scan(self._folder)
        except OSError as error:
            if self._can_be_read:
                log.error("the watched folder cannot be read: %s", error.strerror)
            self._can_be_read = False
            return
        self._can_be_read = True
        self._at_rest = {key: size for key, size in self._at_rest.items() if key in found}
        for key, entry in found.items():
            if key in self._followed or self._at_rest.get(key) in (entry.file_bytes, _NEVER):
                continue
            if len(self._followed) >= MAX_FOLLOWED:
                log.error("%d files grow at once; more are not followed", MAX_FOLLOWED)
                return
            self._followed[key] = asyncio.create_task(self._follow(key, entry.path))

    async def _follow(self, key: _Key, path: Path) -> None:
        name = plain_text(path.name, 120)
        at_rest_bytes = 0
        begun: list[LiveCall] = []
        try:
            with _GrowingFile(path) as file:
                try:
                    whole = await _follow(file, self._calls, self._end_after_s, begun)
                finally:
                    at_rest_bytes = file.size()
            if not whole:
                at_rest_bytes = _NEVER
                log.warning("%s is longer than a call can be: the rest is left out", name)
        except NotWavError as error:
            log.warning("%s is left out: %s", name, error)
        except (CallplayerError, OSError) as error:
            log.error("%s cannot be kept: %s", name, error)
            if not any(call.frames for call in begun):
                at_rest_bytes = 0  # so that it is followed again even if it does not grow
            await asyncio.sleep(self._again_after_s)
        finally:
            self._at_rest[key] = at_rest_bytes
            del self._followed[key]


class _GrowingFile:
    """A file that is read as it grows, also after it was renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        self._header_bytes = MAX_HEADER_BYTES

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def header(self) -> GrowingHead | None:
        header = read_header(os.pread(self._fd, self._header_bytes, 0))
        if header is not None:
            self._header_bytes = header.data_at
        return header

    def read(self, at: int, most_bytes: int) -> bytes:
        return os.pread(self._fd, min(most_bytes, READ_BYTES), at)

    def is_in_place(self) -> bool:
        """Return whether its name still stands for it."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    def __enter__(self) -> _GrowingFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


async def _follow(
    file: _GrowingFile, calls: LiveCalls, end_after_s: float, begun: list[LiveCall]
) -> bool:
    """Make a live call of `file`; return when it has ended, or when there is no sound in time.

    Return whether the call has all of it. The call is added to `begun`.
    """
    loop = asyncio.get_running_loop()
    waited_from_s = loop.time()
    while (header := file.header()) is None:
        if loop.time() - waited_from_s > end_after_s or not file.is_in_place():
            return True
        await asyncio.sleep(POLL_S)
    form = header.form
    there_s = (file.size() - header.data_at) / form.frame_bytes / form.rate_hz
    began_at = datetime.now(UTC) - timedelta(seconds=max(there_s, 0.0))
    decoder = PcmDecoder(form)
    end = _End(header, end_after_s)
    async with calls.call(parties_of(form.channels), _facts(file.path), began_at) as call:
        begun.append(call)
        at = header.data_at
        while not call.is_full:
            file_bytes = file.size()
            # In this order: what was written before the name went is read before the call ends.
            in_place = file.is_in_place()
            header = file.header() or header
            content = file.read(at, header.data_end(file_bytes) - at)
            at += len(content)
            call.append(decoder.decode(content))
            if content:
                end.grew(loop.time())
                await asyncio.sleep(0 if len(content) == READ_BYTES else POLL_S)
            elif not in_place or file_bytes < at or end.has_come(header, file_bytes, loop.time()):
                break
            else:
                await asyncio.sleep(POLL_S)
        call.append(decoder.decode(b"", last=True))
        return not call.is_full


class _End:
    """Finds out by header and growth when a file has been closed or left."""

    def __init__(self, header: GrowingHead, end_after_s: float) -> None:
        self._sizes = header.sizes
        self._changes = 0
        self._end_after_s = end_after_s
        self._grown_at_s: float | None = None

    def grew(self, now_s: float) -> None:
        self._grown_at_s = now_s

    def has_come(self, header: GrowingHead, file_bytes: int, now_s: float) -> bool:
        """Return whether the file is complete; call it when nothing new came."""
        sizes = header.sizes
        self._changes += sizes != self._sizes
        self._sizes = sizes
        if self._grown_at_s is None:
            self._grown_at_s = now_s
        at_rest_s = now_s - self._grown_at_s
        # A writer that updates the header again and again has not closed the file by that.
        closed = self._changes == 1 and header.is_finished(file_bytes)
        return at_rest_s >= (
            min(CLOSED_AFTER_S, self._end_after_s) if closed else self._end_after_s
        )


def _scan(folder: Path) -> dict[_Key, _Entry]:
    found: dict[_Key, _Entry] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(".wav") and entry.is_file(follow_symlinks=False):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                key = (status.st_dev, status.st_ino)
                found[key] = _Entry(Path(entry.path), status.st_size)
    return found


def _facts(path: Path) -> IncidentFacts:
    return read_beside(path, log.warning).facts
