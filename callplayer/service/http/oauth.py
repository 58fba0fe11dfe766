"""`POST /oauth/token`: OAuth 2.0 client credentials (RFC 6749, 4.4), as JSON or as a form.

The vendor's clients send JSON; what other OAuth libraries send, a form and HTTP Basic, is read too.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import logging
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from callplayer.service.http.auth import WRONG_SECRETS, Authenticator, Limiter
from callplayer.service.http.bodies import (
    BEARER,
    SCOPE,
    OAuthCode,
    OAuthError,
    SignInRequest,
    TokenAnswer,
)
from callplayer.service.http.metrics import Metrics
from callplayer.service.http.operations import FORM
from callplayer.service.http.problems import NO_STORE, json_answer, read_body, retry_after

MAX_FIELDS = 20

log = logging.getLogger("callplayer.service")


class SignIn:
    """Answers sign-ins. `clock` is monotonic, in s."""

    def __init__(
        self, access: Authenticator, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._clock = clock
        self._wrong = Limiter(WRONG_SECRETS)

    async def answer(self, request: Request) -> Response:
        """Answer a sign-in."""
        address = _network(request.client.host if request.client else "")
        header = request.headers.get("authorization", "")
        basic = _basic(header) if header[:6].lower() == "basic " else None
        try:
            asked = _read(request.headers.get("content-type", ""), await read_body(request))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            return _error(400, "invalid_request", "client_id, client_secret, grant_type are needed")
        if basic is not None and asked.client_secret:
            return _error(400, "invalid_request", "authenticate in one way only")
        client_id, secret = basic or (asked.client_id, asked.client_secret)
        if not client_id and basic is None:
            return _error(400, "invalid_request", "client_id, client_secret, grant_type are needed")
        if asked.grant_type != "client_credentials":
            return _error(400, "unsupported_grant_type", "only client_credentials")
        return self._issue(client_id, secret, asked.scope, address, is_basic=basic is not None)

    def _issue(
        self, client_id: str, secret: str, scope: str, address: str, *, is_basic: bool
    ) -> Response:
        # By address and client: a client cannot be locked out from elsewhere.
        key, now_s = (address, client_id[:256]), self._clock()
        wait_s = self._wrong.wait_s(key, now_s)
        if wait_s:
            return _too_often(wait_s)
        token = self._access.sign_in(client_id, secret)
        if token is None:
            self._wrong.take(key, now_s)
            self._metrics.sign_ins_refused.inc()
            log.warning("a sign-in with wrong credentials was refused")
            headers = {"WWW-Authenticate": 'Basic realm="callplayer"'} if is_basic else {}
            return _error(401, "invalid_client", "unknown client or wrong secret", headers)
        if scope.split() not in ([], [SCOPE]):
            return _error(400, "invalid_scope", f"only {SCOPE}")
        self._metrics.sign_ins.inc()
        answer = TokenAnswer(
            access_token=token,
            token_type=BEARER,
            expires_in=max(round(self._access.token_ttl_s), 1),
            scope=SCOPE,
        )
        return json_answer(answer, headers=NO_STORE)


def _read(content_type: str, body: bytes) -> SignInRequest:
    """Return what was asked; raise ValueError or a msgspec or Unicode error for anything else."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        return msgspec.json.decode(body, type=SignInRequest)
    pairs = parse_qsl(
        body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
    )
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return msgspec.convert(fields, SignInRequest)


def _basic(header: str) -> tuple[str, str]:
    """Return id and secret of HTTP Basic, both empty if they cannot be read."""
    try:
        text = base64.b64decode(header[6:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _network(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64 if parsed.version == 6 else 32), strict=False))


def _too_often(wait_s: float) -> Response:
    headers = retry_after(wait_s)
    return _error(429, "temporarily_unavailable", "too many sign-ins; wait a little", headers)


def _error(
    status: int, error: OAuthCode, description: str, headers: dict[str, str] | None = None
) -> Response:
    content = OAuthError(error=error, error_description=description)
    return json_answer(content, status, headers=NO_STORE | (headers or {}))
