"""Which client a participant id belongs to, and which of the services of a library are there."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator

from callplayer.errors import ParticipantTakenError
from callplayer.service.library.database import Database

GONE_AFTER_S = 5.0
"""A service that has not been heard of for this long is gone."""


class Claims:
    """Which client a participant id of an incident belongs to, while a token for it is good.

    Each client's streams are its own, whatever they are called. A second client of the same name is
    most likely a mistake: it is refused rather than left in a room without the first.
    `wall_clock` returns s since 1970.
    """

    def __init__(
        self, database: Database, instance_id: str, wall_clock: Callable[[], float]
    ) -> None:
        self._db = database
        self._instance_id = instance_id
        self._now_s = wall_clock

    @contextlib.contextmanager
    def owned(
        self, client_id: str, incident_id: str, participant_id: str, ttl_s: float
    ) -> Iterator[None]:
        """Give the participant id to the client for `ttl_s`; take it back if the block raises.

        Raise ParticipantTakenError if it is another client's.
        """
        now_s = self._now_s()
        self._db.execute("DELETE FROM claims WHERE until_s <= ?", (now_s,))
        mine = secrets.token_hex(8)
        # Before the stream is there: of two clients that ask at once, one is refused.
        with self._db.transaction():
            before = self._db.execute(
                "SELECT id, client_id, instance_id, until_s FROM claims"
                " WHERE incident_id = ? AND participant_id = ?",
                (incident_id, participant_id),
            ).first
            claimed = self._db.execute(
                "INSERT INTO claims"
                " (incident_id, participant_id, id, client_id, instance_id, until_s)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (incident_id, participant_id) DO UPDATE"
                " SET id = excluded.id, instance_id = excluded.instance_id,"
                " until_s = excluded.until_s WHERE claims.client_id = excluded.client_id",
                (incident_id, participant_id, mine, client_id, self._instance_id, now_s + ttl_s),
            )
        if not claimed.changed:
            raise ParticipantTakenError(
                "Another client listens under this participant id.", "Choose another."
            )
        try:
            yield
        except BaseException:
            self._take_back(mine, before)
            raise

    def holder(self, client_id: str, incident_id: str, participant_id: str) -> str | None:
        """Return the address of another service that has this participant's stream, if it lives."""
        found = self._db.execute(
            "SELECT instances.url FROM claims JOIN instances ON instances.id = claims.instance_id"
            " WHERE incident_id = ? AND participant_id = ? AND client_id = ?"
            " AND instances.id <> ? AND until_s > ? AND seen_at_s > ?",
            (
                incident_id,
                participant_id,
                client_id,
                self._instance_id,
                self._now_s(),
                self._now_s() - GONE_AFTER_S,
            ),
        ).first
        return str(found[0]) if found else None

    def _take_back(self, mine: str, before: tuple[object, ...] | None) -> None:
        if before is None:
            self._db.execute("DELETE FROM claims WHERE id = ?", (mine,))
        else:
            self._db.execute(
                "UPDATE claims SET id = ?, client_id = ?, instance_id = ?, until_s = ?"
                " WHERE id = ?",
                (*before, mine),
            )


class Instances:
    """The services of a library, each with the address at which the others reach it."""

    def __init__(self, database: Database, instance_id: str) -> None:
        self._db = database
        self._instance_id = instance_id

    def beat(self, url: str) -> None:
        """Note that this service lives: call it about once a second."""
        now_s = self._db.now_s()
        self._db.execute(
            "INSERT INTO instances (id, url, seen_at_s) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET url = excluded.url, seen_at_s = excluded.seen_at_s",
            (self._instance_id, url, now_s),
        )
        self._db.execute("DELETE FROM instances WHERE seen_at_s < ?", (now_s - 24 * 3600,))

    def signing_key(self) -> bytes:
        """Return the key with which all services of the library sign, made when first asked for."""
        self._db.execute(
            "INSERT INTO keys (name, value) VALUES ('bearer', ?) ON CONFLICT (name) DO NOTHING",
            (secrets.token_bytes(32),),
        )
        ((key,),) = self._db.execute("SELECT value FROM keys WHERE name = 'bearer'").rows
        return bytes(key)

    def leave(self) -> None:
        """Note that this service ends."""
        self._db.execute("DELETE FROM instances WHERE id = ?", (self._instance_id,))

    def owner(self, incident_id: str) -> str | None:
        """Return the address of another service that takes this live call in, if it lives."""
        found = self._db.execute(
            "SELECT url FROM incidents JOIN instances ON instances.id = incidents.owner"
            " WHERE incidents.id = ? AND instances.id <> ? AND seen_at_s > ?",
            (incident_id, self._instance_id, self._db.now_s() - GONE_AFTER_S),
        ).first
        return str(found[0]) if found else None
