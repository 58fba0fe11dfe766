"""The clients that may sign in: their ids, the hashes of their secrets, and what they may do.

A secret is never chosen by a person: it is 256 random bits. So a plain SHA-256 keeps it as safe as
scrypt would (there is nothing to guess faster), and a flood of sign-ins costs no processor time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.tokens import BearerTokens, ClientCredentials, TokenState
from callplayer.text import plain_text

MAX_ID_CHARS = 64
MAX_SECRET_CHARS = 256


@dataclass(frozen=True)
class Client:
    """Who signed in. `may_listen` False: it may read incidents and words, but open no stream."""

    id: str
    may_listen: bool = True


@dataclass(frozen=True)
class ClientRow:
    """A client as it is kept, without its secret; times in s since 1970."""

    client: Client
    created_at_s: float
    rotated_at_s: float | None
    old_secret_until_s: float | None


class Clients:
    """The clients in a library's database. `wall_clock` tells s since 1970."""

    def __init__(
        self, connection: sqlite3.Connection, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._db = connection
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
        try:
            self._db.execute(
                "INSERT INTO clients (id, may_listen, secret_hash, created_at_s)"
                " VALUES (?, ?, ?, ?)",
                (client_id, may_listen, digest(secret.reveal()), self._now_s()),
            )
        except sqlite3.IntegrityError:
            raise UsageError(
                f"There is a client {client_id} already.",
                "Choose another id, or rotate its secret.",
            ) from None
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
        _require(changed.rowcount == 1, client_id)
        return secret

    def remove(self, client_id: str) -> None:
        """Remove a client; raise UsageError if there is none."""
        removed = self._db.execute("DELETE FROM clients WHERE id = ?", (client_id,))
        _require(removed.rowcount == 1, client_id)

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
            for client_id, may_listen, created_at_s, rotated_at_s, old_until_s in rows
        ]

    def get(self, client_id: str) -> Client | None:
        """Return a client as it is now, None if there is none."""
        row = self._db.execute(
            "SELECT may_listen FROM clients WHERE id = ?", (client_id,)
        ).fetchone()
        return Client(client_id, bool(row[0])) if row else None

    def match(self, client_id: str, secret: str) -> bool:
        """Tell whether the client's secret is `secret`, or was until just now (see `rotate`)."""
        return self.match_hash(client_id, digest(secret))

    def match_hash(self, client_id: str, given: bytes) -> bool:
        """Tell the same of a secret by its `digest`."""
        row = self._db.execute(
            "SELECT secret_hash, old_hash, old_until_s FROM clients WHERE id = ?", (client_id,)
        ).fetchone()
        current, old, old_until_s = row or (b"", None, None)
        # Both are always compared, so that the time tells nothing.
        is_current = hmac.compare_digest(given, current)
        is_old = hmac.compare_digest(given, old or b"")
        return is_current or (is_old and old_until_s is not None and self._now_s() < old_until_s)


class Access:
    """Who may use the service now: clients sign in for bearer tokens, which name them later.

    A token ends with its client, and with the secret that it was got with.
    `fixed` are the credentials of the environment, or generated ones; `clock` is monotonic, in s.
    """

    def __init__(
        self,
        bearer: BearerTokens,
        *,
        fixed: ClientCredentials | None = None,
        clients: Clients | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bearer = bearer
        self._fixed = fixed
        self._clients = clients
        self._clock = clock
        self.token_ttl_s = bearer.ttl_s

    def sign_in(self, client_id: str, secret: str) -> str | None:
        """Return a bearer token, None if the client or its secret is wrong."""
        if len(client_id) > MAX_SECRET_CHARS or len(secret) > MAX_SECRET_CHARS:
            return None
        # A client of the library with the id of the fixed one is shadowed: an id is one client.
        if self._fixed is not None and client_id == self._fixed.client_id:
            is_right = self._fixed.match(client_id, secret)
        else:
            is_right = self._clients is not None and self._clients.match(client_id, secret)
        if not is_right:
            return None
        return self._bearer.issue(self._clock(), client_id, digest(secret))

    def client_of(self, token: str) -> Client | None:
        """Return whose token this is; None for one that is wrong, has expired or was ended."""
        holder = self._bearer.holder_of(token, self._clock())
        if holder is None:
            return None
        is_fixed = self._fixed is not None and holder.client_id == self._fixed.client_id
        is_kept = self._clients is not None and self._clients.match_hash(
            holder.client_id, holder.secret_hash
        )
        return self._client(holder.client_id) if is_fixed or is_kept else None

    def may_listen(self, client_id: str) -> bool:
        """Tell whether there is such a client now, and it may open streams."""
        client = self._client(client_id)
        return client is not None and client.may_listen

    def is_good(self, token: str) -> bool:
        """Tell whether somebody may use this token now."""
        return self.client_of(token) is not None

    def token_state(self, token: str) -> TokenState:
        """Tell whether a token may be used now, has expired, or says nothing to us."""
        state = self._bearer.state(token, self._clock())
        return "unknown" if state == "good" and not self.is_good(token) else state

    def _client(self, client_id: str) -> Client | None:
        if self._fixed is not None and client_id == self._fixed.client_id:
            return Client(client_id)
        return self._clients.get(client_id) if self._clients is not None else None


def digest(text: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _new_secret() -> Secret:
    return Secret(secrets.token_urlsafe(32))


def _require(is_there: bool, client_id: str) -> None:
    if not is_there:
        raise UsageError(
            f"There is no client {plain_text(client_id, 80)}.",
            "`callplayer serve clients list` shows them.",
        )
