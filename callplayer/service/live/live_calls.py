"""Live calls as they are kept: begun and ended in the library, written and brought to the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.errors import ServiceError
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.service.catalog import LibraryError
from callplayer.service.live_wav import MAX_LIVE_S, LiveFile, StillWrittenError, holds_sound, repair

if TYPE_CHECKING:
    from callplayer.recordings.samples import Samples
    from callplayer.service.library.library import Library
    from callplayer.vendor.parties import Channel
    from callplayer.vendor.transcript import Word

SYNC_S = 0.5
AGAIN_S = 0.5

log = logging.getLogger("callplayer.service")


def parties_of(channels: int) -> tuple[Channel, ...]:
    """Return the party of each channel: one is a mix, of two the left is the caller."""
    return ("call",) if channels == 1 else ("caller", "callTaker")


class LiveCall:
    """One call that goes on."""

    def __init__(self, recording: Recording, file: LiveFile) -> None:
        self._recording = recording
        self._file = file

    @property
    def incident_id(self) -> str:
        """The incident it is."""
        return self._recording.id

    @property
    def frames(self) -> int:
        """How long it is so far."""
        return self._file.frames

    @property
    def is_full(self) -> bool:
        """Whether it has gone on for as long as a call may."""
        return self._file.is_full

    def append(self, samples: Samples) -> None:
        """Add what has come: int16 of shape (frames, channels) at 48 kHz.

        Raise ServiceError if it cannot be kept.
        """
        self._file.append(samples)


class LiveCalls:
    """Begins calls whose sound lies in `folder` and which stand in `library`.

    Without a folder there can be none. A call takes up to `max_s` of sound. What the library does
    not take is tried again after `again_s`.
    """

    def __init__(
        self,
        library: Library,
        folder: Path | None,
        max_s: int = MAX_LIVE_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._library = library
        self._max_s = max_s
        self._again_s = again_s
        self._folder = folder
        self._waiting: deque[Callable[[], object]] = deque()

    @contextlib.asynccontextmanager
    async def call(
        self,
        parties: tuple[Channel, ...],
        facts: IncidentFacts | None = None,
        created_at: datetime | None = None,
        incident_id: str | None = None,
    ) -> AsyncIterator[LiveCall]:
        """Give a call that is live for as long as the block lasts, and a recording after it.

        Raise ServiceError if its file cannot be made.
        """
        assert self._folder is not None
        incident_id = incident_id or str(uuid.uuid4())
        file = LiveFile(self._folder / f"{incident_id}.wav", len(parties), self._max_s)
        try:
            recording = self._library.begin_live(
                facts or IncidentFacts(),
                parties,
                file.path,
                created_at or datetime.now(UTC),
                incident_id,
            )
        except BaseException:
            file.finish()
            file.path.unlink()
            raise
        log.info("incident %s is live", incident_id)
        ended = asyncio.Event()
        syncing = asyncio.create_task(_sync_until(ended, file))
        try:
            yield LiveCall(recording, file)
        finally:
            ended.set()
            await syncing
            await self._end(recording, file)

    def put_words(self, incident_id: str, words: Sequence[Word]) -> None:
        """Put one message of words of a call; see `Library.put_words`."""
        self._put(lambda: self._library.put_words(incident_id, words))

    async def _end(self, recording: Recording, file: LiveFile) -> None:
        try:
            await asyncio.to_thread(file.finish)
        except ServiceError as error:
            log.error("incident %s: %s", recording.id, error.what)
        finally:
            self._put(lambda: _end(self._library, recording, file.frames))
            log.info("incident %s has ended after %.1f s", recording.id, file.duration_s)

    def _put(self, act: Callable[[], object]) -> None:
        """Have the library take something: in order, and later if it cannot now."""
        self._waiting.append(act)
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._waiting:
            try:
                with contextlib.suppress(KeyError):  # removed in the meantime
                    self._waiting[0]()
            except LibraryError as error:
                log.warning("%d changes of live calls wait: %s", len(self._waiting), error.what)
                asyncio.get_running_loop().call_later(self._again_s, self._flush)
                return
            self._waiting.popleft()


def recover(library: Library) -> None:
    """End the calls that were live when a service was killed: they go on as recordings.

    One whose file cannot be set right now stays as it is, for the next start. Call it before any
    call begins.
    """
    for recording in growing(library):
        if library.is_shared and _is_elsewhere(library, recording):
            continue
        try:
            frames = repair(recording.path)
        except StillWrittenError as error:
            log.warning("%s", error.what)
            continue
        except ServiceError as error:
            if holds_sound(recording.path):
                log.error(
                    "incident %s stays live: %s %s", recording.id, error.what, error.__cause__
                )
                continue
            frames = 0
        log.warning("incident %s was cut off after %.1f s", recording.id, frames / SAMPLE_RATE_HZ)
        _end(library, recording, frames)


def _is_elsewhere(library: Library, recording: Recording) -> bool:
    """Return whether another service takes a call in, or its sound is on another machine."""
    return library.instances.owner(recording.id) is not None or not recording.path.exists()


def growing(library: Library) -> list[Recording]:
    """Return the calls that are live now, newest first."""
    found: list[Recording] = []
    number: int | None = 1
    while number is not None:
        page = library.list(is_audio_live=True, since=None, until=None, page=number)
        found += [recording for recording in page.recordings if recording.growing]
        number = page.next_page
    return found


def _end(library: Library, recording: Recording, frames: int) -> None:
    """Note the end of a call. One without any sound is removed: there is nothing to play."""
    if not frames:
        library.remove(recording.id)
        return
    duration_s = frames / SAMPLE_RATE_HZ
    ended_at = recording.created_at + timedelta(seconds=duration_s)
    library.end_live(recording.id, duration_s, ended_at)


async def _sync_until(ended: asyncio.Event, file: LiveFile) -> None:
    """Bring the sound to the disk twice a second."""
    is_reported = False
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SYNC_S):
                await ended.wait()
        try:
            await asyncio.to_thread(file.sync)
        except OSError as error:
            if not is_reported:
                log.error("a live call does not reach the disk: %s", error.strerror)
            is_reported = True
