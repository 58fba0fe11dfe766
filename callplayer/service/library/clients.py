"""The clients that may sign in: their ids, the hashes of their secrets, and what they may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.clients import Client, digest
from callplayer.service.library.database import Database
from callplayer.text import plain_text

MAX_ID_CHARS = 64


@dataclass(frozen=True)
class ClientRow:
    """A client as it is kept, without its secret; times in s since 1970."""

    client: Client
    created_at_s: float
    rotated_at_s: float | None
    old_secret_until_s: float | None


class Clients:
    """The clients in a library's database. `wall_clock` returns s since 1970."""

    def __init__(self, database: Database, wall_clock: Callable[[], float]) -> None:
        self._db = database
        self._now_s = wall_clock

    def add(self, client_id: str, *, may_listen: bool = True) -> Secret:
        """Add a client; return its secret, which is kept nowhere. Raise UsageError for a bad id."""
        if not (0 < len(client_id) <= MAX_ID_CHARS and client_id.isascii()) or not all(
            character.isalnum() or character in "-._" for character in client_id
        ):
            raise UsageError(
                f"{plain_text(client_id, 80)!r} is no client id.",
                f"Use 1 to {MAX_ID_CHARS} letters, digits, dots, dashes and underscores.",
            )
        secret = _new_secret()
        added = self._db.execute(
            "INSERT INTO clients (id, may_listen, secret_hash, created_at_s)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (client_id, may_listen, digest(secret.reveal()), self._now_s()),
        )
        if not added.changed:
            raise UsageError(
                f"There is a client {client_id} already.",
                "Choose another id, or rotate its secret.",
            )
        return secret

    def rotate(self, client_id: str, grace_s: float = 0.0) -> Secret:
        """Give a client a new secret; the old one, with its tokens, is good for `grace_s` more.

        Raise UsageError if there is no such client.
        """
        secret = _new_secret()
        now_s = self._now_s()
        changed = self._db.execute(
            "UPDATE clients SET old_hash = secret_hash, old_until_s = ?, secret_hash = ?,"
            " rotated_at_s = ? WHERE id = ?",
            (now_s + grace_s, digest(secret.reveal()), now_s, client_id),
        )
        _require(changed.changed == 1, client_id)
        return secret

    def remove(self, client_id: str) -> None:
        """Remove a client; raise UsageError if there is none."""
        removed = self._db.execute("DELETE FROM clients WHERE id = ?", (client_id,))
        _require(removed.changed == 1, client_id)

    def rows(self) -> Sequence[ClientRow]:
        """Return all clients by id."""
        rows = self._db.execute(
            "SELECT id, may_listen, created_at_s, rotated_at_s, old_until_s FROM clients"
            " ORDER BY id"
        )
        now_s = self._now_s()
        return [
            ClientRow(
                Client(client_id, bool(may_listen)),
                created_at_s,
                rotated_at_s,
                old_until_s if old_until_s is not None and old_until_s > now_s else None,
            )
            for client_id, may_listen, created_at_s, rotated_at_s, old_until_s in rows.rows
        ]

    def take_over(self, others: Clients) -> None:
        """Add all clients of another library, with the hashes of their secrets."""
        columns = "id, secret_hash, old_hash, old_until_s, created_at_s, rotated_at_s, may_listen"
        rows = others._db.execute(f"SELECT {columns} FROM clients").rows  # noqa: S608 - ours
        self._db.executemany(
            f"INSERT INTO clients ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
            [(*row[:-1], bool(row[-1])) for row in rows],
        )

    def get(self, client_id: str) -> Client | None:
        """Return a client as it is now, None if there is none."""
        row = self._db.execute("SELECT may_listen FROM clients WHERE id = ?", (client_id,)).first
        return Client(client_id, bool(row[0])) if row else None

    def good_hashes(self, client_id: str) -> tuple[bytes, ...]:
        """Return the `digest` of the client's secret.

        And of the old one, too, for as long as `rotate` said.
        """
        row = self._db.execute(
            "SELECT secret_hash, old_hash, old_until_s FROM clients WHERE id = ?", (client_id,)
        ).first
        if row is None:
            return ()
        current, old, old_until_s = row
        is_old_good = old_until_s is not None and self._now_s() < old_until_s
        return (current, old) if old is not None and is_old_good else (current,)


def _new_secret() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def _require(is_there: bool, client_id: str) -> None:
    if not is_there:
        raise UsageError(
            f"There is no client {plain_text(client_id, 80)}.",
            "`callplayer serve clients list` shows them.",
        )
