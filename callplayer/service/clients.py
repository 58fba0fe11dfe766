"""A client of the service, and what signing in asks of the place where clients are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

MAX_SECRET_CHARS = 256


@dataclass(frozen=True)
class Client:
    """A client. `may_listen` False: it may read incidents and words, but open no stream."""

    id: str
    may_listen: bool = True


class ClientStore(Protocol):
    """The clients that may sign in, wherever they are kept."""

    def get(self, client_id: str) -> Client | None:
        """Return a client as it is now, None if there is none."""

    def good_hashes(self, client_id: str) -> tuple[bytes, ...]:
        """Return the `digest` of the client's secret, and of its old one while that is good."""


def digest(secret: str) -> bytes:
    """Return what is kept of a secret.

    A secret is never chosen by a person: it is 256 random bits. So a plain SHA-256 keeps it as safe
    as scrypt would (there is nothing to guess faster), and a flood of sign-ins costs no processor
    time.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
