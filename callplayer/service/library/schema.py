"""The library's tables, and how an older library is brought up to today's.

Times are counted from 1970, UTC, in s or in whole microseconds (`_us`). A table is never changed in
place here: add a step. Types in braces are the engine's own, see `Database.types`.
"""

from __future__ import annotations

from collections.abc import Sequence

from callplayer.errors import ServiceError
from callplayer.service.library.database import Database

_INCIDENTS_AND_WORDS = """
CREATE TABLE incidents (
    number {counted},
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    parties TEXT NOT NULL,
    duration_s {real} NOT NULL,
    created_at_us {whole} NOT NULL,
    ended_at_us {whole},
    growing {flag} NOT NULL DEFAULT FALSE,
    live_from_s {real},
    facts {bytes} NOT NULL
) {strict};
CREATE INDEX incidents_by_time ON incidents (created_at_us DESC, id DESC);
CREATE TABLE words (
    number {number},
    incident_id TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    speaker TEXT NOT NULL,
    started_at_us {whole} NOT NULL,
    word {bytes} NOT NULL
) {strict};
CREATE INDEX words_by_time ON words (incident_id, speaker, started_at_us);
"""

_CLIENTS = """
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    may_listen {flag} NOT NULL,
    secret_hash {bytes} NOT NULL,
    old_hash {bytes},
    old_until_s {real},
    created_at_s {real} NOT NULL,
    rotated_at_s {real}
) {strict};
"""

_LIVE_INDEX = """
CREATE INDEX live_incidents ON incidents (created_at_us DESC, id DESC)
WHERE (growing OR live_from_s IS NOT NULL);
"""

_NO_WEBHOOKS = "DROP TABLE IF EXISTS webhooks"
"""Version 4 once had this table; an older library goes past it, one of version 4 drops it."""

_SEVERAL_SERVICES = """
CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    value {bytes} NOT NULL
) {strict};
CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    seen_at_s {real} NOT NULL
) {strict};
CREATE TABLE claims (
    incident_id TEXT NOT NULL,
    participant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    until_s {real} NOT NULL,
    PRIMARY KEY (incident_id, participant_id)
) {strict};
CREATE INDEX claims_by_end ON claims (until_s);
ALTER TABLE incidents ADD COLUMN owner TEXT;
"""

STEPS = (
    _INCIDENTS_AND_WORDS,
    _CLIENTS,
    _LIVE_INDEX,
    _NO_WEBHOOKS,
    _NO_WEBHOOKS,
    _SEVERAL_SERVICES,
)
"""`STEPS[n]` makes version n + 1 out of version n."""


def migrate(database: Database, steps: Sequence[str] = STEPS) -> None:
    """Bring the database to the version that `steps` make, each step whole or not at all.

    Raise ServiceError if a newer callplayer has made it.
    """
    while (version := database.version()) != len(steps):
        if version > len(steps):
            raise ServiceError(
                "The library was made by a newer callplayer.",
                "Use that version, or choose another library with --library.",
            )
        with database.transaction():
            if database.version() == version:  # no other process was faster
                for statement in steps[version].split(";\n"):
                    if statement.strip():
                        database.execute(statement.format_map(database.types))
                database.set_version(version + 1)
