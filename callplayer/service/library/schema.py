"""The library's tables, and how an older library is brought up to today's.

Times are counted from 1970, UTC, in s or in whole microseconds (`_us`). A table is never changed in
place here: add a step.
"""

from __future__ import annotations

import sqlite3

from callplayer.errors import ServiceError

_INCIDENTS_AND_WORDS = """
CREATE TABLE incidents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    parties TEXT NOT NULL,
    duration_s REAL NOT NULL,
    created_at_us INTEGER NOT NULL,
    ended_at_us INTEGER,
    growing INTEGER NOT NULL DEFAULT 0,
    live_from_s REAL,
    facts BLOB NOT NULL
) STRICT;
CREATE INDEX incidents_by_time ON incidents (created_at_us DESC, id DESC);
CREATE TABLE words (
    number INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    speaker TEXT NOT NULL,
    started_at_us INTEGER NOT NULL,
    word BLOB NOT NULL
) STRICT;
CREATE INDEX words_by_time ON words (incident_id, speaker, started_at_us);
"""

_CLIENTS = """
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    may_listen INTEGER NOT NULL,
    secret_hash BLOB NOT NULL,
    old_hash BLOB,
    old_until_s REAL,
    created_at_s REAL NOT NULL,
    rotated_at_s REAL
) STRICT;
"""

_LIVE_INDEX = """
CREATE INDEX live_incidents ON incidents (created_at_us DESC, id DESC)
WHERE (growing OR live_from_s IS NOT NULL);
"""

_NO_WEBHOOKS = "DROP TABLE IF EXISTS webhooks"
"""Version 4 once had this table; an older library goes past it, one of version 4 drops it."""

STEPS = (_INCIDENTS_AND_WORDS, _CLIENTS, _LIVE_INDEX, _NO_WEBHOOKS, _NO_WEBHOOKS)
"""`STEPS[n]` makes version n + 1 out of version n."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to today's version, each step whole or not at all.

    Raise ServiceError if a newer callplayer has made it.
    """
    while (version := _version(connection)) != len(STEPS):
        if version > len(STEPS):
            raise ServiceError(
                "The library was made by a newer callplayer.",
                "Use that version, or choose another folder with --library.",
            )
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:  # no other process was faster
                for statement in STEPS[version].split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
