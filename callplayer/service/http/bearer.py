"""The bearer tokens of the HTTP API, and the credentials of the environment."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from callplayer.config import Secret

if TYPE_CHECKING:
    pass


DEFAULT_BEARER_TTL_S = 7200.0

MAX_BEARER_TOKENS = 10_000

EXPIRED_KNOWN_S = 3600.0
"""How long a token is known to have expired; later it is unknown."""

TokenState = Literal["good", "expired", "unknown"]


@dataclass(frozen=True)
class ClientCredentials:
    """A client whose secret is known in memory only: from the environment, or generated."""

    client_id: str
    client_secret: Secret

    @classmethod
    def generate(cls) -> ClientCredentials:
        """Return new ones that cannot be guessed."""
        return cls(f"callplayer-{secrets.token_hex(4)}", Secret(secrets.token_urlsafe(32)))

    def match(self, client_id: str, client_secret: str) -> bool:
        """Return whether both are right, in a time that does not depend on how wrong they are."""
        id_is_right = _same(client_id, self.client_id)
        secret_is_right = _same(client_secret, self.client_secret.reveal())
        return id_is_right and secret_is_right


@dataclass(frozen=True)
class Holder:
    """The holder of a token: a client, and the hash of the secret that it signed in with."""

    client_id: str
    secret_hash: bytes


class BearerTokens:
    """The access tokens given out, each with its holder; only hashes are kept."""

    def __init__(self, ttl_s: float = DEFAULT_BEARER_TTL_S, most: int = MAX_BEARER_TOKENS) -> None:
        self.ttl_s = ttl_s
        self._most = most
        self._given: dict[bytes, tuple[float, Holder]] = {}

    def issue(self, now_s: float, client_id: str = "", secret_hash: bytes = b"") -> str:
        """Return a new token, good for `ttl_s`; beyond `most` the oldest ends early."""
        forgotten_s = now_s - EXPIRED_KNOWN_S
        self._given = {k: entry for k, entry in self._given.items() if entry[0] > forgotten_s}
        while len(self._given) >= self._most:
            del self._given[next(iter(self._given))]
        token = secrets.token_urlsafe(32)
        self._given[_digest(token)] = (now_s + self.ttl_s, Holder(client_id, secret_hash))
        return token

    def holder_of(self, token: str, now_s: float) -> Holder | None:
        """Return the holder of `token`; None if it is unknown or expired."""
        entry = self._given.get(_digest(token))
        return entry[1] if entry is not None and now_s < entry[0] else None

    def is_good(self, token: str, now_s: float) -> bool:
        """Return whether `token` was given out here and has not expired."""
        return self.state(token, now_s) == "good"

    def state(self, token: str, now_s: float) -> TokenState:
        """Return whether `token` is good, has expired, or was never (or too long ago) given out."""
        entry = self._given.get(_digest(token))
        if entry is None:
            return "unknown"
        return "good" if now_s < entry[0] else "expired"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(_digest(given), _digest(right))
