"""The bearer tokens of the HTTP API, and the credentials of the environment."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

import jwt

from callplayer.config import Secret

DEFAULT_BEARER_TTL_S = 7200.0

MAX_TOKEN_CHARS = 4096
ALGORITHM = "HS256"

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


@dataclass(frozen=True)
class Holder:
    """The holder of a token: a client, and the seal of the secret that it signed in with."""

    client_id: str
    seal: str


class BearerTokens:
    """Access tokens: JSON Web Tokens (RFC 7519) that every holder of `key` can check. None is kept.

    Without a `key` one is made, and the tokens end with this process.
    """

    def __init__(self, ttl_s: float = DEFAULT_BEARER_TTL_S, key: bytes | None = None) -> None:
        self.ttl_s = ttl_s
        self._key = key or secrets.token_bytes(32)

    def issue(self, now_s: float, client_id: str = "", secret_hash: bytes = b"") -> str:
        """Return a new token, good for `ttl_s`; `now_s` is the wall clock."""
        claims = {
            "sub": client_id,
            "exp": now_s + self.ttl_s,
            "seal": self.seal(secret_hash),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._key, ALGORITHM)

    def seal(self, secret_hash: bytes) -> str:
        """Return what a token shows of a secret: which it was, to those who have the key only."""
        return hmac.new(self._key, secret_hash, hashlib.sha256).hexdigest()

    def holder_of(self, token: str, now_s: float) -> Holder | None:
        """Return the holder of `token`; None if it is unknown or expired."""
        found = self._read(token)
        return found[1] if found is not None and now_s < found[0] else None

    def state(self, token: str, now_s: float) -> TokenState:
        """Return whether `token` is good, has expired, or was never signed with this key."""
        found = self._read(token)
        if found is None:
            return "unknown"
        return "good" if now_s < found[0] else "expired"

    def _read(self, token: str) -> tuple[float, Holder] | None:
        if len(token) > MAX_TOKEN_CHARS:
            return None
        try:
            # Its end is judged by the caller's clock.
            claims = jwt.decode(token, self._key, [ALGORITHM], options={"verify_exp": False})
            return float(claims["exp"]), Holder(str(claims["sub"]), str(claims["seal"]))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
            return None
