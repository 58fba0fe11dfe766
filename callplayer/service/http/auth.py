"""Which client a bearer token is for, what it may do, and how often it may ask."""

from __future__ import annotations

import contextlib
import hmac
import os
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.catalog import LibraryError
from callplayer.service.clients import MAX_SECRET_CHARS, Client, ClientStore, digest
from callplayer.service.http.bearer import BearerTokens, ClientCredentials, TokenState

MAX_KEYS = 10_000


class Authenticator:
    """The clients that may use the service: they sign in for bearer tokens, which name them later.

    A token ends with its client, and with the secret that it was got with.
    `fixed` are the credentials of the environment, or generated ones. `clock` is the wall clock of
    all services that take each other's tokens, in s.
    """

    def __init__(
        self,
        bearer: BearerTokens,
        *,
        fixed: ClientCredentials | None = None,
        clients: ClientStore | None = None,
        clock: Callable[[], float] = time.time,
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
        given = digest(secret)
        is_right = [hmac.compare_digest(given, each) for each in self._good_hashes(client_id)]
        return self._bearer.issue(self._clock(), client_id, given) if any(is_right) else None

    def client_of(self, token: str) -> Client | None:
        """Return the client of a token; None for one that is wrong, has expired or was ended."""
        holder = self._bearer.holder_of(token, self._clock())
        if holder is None:
            return None
        seals = map(self._bearer.seal, self._good_hashes(holder.client_id))
        is_right = [hmac.compare_digest(holder.seal, each) for each in seals]
        return self._client(holder.client_id) if any(is_right) else None

    def may_listen(self, client_id: str) -> bool:
        """Return whether there is such a client now, and it may open streams."""
        client = self._client(client_id)
        return client is not None and client.may_listen

    def is_good(self, token: str) -> bool:
        """Return whether this token may be used now."""
        return self.client_of(token) is not None

    def token_state(self, token: str) -> TokenState:
        """Return whether a token may be used now, has expired, or is unknown."""
        state = self._bearer.state(token, self._clock())
        try:
            return "unknown" if state == "good" and not self.is_good(token) else state
        except LibraryError:  # who listens goes on, and is looked at again later
            return state

    def _good_hashes(self, client_id: str) -> tuple[bytes, ...]:
        # A client of the library with the id of the fixed one is shadowed: an id is one client.
        if self._fixed is not None and client_id == self._fixed.client_id:
            return (digest(self._fixed.client_secret.reveal()),)
        return self._clients.good_hashes(client_id) if self._clients is not None else ()

    def _client(self, client_id: str) -> Client | None:
        if self._fixed is not None and client_id == self._fixed.client_id:
            return Client(client_id)
        return self._clients.get(client_id) if self._clients is not None else None


def credentials_from_environment() -> ClientCredentials | None:
    """Return the environment's; None if there are none. Raise UsageError for half of them."""
    client_id = os.environ.get("CALLPLAYER_SERVE_CLIENT_ID", "")
    client_secret = os.environ.get("CALLPLAYER_SERVE_CLIENT_SECRET", "")
    if bool(client_id) != bool(client_secret):
        raise UsageError(
            "Only one of the client id and the client secret is set.",
            "Set CALLPLAYER_SERVE_CLIENT_ID and CALLPLAYER_SERVE_CLIENT_SECRET, or neither.",
        )
    return ClientCredentials(client_id, Secret(client_secret)) if client_id else None


@contextlib.contextmanager
def generated_credentials(api_url: str) -> Iterator[tuple[ClientCredentials, Path]]:
    """Give new ones, in a config.toml for the player that is removed at the end."""
    credentials = ClientCredentials.generate()
    with tempfile.TemporaryDirectory(prefix="callplayer-serve-") as folder:
        path = Path(folder) / "config.toml"
        path.touch(mode=0o600)
        path.write_text(
            f'api_url = "{api_url}"\n'
            f'client_id = "{credentials.client_id}"\n'
            f'client_secret = "{credentials.client_secret.reveal()}"\n'
        )
        yield credentials, path


@dataclass(frozen=True)
class Rate:
    """`burst` at once, and `per_s` more each second."""

    per_s: float
    burst: int


REQUESTS = Rate(per_s=20.0, burst=100)
WRONG_SECRETS = Rate(per_s=0.2, burst=10)


class Limiter:
    """A bucket for each key. Beyond `most` keys the one asked for longest ago is forgotten."""

    def __init__(self, rate: Rate, most: int = MAX_KEYS) -> None:
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now_s: float) -> float:
        """Take one for `key` and return 0, or return in how many s there is one again."""
        wait_s = self.wait_s(key, now_s)
        if wait_s == 0.0:
            self._buckets[key] = (self._level(key, now_s) - 1.0, now_s)
            self._buckets.move_to_end(key)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return wait_s

    def wait_s(self, key: Hashable, now_s: float) -> float:
        """Return in how many s there is one for `key`; 0: there is one now."""
        return max((1.0 - self._level(key, now_s)) / self._rate.per_s, 0.0)

    def _level(self, key: Hashable, now_s: float) -> float:
        level, at_s = self._buckets.get(key, (float(self._rate.burst), now_s))
        return min(level + max(now_s - at_s, 0.0) * self._rate.per_s, float(self._rate.burst))
