"""PostgreSQL as the database of a library that several services share.

A statement waits for the server for some seconds at most. While the server is away each statement
fails at once, but for one try about a second.
"""

from __future__ import annotations

import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg

from callplayer.errors import ServiceError, UsageError
from callplayer.retry import Backoff
from callplayer.service.catalog import LibraryError
from callplayer.service.library.database import Result, Values
from callplayer.service.library.place import PostgresPlace
from callplayer.text import plain_text

CHANNEL = "callplayer"
CONNECT_TIMEOUT_S = 3
ANSWER_TIMEOUT_MS = 5000
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 2.0
MIGRATION_LOCK = 0x63616C6C
CLOCK_APART_S = 5.0
"""A difference of the clocks is reported from this on."""

_ALIVE: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": ANSWER_TIMEOUT_MS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "options": f"-c statement_timeout={ANSWER_TIMEOUT_MS} -c client_min_messages=warning",
    "application_name": "callplayer",
}

log = logging.getLogger("callplayer.service")

T = TypeVar("T")


class PostgresDatabase:
    """A connection to the database at `place`, made again when it is lost.

    The wall clock is the server's, so that machines whose clocks differ agree. Raise ServiceError
    if it cannot be opened.
    """

    types: Mapping[str, str] = {
        "counted": "BIGSERIAL PRIMARY KEY",
        "number": "BIGSERIAL PRIMARY KEY",
        "whole": "BIGINT",
        "flag": "BOOLEAN",
        "real": "DOUBLE PRECISION",
        "bytes": "BYTEA",
        "strict": "",
    }
    is_shared = True

    def __init__(self, place: PostgresPlace) -> None:
        self._place = place
        self._ahead_s = 0.0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._not_before_s = 0.0
        self._in_transaction = False
        self._has_missed_news = False
        try:
            self._db = self._connect()
        except psycopg.ProgrammingError:
            raise UsageError(
                "--library names no database that PostgreSQL's client understands.",
                "Write it as postgresql://USER@HOST/DATABASE.",
            ) from None
        except psycopg.Error as error:
            raise ServiceError(
                f"The library {place} cannot be opened: {_reason(error)}.",
                "Check the name, the user, ~/.pgpass, and that the server runs.",
            ) from None
        with self.transaction():
            self._lock_migration()
            self.execute("CREATE TABLE IF NOT EXISTS library_version (version INTEGER NOT NULL)")

    def execute(self, statement: str, values: Values = ()) -> Result:
        """Carry one statement out; one that reads is tried again on a new connection."""

        def ask() -> Result:
            cursor = self._db.execute(_translated(statement), _storable(values))
            return Result(cursor.fetchall() if cursor.description else (), cursor.rowcount)

        return self._asked(ask, again=statement.startswith("SELECT"))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry one statement out with each of `rows`."""

        def ask() -> None:
            with self._db.cursor() as cursor:
                cursor.executemany(_translated(statement), [_storable(row) for row in rows])

        self._asked(ask)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Have the statements in the block carried out all, or none of them if it raises."""
        self._asked(lambda: self._db.execute("BEGIN"), again=True)
        self._in_transaction = True
        try:
            yield
            self._asked(lambda: self._db.execute("COMMIT"))
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._in_transaction = False

    def version(self) -> int:
        """Return which version of the schema there is."""
        if self._in_transaction:
            self._lock_migration()
        first = self.execute("SELECT version FROM library_version").first
        return int(first[0]) if first else 0

    def set_version(self, version: int) -> None:
        """Note which version there is."""
        self.execute("DELETE FROM library_version")
        self.execute("INSERT INTO library_version (version) VALUES (?)", (version,))

    def _lock_migration(self) -> None:
        self.execute("SELECT pg_advisory_xact_lock(?)", (MIGRATION_LOCK,))

    def now_s(self) -> float:
        """Return the server's wall clock, as this machine's clock carries it on."""
        return time.time() + self._ahead_s

    def notify(self, news: str) -> None:
        """Have all other connections receive `news`, once the transaction is done."""
        self.execute("SELECT pg_notify(?, ?)", (CHANNEL, news))

    def take_news(self) -> Sequence[str] | None:
        """Return what others have sent; None if the connection was lost since the last time."""
        me = self._db.info.backend_pid if not self._db.closed else 0
        came = self._asked(lambda: list(self._db.notifies(timeout=0)))
        if self._has_missed_news:
            self._has_missed_news = False
            return None
        return [notice.payload for notice in came if notice.pid != me]

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _asked(self, ask: Callable[[], T], *, again: bool = False) -> T:
        if self._db.closed:
            self._reconnect()
        try:
            return ask()
        except psycopg.Error as error:
            if not (self._db.closed and again) or self._in_transaction:
                raise self._failure(error) from error
        self._reconnect()
        try:
            return ask()
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> LibraryError:
        return LibraryError(
            f"The library {self._place} does not answer as it should: {_reason(error)}.",
            "Check the database server; calls that play go on.",
        )

    def _reconnect(self) -> None:
        if self._in_transaction or time.monotonic() < self._not_before_s:
            raise self._failure(psycopg.OperationalError("the connection is lost"))
        self._has_missed_news = True
        try:
            self._db = self._connect()
        except psycopg.Error as error:
            pause_s = self._backoff.next_s(random.random())  # noqa: S311 - no secret
            self._not_before_s = time.monotonic() + pause_s
            raise self._failure(error) from error
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        log.info("the library %s answers again", self._place)

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(self._place.dsn, autocommit=True, **_ALIVE)
        connection.execute(f"LISTEN {CHANNEL}")
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert row is not None
        self._ahead_s = row[0] - time.time()
        if abs(self._ahead_s) > CLOCK_APART_S:
            log.warning(
                "this machine's clock is %.0f s %s the database's, whose time counts:"
                " have both set by NTP",
                abs(self._ahead_s),
                "behind" if self._ahead_s > 0 else "ahead of",
            )
        return connection


@lru_cache(maxsize=256)
def _translated(statement: str) -> Any:
    """Return a statement with the places of its values marked as psycopg has it."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", statement).replace("?", "%s")


def _storable(values: Values) -> Values:
    """Return values without what no text of PostgreSQL holds: no id that is kept has it either."""
    if isinstance(values, Mapping):
        return {name: _storable_value(value) for name, value in values.items()}
    return [_storable_value(value) for value in values]


def _storable_value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()


def _reason(error: psycopg.Error) -> str:
    """Return the last line of what the server or its client says; neither names a password."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return plain_text(lines[-1].strip().rstrip("."), 300)
