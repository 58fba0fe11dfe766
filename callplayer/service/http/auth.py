"""Which client a bearer token is for, and what it may do."""

from __future__ import annotations

import time
from collections.abc import Callable

from callplayer.service.http.bearer import BearerTokens, ClientCredentials, TokenState
from callplayer.service.library.clients import MAX_SECRET_CHARS, Client, Clients, digest


class Authenticator:
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
