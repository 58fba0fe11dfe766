"""Saves a stretch of the call: out of the memory, and what is not there is fetched, unheard."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from callplayer.config import Settings
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.excerpt import Excerpt
from callplayer.engine.memory.handback import Handback
from callplayer.engine.memory.reader import MemoryReader
from callplayer.engine.session.recall.ear_moves import EarMoves
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import SoundExcerpt
from callplayer.errors import CallplayerError, UsageError
from callplayer.ipc import messages as m
from callplayer.paths import data_path
from callplayer.recordings.facts import CallerLocation, IncidentFacts
from callplayer.recordings.samples import SAMPLE_RATE_HZ, Samples, soft_limited
from callplayer.text import plain_text
from callplayer.vendor.commands import Resume, Scrub
from callplayer.vendor.parties import PARTIES, Carries, Channel
from callplayer.vendor.transcript import format_moment

if TYPE_CHECKING:
    from callplayer.recordings.clip import Clip, SavedClip

LOG = logging.getLogger(__name__)

TakeExcerpt = Callable[[int, int], SoundExcerpt | None]
"""(start_ms, end_ms) → that stretch of the call, if it is there at once."""

BLOCK_FRAMES = SAMPLE_RATE_HZ // 4
"""How much sound is read at a time while the memory is locked."""

BEFORE_MS = 600
"""How far before a gap the server begins, so that the two can be matched."""

ALL_LANES_S = 1.0
OFF_HINT = "The setting clips allows them again."
BUSY_HINT = "It says when it is done."
NOTHING_HINT = "Play that place for a moment; then the rest is fetched."
FETCH_STOPPED = "Fetching the rest of the clip was cut short; nothing was saved."
EMPTY_HINT = "Play that place for a moment: where the call does not reach, there is none."
OWN_ERROR = "The clip was not saved: the player met an error of its own."


@dataclass(frozen=True)
class FetchLimits:
    """A server that has brought nothing more after `stuck_s` is asked again, a bit further back.

    It is asked `tries` times in all.
    """

    stuck_s: float = 2.5
    tries: int = 3


@dataclass
class _Fetch:
    """What is being fetched: what lacks still, when that last became less, how often it was asked
    for."""

    reader: MemoryReader | None
    handback: Handback
    asked_s: float
    lacks_ms: int
    moved_s: float
    tries: int
    emitted_s: float = 0.0


class ClipMaker:
    """Saves one clip at a time. Everything here runs on the engine's loop; it is written beside it.

    `ear` lends the server's cursor while something is to be fetched; `obey` has the server obey.
    What `excerpt` gives need not be remembered.
    """

    def __init__(
        self,
        ear: EarMoves,
        reporter: Reporter,
        settings: Settings,
        obey: Callable[[m.Request], None],
        excerpt: TakeExcerpt,
        *,
        limits: FetchLimits | None = None,
    ) -> None:
        self._limits = limits or FetchLimits()
        self._take_excerpt = excerpt
        self._ear = ear
        self._reporter = reporter
        self._allowed = settings.clips == "on"
        self._folder = settings.clip_folder
        self._obey = obey
        self._wanted: m.SaveClip | None = None
        self._fetch: _Fetch | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def _lock(self) -> threading.RLock:
        return self._reporter.channels.lock

    def save(self, asked: m.SaveClip) -> None:
        """Save a clip, or report why not."""
        if not self._allowed:
            self._reporter.error("clips-off", "Clips are switched off here.", OFF_HINT)
            return
        if self._wanted is not None:
            self._reporter.error("clip-busy", "A clip is being saved already.", BUSY_HINT)
            return
        self._wanted = asked
        at_once = self._take_excerpt(asked.start_ms, asked.end_ms)
        if at_once is not None:
            self._write(asked, at_once)
            return
        excerpt = self._excerpt(asked)
        if not excerpt.gaps_ms:
            self._write(asked, excerpt)
        elif self._ear.lend():
            self._begin_fetch(excerpt, 1)
        else:
            self._fail("clip-not-heard", "What is to be saved is not remembered yet.", NOTHING_HINT)

    def tick(self, now_s: float) -> None:
        """Go on with what is being fetched; called 20 times a second."""
        fetch, asked = self._fetch, self._wanted
        if fetch is None or asked is None:
            return
        if not self._ear.is_lent:
            self._fetch = None
            self._fail("clip-cut-short", FETCH_STOPPED, "Save it again once the call stands.")
            return
        if fetch.reader is not None:
            patient = now_s - fetch.asked_s < ALL_LANES_S
            arrival = fetch.handback.join(fetch.reader, self._ear.recorder.names, patient=patient)
            fetch.reader = None if arrival == "joined" else fetch.reader
        excerpt = self._excerpt(asked)
        lacks_ms = sum(end - start for start, end in excerpt.gaps_ms)
        if lacks_ms < fetch.lacks_ms:
            fetch.lacks_ms, fetch.moved_s = lacks_ms, now_s
        is_stuck = now_s - fetch.moved_s > self._limits.stuck_s
        if is_stuck and lacks_ms and fetch.tries < self._limits.tries:
            self._begin_fetch(excerpt, fetch.tries + 1)
        elif is_stuck or not (lacks_ms or fetch.reader):
            self._fetch = None
            self._ear.take_back()
            self._write(asked, excerpt)
        elif now_s - fetch.emitted_s >= 1.0:
            fetch.emitted_s = now_s
            self._report_fetch(asked, excerpt)

    async def finish(self) -> None:
        """Return when what is being written is on the disk."""
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    # --- what is not remembered -------------------------------------------------------------------

    def _begin_fetch(self, excerpt: SoundExcerpt, tries: int) -> None:
        """Have the server play from the first gap on, joined to what is remembered before it."""
        start_ms, now_s = excerpt.gaps_ms[0][0], time.monotonic()
        reader, handback = MemoryReader(self._ear.memory), Handback(self._ear.memory, self._lock)
        with self._lock:
            is_joined = reader.seek(start_ms - 20.0, ())
            if is_joined:
                handback.begin(reader)
        lacks_ms = sum(end - start for start, end in excerpt.gaps_ms)
        self._fetch = _Fetch(reader if is_joined else None, handback, now_s, lacks_ms, now_s, tries)
        LOG.info("%d ms are fetched from %d ms on", lacks_ms, start_ms)
        self._obey(Scrub(max(start_ms - tries * BEFORE_MS, 0)))
        self._obey(Resume())

    def _report_fetch(self, asked: m.SaveClip, excerpt: SoundExcerpt) -> None:
        left_ms = asked.end_ms - excerpt.gaps_ms[0][0] if excerpt.gaps_ms else 0
        self._reporter.emit(
            m.ClipEvent(
                stage="fetching",
                start_ms=asked.start_ms,
                end_ms=asked.end_ms,
                left_s=round(left_ms / 1000, 1),
            )
        )

    def _excerpt(self, asked: m.SaveClip) -> SoundExcerpt:
        with self._lock:
            names = self._ear.recorder.names
            return _Remembered(self._ear.memory, names, asked.start_ms, asked.end_ms, self._lock)

    # --- the files --------------------------------------------------------------------------------

    def _write(self, asked: m.SaveClip, excerpt: SoundExcerpt) -> None:
        self._writing = asyncio.create_task(self._save(asked, excerpt))

    async def _save(self, asked: m.SaveClip, excerpt: SoundExcerpt) -> None:
        folder = asked.folder or self._folder
        try:
            await asyncio.to_thread(excerpt.open)
            if not excerpt.names:
                excerpt.close()
                self._fail("clip-empty", "No sound of that stretch could be had.", EMPTY_HINT)
                return
            parties, columns = columns_of(excerpt.names, self._ear.recorder.carries)
            saved = await asyncio.to_thread(
                _written,
                folder,
                self._described(asked, excerpt, parties),
                _blocks(excerpt, columns, len(parties)),
                asked,
            )
        except CallplayerError as error:
            self._fail("clip-not-saved", error.what, error.hint)
            return
        except Exception:
            LOG.exception("a clip was not saved")
            self._fail("clip-not-saved", OWN_ERROR, "The log says which.")
            return
        finally:
            self._wanted = None
        self._reporter.emit(
            m.ClipEvent(
                stage="saved",
                start_ms=asked.start_ms,
                end_ms=asked.end_ms,
                sound=str(saved.sound),
                sidecar=str(saved.sidecar),
                sha256=saved.sha256,
                gaps_ms=excerpt.gaps_ms,
            )
        )

    def _described(
        self, asked: m.SaveClip, excerpt: SoundExcerpt, parties: tuple[Channel, ...]
    ) -> Clip:
        from callplayer.recordings.clip import Clip

        incident, words = self._reporter.described, self._reporter.said().in_order()
        began: datetime | None = incident.created_at if incident is not None else None
        if words:  # they know it to the ms
            began = words[0].started_at - timedelta(seconds=words[0].start_offset)
        facts = IncidentFacts()
        if incident is not None:
            lat, lng = incident.latitude, incident.longitude
            facts = IncidentFacts(
                caller_phone_number=incident.caller_phone_number,
                created_at=format_moment(began) if began is not None else "",
                caller_location=None if lat is None or lng is None else CallerLocation(lat, lng),
            )
        return Clip(
            incident_id=incident.id if incident is not None else "",
            start_ms=asked.start_ms,
            end_ms=asked.end_ms,
            parties=parties,
            call_started_at=began,
            facts=facts,
            words=words,
            gaps_ms=excerpt.gaps_ms,
            unsure_ms=excerpt.unsure_ms,
        )

    def _fail(self, code: str, what: str, hint: str) -> None:
        self._wanted = None
        self._reporter.error(code, what, hint)


class _Remembered(Excerpt):
    """Takes its `lock` while it reads: what plays may wait for it a moment."""

    def __init__(
        self,
        memory: CallMemory,
        needed: Collection[str],
        start_ms: int,
        end_ms: int,
        lock: threading.RLock,
    ) -> None:
        super().__init__(memory, needed, start_ms, end_ms)
        self._lock = lock

    def read(self, at: int, frames: int) -> dict[str, npt.NDArray[np.float32]]:
        with self._lock:
            return super().read(at, frames)

    def open(self) -> None:
        """Do nothing: it is there."""

    def close(self) -> None:
        """Do nothing: nothing is open."""


def _blocks(
    excerpt: SoundExcerpt, columns: Mapping[str, Collection[int]], width: int
) -> Iterator[Samples]:
    """Yield the sound in blocks, int16 of shape (frames, width). Not on the engine's loop."""
    try:
        for at in range(0, excerpt.frames, BLOCK_FRAMES):
            frames = min(BLOCK_FRAMES, excerpt.frames - at)
            block = np.zeros((frames, width), np.float32)
            for name, samples in excerpt.read(at, frames).items():
                for column in columns[name]:
                    block[:, column] += samples
            if np.abs(block).max(initial=0.0) > 32_767:
                block = soft_limited(block)
            yield np.rint(block).clip(-32_768, 32_767).astype(np.int16)
    finally:
        excerpt.close()


def columns_of(
    names: Collection[str], carries: Mapping[str, Carries]
) -> tuple[tuple[Channel, ...], dict[str, tuple[int, ...]]]:
    """Return what the channels of a clip hold, and in which of them each lane is heard.

    What is of no single party is heard in each.
    """
    own = {name: next(iter(carries[name])) for name in names if len(carries.get(name, ())) == 1}
    parties = tuple(party for party in PARTIES if party in own.values())
    if not parties:
        return ("call",), dict.fromkeys(names, (0,))
    everywhere = tuple(range(len(parties)))
    return parties, {
        name: (parties.index(own[name]),) if name in own else everywhere for name in names
    }


def _written(folder: str, clip: Clip, blocks: Iterator[Samples], asked: m.SaveClip) -> SavedClip:
    """Write a clip. In a thread: to load the encoder, and the disk, may take long."""
    from callplayer.recordings.clip import save_clip

    try:
        where = Path(folder).expanduser() if folder else data_path() / "clips"
    except RuntimeError:
        what = f"There is no home folder for {plain_text(folder, 400)}."
        raise UsageError(what, "Name a folder that you may write.") from None
    return save_clip(where, clip, blocks, kind=asked.format, mixed=asked.mixed)
