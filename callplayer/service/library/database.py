"""The database of a library: what is asked of one, and SQLite as the one that is built in.

A statement stands once for all engines: with `?` or `:name` for values, and no word that one of
them does not know.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from callplayer.service.catalog import LibraryError

BUSY_TIMEOUT_S = 5.0

Values = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """The rows that a statement returned, and how many it has changed."""

    rows: Sequence[tuple[Any, ...]]
    changed: int

    @property
    def first(self) -> tuple[Any, ...] | None:
        """The first row, None if there is none."""
        return self.rows[0] if self.rows else None


class Database(Protocol):
    """A connection for one thread. All raise LibraryError for what cannot be done."""

    types: Mapping[str, str]
    """The engine's words for the types in `schema`."""

    is_shared: bool
    """Whether services on several machines may use it."""

    def execute(self, statement: str, values: Values = ()) -> Result:
        """Carry one statement out."""

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry one statement out with each of `rows`."""

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Have the statements in the block carried out all, or none of them if it raises."""

    def version(self) -> int:
        """Return which version of the schema there is; 0: none yet. No other may change it
        before the end of the transaction."""

    def set_version(self, version: int) -> None:
        """Note which version there is."""

    def now_s(self) -> float:
        """Return the wall clock that all who use the database go by, in s since 1970."""

    def notify(self, news: str) -> None:
        """Have the others who use the database receive `news`, if the transaction is not undone."""

    def take_news(self) -> Sequence[str] | None:
        """Return what others have sent; None if some of it may be missing."""

    def close(self) -> None:
        """Close the connection."""


class SqliteDatabase:
    """SQLite in a file; None: in memory. With `durable` each change waits for the disk."""

    types: Mapping[str, str] = {
        "counted": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "number": "INTEGER PRIMARY KEY",
        "whole": "INTEGER",
        "flag": "INTEGER",
        "real": "REAL",
        "bytes": "BLOB",
        "strict": "STRICT",
    }
    is_shared = False

    def __init__(self, path: Path | None, *, durable: bool = False) -> None:
        with _translated():
            name = ":memory:" if path is None else str(path)
            self._db = sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            except BaseException:
                self._db.close()
                raise

    def execute(self, statement: str, values: Values = ()) -> Result:
        """Carry one statement out."""
        with _translated():
            cursor = self._db.execute(statement, values)
            return Result(cursor.fetchall(), cursor.rowcount)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Carry one statement out with each of `rows`."""
        with _translated():
            self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Have the statements in the block carried out all, or none of them if it raises."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it already
                self.execute("ROLLBACK")
            raise

    def version(self) -> int:
        """Return which version of the schema there is."""
        return int(self.execute("PRAGMA user_version").rows[0][0])

    def set_version(self, version: int) -> None:
        """Note which version there is."""
        self.execute(f"PRAGMA user_version = {version}")

    def now_s(self) -> float:
        """Return this machine's wall clock."""
        return time.time()

    def notify(self, news: str) -> None:
        """Do nothing: others look for themselves."""

    def take_news(self) -> None:
        """Return None: none is sent."""
        return None

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LibraryError(
            f"The library's database fails: {error}.", "Check free space and the folder's owner."
        ) from error
