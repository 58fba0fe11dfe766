"""The library: which incidents there are, and their words. SQLite, on disk or in memory.

For the event loop's thread of the main process; every call is short. On disk it is a folder, 0700,
of `library.sqlite3` and `recordings/`. In memory the recordings stay where they are.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from callplayer.errors import ServiceError
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service.catalog import CallEnded, Change, Created, Page, Removed, WordsCame
from callplayer.service.library import folder as library_folder
from callplayer.service.library.clients import Clients
from callplayer.service.library.rows import (
    INSERT,
    IS_LIVE,
    MAY_LIVE,
    SELECT,
    from_row,
    microseconds,
    to_row,
)
from callplayer.service.library.schema import migrate
from callplayer.vendor.parties import Channel
from callplayer.vendor.transcript import Word

__all__ = ["CallEnded", "Change", "Created", "Library", "Page", "Removed", "WordsCame"]

PAGE_SIZE = 100
BUSY_TIMEOUT_S = 5.0

_word_decoder = msgspec.json.Decoder(Word)


class Library:
    """Incidents and words. Open one with `Library.open`, close it with `close`."""

    def __init__(self, connection: sqlite3.Connection, folder: Path | None) -> None:
        self._db = connection
        self._folder = folder
        self._listeners: list[Callable[[Change], None]] = []
        self._looked_at = self._last_number()
        self._own: set[str] = set()
        self._as_if_live: set[str] = set()
        self.clients = Clients(connection)

    @classmethod
    def open(cls, folder: Path | None, *, durable: bool = False) -> Library:
        """Open the library in `folder`, which is made if need be; None: one in memory.

        What is done is safe from a kill of the process at once, and with `durable` from a power
        cut too, at the price of waiting for the disk each time. Raise ServiceError if it cannot be
        opened.
        """
        try:
            if folder is not None:
                library_folder.make(folder)
            name = ":memory:" if folder is None else str(folder / library_folder.DATABASE)
            connection = sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                migrate(connection)
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise ServiceError(
                f"The library {folder} cannot be opened: {error}.",
                "Check the folder's owner and mode, or choose another with --library.",
            ) from None
        return cls(connection, folder)

    @property
    def recordings_folder(self) -> Path | None:
        """Where a library on disk keeps the sound; None for one in memory."""
        return None if self._folder is None else self._folder / library_folder.RECORDINGS

    def close(self) -> None:
        """Close the database; the library is of no use after that."""
        self._db.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, incident_id: str) -> Recording | None:
        """Return one incident's recording; None if there is none of that id."""
        row = self._db.execute(f"{SELECT} WHERE id = ?", (incident_id,)).fetchone()
        return self._recording(row) if row else None

    def list(
        self,
        *,
        is_audio_live: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        now_s: float | None = None,
    ) -> Page:
        """Return one page of the incidents created at `since` or later and before `until`.

        Newest first. `now_s` is the monotonic clock (None: its reading now), by which recordings
        that are played as if live go.
        """
        conditions = ["1"]
        if is_audio_live is not None:
            conditions.append(f"{MAY_LIVE} AND {IS_LIVE}" if is_audio_live else f"NOT {IS_LIVE}")
        if since is not None:
            conditions.append("created_at_us >= :since")
        if until is not None:
            conditions.append("created_at_us < :until")
        rows = self._db.execute(
            f"{SELECT} WHERE {' AND '.join(conditions)}"
            " ORDER BY created_at_us DESC, id DESC LIMIT :limit OFFSET :offset",
            {
                "now_s": time.monotonic() if now_s is None else now_s,
                "since": microseconds(since),
                "until": microseconds(until),
                "limit": PAGE_SIZE + 1,
                "offset": (page - 1) * PAGE_SIZE,
            },
        ).fetchall()
        recordings = tuple(self._recording(row) for row in rows[:PAGE_SIZE])
        return Page(recordings, page + 1 if len(rows) > PAGE_SIZE else None)

    def add(self, recording: Recording, words: Sequence[Word] = ()) -> None:
        """Add a finished recording and its words, both or neither."""
        self.add_all([(recording, words)])

    def add_all(
        self,
        entries: Sequence[tuple[Recording, Sequence[Word]]],
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Add finished recordings and their words, all or none.

        None are added if `before_commit`, which is called when all else is done, raises.
        """
        with self._transaction():
            for recording, words in entries:
                self._insert(recording)
                self._insert_words(recording.id, words)
            before_commit()
        for recording, _ in entries:
            if recording.live_from_s is not None:
                self._as_if_live.add(recording.id)
            self._publish(Created(recording))

    def begin_live(
        self,
        facts: IncidentFacts,
        parties: tuple[Channel, ...],
        path: Path,
        created_at: datetime,
        incident_id: str | None = None,
    ) -> Recording:
        """Add a live call whose sound is being written to `path`; return its recording."""
        recording = Recording(
            id=incident_id or str(uuid.uuid4()),
            path=path,
            parties=parties,
            duration_s=0.0,
            created_at=created_at,
            facts=facts,
            growing=True,
        )
        with self._transaction():
            self._insert(recording)
        self._publish(Created(recording))
        return recording

    def end_live(self, incident_id: str, duration_s: float, ended_at: datetime) -> Recording:
        """Note that a live call is over; return its recording. Raise KeyError for no such id."""
        self._db.execute(
            "UPDATE incidents SET growing = 0, duration_s = ?, ended_at_us = ? WHERE id = ?",
            (duration_s, microseconds(ended_at), incident_id),
        )
        recording = self._existing(incident_id)
        self._publish(CallEnded(recording))
        return recording

    def remove(self, incident_id: str) -> None:
        """Remove an incident, its words and, from a library on disk, its sound.

        Raise KeyError for no such id.
        """
        recording = self._existing(incident_id)
        self._db.execute("DELETE FROM incidents WHERE id = ?", (incident_id,))
        folder = self.recordings_folder
        if folder is not None and recording.path.is_relative_to(folder):
            recording.path.unlink(missing_ok=True)
        self._publish(Removed(incident_id))

    def words(self, incident_id: str) -> tuple[Word, ...]:
        """Return the words of an incident in the order in which they were said."""
        rows = self._db.execute(
            "SELECT word FROM words WHERE incident_id = ? ORDER BY started_at_us, number",
            (incident_id,),
        )
        return tuple(_word_decoder.decode(row[0]) for row in rows)

    def put_words(self, incident_id: str, words: Sequence[Word]) -> None:
        """Put one message of one speaker.

        Its words replace earlier ones of that speaker from the first new word's start on. Raise
        KeyError for no such id.
        """
        if not words:
            return
        self._existing(incident_id)
        first = words[0]
        with self._transaction():
            self._db.execute(
                "DELETE FROM words WHERE incident_id = ? AND speaker = ? AND started_at_us >= ?",
                (incident_id, first.speaker, microseconds(first.started_at)),
            )
            self._insert_words(incident_id, words)
        self._publish(WordsCame(incident_id, tuple(words)))

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have `listener` called for every change from now on; return how to end that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def look(self, now_s: float) -> None:
        """Publish what changed by itself: incidents of other processes, ends of as-if-live calls.

        Call it about once a second; `now_s` is the monotonic clock.
        """
        rows = self._db.execute(
            "SELECT number, id FROM incidents WHERE number > ? ORDER BY number", (self._looked_at,)
        ).fetchall()
        own, self._own = self._own, set()
        for number, incident_id in rows:
            self._looked_at = number
            if incident_id not in own and (recording := self.get(incident_id)) is not None:
                self._publish(Created(recording))
        for incident_id in tuple(self._as_if_live):
            ended = self.get(incident_id)
            if ended is None or not ended.is_live(now_s):
                self._as_if_live.discard(incident_id)
                if ended is not None:
                    self._publish(CallEnded(ended))

    def paths(self) -> frozenset[Path]:
        """Return where the sound of all incidents is."""
        base = self.recordings_folder or Path()
        return frozenset(base / row[0] for row in self._db.execute("SELECT path FROM incidents"))

    def count(self) -> tuple[int, int]:
        """Return how many incidents there are, and how many of them are live now."""
        (everything,) = self._db.execute("SELECT count(*) FROM incidents").fetchone()
        (live,) = self._db.execute(
            f"SELECT count(*) FROM incidents WHERE {MAY_LIVE} AND {IS_LIVE}",  # noqa: S608 - ours
            {"now_s": time.monotonic()},
        ).fetchone()
        return int(everything), int(live)

    def _last_number(self) -> int:
        return int(self._db.execute("SELECT ifnull(max(number), 0) FROM incidents").fetchone()[0])

    def _publish(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    def _existing(self, incident_id: str) -> Recording:
        recording = self.get(incident_id)
        if recording is None:
            raise KeyError(incident_id)
        return recording

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _insert(self, recording: Recording) -> None:
        self._db.execute(INSERT, to_row(recording, self.recordings_folder))
        self._own.add(recording.id)

    def _insert_words(self, incident_id: str, words: Sequence[Word]) -> None:
        self._db.executemany(
            "INSERT INTO words (incident_id, speaker, started_at_us, word) VALUES (?, ?, ?, ?)",
            [
                (
                    incident_id,
                    word.speaker,
                    microseconds(word.started_at),
                    msgspec.json.encode(word),
                )
                for word in words
            ],
        )

    def _recording(self, row: tuple[Any, ...]) -> Recording:
        return from_row(row, self.recordings_folder)
