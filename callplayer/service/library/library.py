"""The library: which incidents there are, and their words. In SQLite, or in PostgreSQL.

For the event loop's thread of the main process; every call is short. On disk it is a folder, 0700,
of `library.sqlite3` and `recordings/`. In memory the recordings stay where they are.
"""

from __future__ import annotations

import contextlib
import secrets
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from callplayer.errors import ServiceError
from callplayer.recordings.bucket import Bucket
from callplayer.recordings.facts import IncidentFacts
from callplayer.recordings.recording import Recording
from callplayer.service import catalog
from callplayer.service.library import folder as library_folder
from callplayer.service.library.claims import Claims, Instances
from callplayer.service.library.clients import Clients
from callplayer.service.library.database import Database
from callplayer.service.library.engines import open_database
from callplayer.service.library.news import decode_news, encode_news
from callplayer.service.library.place import LibraryPlace
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
from callplayer.service.library.word_table import WordTable
from callplayer.vendor.parties import Channel
from callplayer.vendor.transcript import Word

PAGE_SIZE = 100


class Library:
    """Incidents and words. Open one with `Library.open`, close it with `close`."""

    def __init__(
        self,
        database: Database,
        recordings_folder: Path | None,
        bucket: Bucket | None = None,
        wall_clock: Callable[[], float] | None = None,
    ) -> None:
        self._db = database
        self.now_s = wall_clock or database.now_s
        """The wall clock that all services of the library go by, in s since 1970."""
        self.recordings_folder = recordings_folder
        """Where the sound is kept; None for a library in memory."""
        self.bucket = bucket
        """Where it is kept instead, once it is whole; the folder holds what is being written."""
        self._listeners: list[Callable[[catalog.Change], None]] = []
        ((last,),) = database.execute("SELECT coalesce(max(number), 0) FROM incidents").rows
        self._looked_at = int(last)
        self._has_missed_news = self._must_reread = False
        self._own: set[str] = set()
        self._as_if_live: set[str] = set()
        self._words = WordTable(database)
        self._instance_id = secrets.token_hex(8)
        self.clients = Clients(database, self.now_s)
        self.claims = Claims(database, self._instance_id, self.now_s)
        self.instances = Instances(database, self._instance_id)

    @property
    def is_shared(self) -> bool:
        """Whether several services may have it at once."""
        return self._db.is_shared

    @classmethod
    def open(
        cls,
        place: LibraryPlace | None,
        *,
        durable: bool = False,
        wall_clock: Callable[[], float] | None = None,
    ) -> Library:
        """Open the library at `place`, whose folder is made if need be; None: one in memory.

        What is done is safe from a kill of the process at once, and with `durable` from a power
        cut too, at the price of waiting for the disk each time. `wall_clock` returns s since
        1970; None: the database's own. Raise ServiceError if it cannot be opened.
        """
        try:
            database, recordings, bucket = open_database(place, durable=durable)
            try:
                migrate(database)
            except BaseException:
                database.close()
                raise
        except (OSError, catalog.LibraryError) as error:
            reason = error.__cause__ or error
            raise ServiceError(
                f"The library {place} cannot be opened: {reason}.",
                "Check its owner and mode, or choose another with --library.",
            ) from None
        return cls(database, recordings, bucket, wall_clock)

    def close(self) -> None:
        """Close the database; the library is of no use after that."""
        self._db.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, incident_id: str) -> Recording | None:
        """Return one incident's recording; None if there is none of that id."""
        row = self._db.execute(f"{SELECT} WHERE id = ?", (incident_id,)).first
        return self._recording(row) if row else None

    def existing(self, incident_ids: Collection[str]) -> frozenset[str]:
        """Return those of the ids that there is an incident of."""
        marks = ", ".join("?" * len(incident_ids)) or "NULL"
        rows = self._db.execute(f"{SELECT} WHERE id IN ({marks})", tuple(incident_ids)).rows
        return frozenset(row[0] for row in rows)

    def list(
        self,
        *,
        is_audio_live: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        now_s: float | None = None,
    ) -> catalog.Page:
        """Return one page of the incidents created at `since` or later and before `until`.

        Newest first. `now_s` is the monotonic clock (None: its reading now), by which recordings
        that are played as if live go.
        """
        conditions = ["1 = 1"]
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
        ).rows
        recordings = tuple(self._recording(row) for row in rows[:PAGE_SIZE])
        return catalog.Page(recordings, page + 1 if len(rows) > PAGE_SIZE else None)

    def add(self, recording: Recording, words: Sequence[Word] = ()) -> None:
        """Add a finished recording and its words, both or neither."""
        self.add_all([(recording, words)])

    def add_all(
        self,
        entries: Iterable[tuple[Recording, Sequence[Word]]],
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Add finished recordings and their words, all or none.

        None are added if `before_commit`, which is called when all else is done, raises.
        """
        added = []
        with self._db.transaction():
            for recording, words in entries:
                added.append(recording)
                self._insert(recording)
                self._words.insert(recording.id, words)
                self._db.notify(encode_news(catalog.Created(recording)))
            before_commit()
        for recording in added:
            if recording.live_from_s is not None:
                self._as_if_live.add(recording.id)
            self._publish(catalog.Created(recording))

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
        with self._db.transaction():
            self._insert(recording)
            self._db.execute(
                "UPDATE incidents SET owner = ? WHERE id = ?", (self._instance_id, recording.id)
            )
            self._db.notify(encode_news(catalog.Created(recording)))
        self._publish(catalog.Created(recording))
        return recording

    def end_live(self, incident_id: str, duration_s: float, ended_at: datetime) -> Recording:
        """Note that a live call is over; return its recording. Raise KeyError for no such id."""
        self._db.execute(
            "UPDATE incidents SET growing = ?, duration_s = ?, ended_at_us = ? WHERE id = ?",
            (False, duration_s, microseconds(ended_at), incident_id),
        )
        recording = self._existing(incident_id)
        self._db.notify(encode_news(catalog.CallEnded(recording)))
        self._publish(catalog.CallEnded(recording))
        return recording

    def remove(self, incident_id: str) -> None:
        """Remove an incident, its words and its own sound. Raise KeyError for no such id."""
        recording = self._existing(incident_id)
        self._db.execute("DELETE FROM incidents WHERE id = ?", (incident_id,))
        self._db.notify(encode_news(catalog.Removed(incident_id)))
        self._publish(catalog.Removed(incident_id))
        library_folder.remove_sound(recording, self.recordings_folder, self.bucket)

    def keep_in_bucket(self, incident_id: str, name: str) -> bool:
        """Note that the sound of an incident is an object now; return whether it is there yet."""
        statement = "UPDATE incidents SET path = ? WHERE id = ?"
        return self._db.execute(statement, (name, incident_id)).changed == 1

    def words(self, incident_id: str) -> tuple[Word, ...]:
        """Return the words of an incident in the order in which they were said."""
        return self._words.all(incident_id)

    def put_words(self, incident_id: str, words: Sequence[Word]) -> None:
        """Put one message of one speaker.

        Its words replace earlier ones of that speaker from the first new word's start on. Raise
        KeyError for no such id.
        """
        if not words:
            return
        self._existing(incident_id)
        change = catalog.WordsCame(incident_id, tuple(words))
        with self._db.transaction():
            self._words.replace(incident_id, words)
            self._db.notify(encode_news(change))
        self._publish(change)

    def subscribe(self, listener: Callable[[catalog.Change], None]) -> Callable[[], None]:
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
        is_reported, self._has_missed_news = self.take_news(), False
        rows = self._db.execute(
            "SELECT number, id FROM incidents WHERE number > ? ORDER BY number", (self._looked_at,)
        ).rows
        own, self._own = self._own, set()
        for number, incident_id in rows:
            self._looked_at = number
            if is_reported or incident_id in own:
                continue
            if (recording := self.get(incident_id)) is not None:
                self._publish(catalog.Created(recording))
        for incident_id in tuple(self._as_if_live):
            ended = self.get(incident_id)
            if ended is None or not ended.is_live(now_s):
                self._as_if_live.discard(incident_id)
                if ended is not None:
                    self._publish(catalog.CallEnded(ended))

    def paths(self) -> frozenset[Path]:
        """Return where the sound of all incidents is."""
        return frozenset((self.recordings_folder or Path()) / name for name in self.names())

    def names(self) -> frozenset[str]:
        """Return the paths of the sound of all incidents as they are kept; of a bucket, names."""
        return frozenset(row[0] for row in self._db.execute("SELECT path FROM incidents").rows)

    def count(self) -> tuple[int, int]:
        """Return how many incidents there are, and how many of them are live now."""
        ((everything, live),) = self._db.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {MAY_LIVE} AND {IS_LIVE}) FROM incidents",  # noqa: S608
            {"now_s": time.monotonic()},
        ).rows
        return int(everything), int(live)

    def take_news(self) -> bool:
        """Publish what the other services of the library have sent since the last time.

        Return whether that is all since the last look: False where nothing is sent, or some of it
        was missed.
        """
        came = self._db.take_news()
        if came is None and self.is_shared:
            self._has_missed_news = self._must_reread = True
        if self._must_reread:
            self._publish(catalog.NewsMissed())
            self._must_reread = False  # after that: the database may be lost again meanwhile
        for news in came or ():
            change = decode_news(news, self.get, self._words.since)
            if change is not None:
                self._publish(change)
        return came is not None and not self._has_missed_news

    def _publish(self, change: catalog.Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    def _existing(self, incident_id: str) -> Recording:
        recording = self.get(incident_id)
        if recording is None:
            raise KeyError(incident_id)
        return recording

    def _insert(self, recording: Recording) -> None:
        base = self.recordings_folder if self.bucket is None else None
        self._db.execute(INSERT, to_row(recording, base))
        self._own.add(recording.id)

    def _recording(self, row: tuple[Any, ...]) -> Recording:
        return from_row(row, self.recordings_folder, self.bucket.url if self.bucket else "")
