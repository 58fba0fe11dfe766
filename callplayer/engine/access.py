"""The vendor's HTTP API: sign in, list incidents, ask for a stream token."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import httpx

from callplayer import __version__
from callplayer.config import Settings
from callplayer.engine.why import unreachable
from callplayer.errors import (
    IncidentNotFoundError,
    SignInRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.text import plain_text
from callplayer.wire import (
    MAX_HTTP_BYTES,
    AccessToken,
    Incident,
    StreamGrant,
    WireError,
    parse_access_token,
    parse_incident,
    parse_incident_page,
    parse_stream_grant,
)

LOG = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
REFRESH_BEFORE_S = 120.0
MAX_PAGES = 20
MAX_PAGE_DIGITS = 12
WHOLE_ANSWER_S = 30.0


class Access:
    """One signed-in client of the API. Use as `async with Access(settings) as access:`."""

    def __init__(
        self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT,
            transport=transport,
            headers={"User-Agent": f"callplayer/{__version__}", "Accept": "application/json"},
            follow_redirects=False,
        )
        self._token: AccessToken | None = None
        self._token_until_s = 0.0
        self._signing_in = asyncio.Lock()

    async def __aenter__(self) -> Access:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def incident(self, incident_id: str) -> Incident:
        """Return one incident; raise IncidentNotFoundError if there is none of that id."""
        body = await self._ask("GET", _incident_path(incident_id))
        return _read(parse_incident, body)

    async def incidents(self) -> list[Incident]:
        """Return all incidents that the API lists, newest pages first as it gives them."""
        path, found = "/v1/incident_events", list[Incident]()
        for _ in range(MAX_PAGES):
            page = _read(parse_incident_page, await self._ask("GET", path))
            found.extend(page.incidents)
            if page.next_page is None or not page.incidents:
                break
            path = self._next_path(page.next_page)
        return found

    async def stream_grant(self, incident_id: str, *, autoplay: bool) -> StreamGrant:
        """Return a LiveKit token for one incident; raise IncidentNotFoundError if it is unknown."""
        body = await self._ask(
            "POST", f"{_incident_path(incident_id)}/stream_token", {"autoplay": autoplay}
        )
        return _read(parse_stream_grant, body)

    async def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> bytes:
        for attempt in (1, 2):
            token = await self.bearer()
            status, body, headers = await self._send(
                method, path, content, {"Authorization": f"Bearer {token}"}
            )
            if status != 401 or attempt == 2:
                break
            self.renew()
        if status in (401, 403):
            raise SignInRefusedError(
                f"The API refuses this client ({status}).",
                "Check what the client id may do, or ask the vendor.",
            )
        if status in (404, 410):
            raise IncidentNotFoundError(
                "There is no such incident.", "`callplayer list` shows those that there are."
            )
        if status >= 300:
            raise UnreachableError(
                f"The API answered {status}.",
                "Try again; if it stays, ask the vendor.",
                retry_after_s=retry_after_s(headers, datetime.now(UTC)),
            )
        return body

    def renew(self) -> None:
        """Have a new token made the next time: the last one was refused."""
        self._token = None

    async def bearer(self) -> str:
        """Return an access token that is good now; raise CallplayerError if there is none."""
        async with self._signing_in:
            if self._token is None or time.monotonic() > self._token_until_s:
                self._token = await self._sign_in()
                lasts_s = self._token.expires_in_s
                self._token_until_s = time.monotonic() + max(
                    lasts_s - REFRESH_BEFORE_S, lasts_s / 2
                )
            return self._token.value

    async def _sign_in(self) -> AccessToken:
        settings = self._settings
        if not settings.client_id or not settings.client_secret:
            raise UsageError(
                "There are no credentials to sign in with.",
                "Set CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET, or put client_id and "
                "client_secret in config.toml.",
            )
        status, body, headers = await self._send(
            "POST",
            "/oauth/token",
            {
                "client_id": settings.client_id,
                "client_secret": settings.client_secret.reveal(),
                "grant_type": "client_credentials",
                "scope": "incident_events",
            },
            {},
        )
        if status in (400, 401, 403):
            raise SignInRefusedError(
                f"Sign-in was refused ({status}).",
                "Check CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET.",
            )
        if status != 200:
            raise UnreachableError(
                f"Sign-in was answered with {status}.",
                "Check CALLPLAYER_API_URL; try again.",
                retry_after_s=retry_after_s(headers, datetime.now(UTC)),
            )
        return _read(parse_access_token, body)

    async def _send(
        self, method: str, path: str, content: dict[str, Any] | None, headers: dict[str, str]
    ) -> tuple[int, bytes, httpx.Headers]:
        try:
            async with self._client.stream(
                method, self._settings.api_url + path, json=content, headers=headers
            ) as answer:
                return answer.status_code, await _whole(answer), answer.headers
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            LOG.info("%s %s: %s", method, plain_text(path), type(error).__name__)
            raise unreachable(self._settings.api_url, error) from error

    def _next_path(self, next_page: str) -> str:
        """Return the next page's path on the same API; a link to elsewhere is not followed."""
        if next_page.isascii() and next_page.isdigit() and len(next_page) < MAX_PAGE_DIGITS:
            return f"/v1/incident_events?page={next_page}"
        base = self._settings.api_url + "/v1/incident_events"
        try:
            url = str(httpx.URL(urljoin(base, next_page)))
        except (httpx.InvalidURL, ValueError):
            url = ""
        if not url.startswith(self._settings.api_url + "/"):
            raise UnreachableError("The list of incidents goes on elsewhere.", "Ask the vendor.")
        return url.removeprefix(self._settings.api_url)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long an answer asks to be left alone: a number of s or a date (RFC 9110, 10.2.3).

    0.0 if it asks for nothing, or for what is not understood.
    """
    told = headers.get("retry-after", "")[:40].strip()
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        return max((parsedate_to_datetime(told) - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


async def _whole(answer: httpx.Response) -> bytes:
    """Return the answer's body; raise UnreachableError if it is too large or never ends."""
    body = bytearray()
    until_s = time.monotonic() + WHOLE_ANSWER_S
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_HTTP_BYTES or time.monotonic() > until_s:
            raise UnreachableError(
                "The API's answer is larger or slower than any it should give.",
                "Check CALLPLAYER_API_URL.",
            )
    return bytes(body)


def _incident_path(incident_id: str) -> str:
    try:
        segment = quote(incident_id, safe="")
    except UnicodeEncodeError:
        segment = ""
    # A dot segment would be taken out of the path, and another address be asked.
    if segment in ("", ".", ".."):
        raise IncidentNotFoundError("That is no incident id.", "`callplayer list` shows some.")
    return f"/v1/incident_events/{segment}"


def _read(parse: Callable[[bytes], T], body: bytes) -> T:
    try:
        return parse(body)
    except WireError as error:
        raise UnreachableError(
            f"The API answered in a way that is not understood: {error}.",
            "Check CALLPLAYER_API_URL.",
        ) from error
