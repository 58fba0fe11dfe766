"""The vendor's HTTP API: sign in, list incidents, ask for a stream token."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import httpx

from callplayer import __version__
from callplayer.config import Settings
from callplayer.errors import (
    CallplayerError,
    IncidentNotFoundError,
    NotReadyError,
    SignInRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.text import plain_text
from callplayer.vendor.connect_error import unreachable
from callplayer.vendor.http import (
    MAX_HTTP_BYTES,
    AccessToken,
    Incident,
    StreamGrant,
    parse_access_token,
    parse_incident,
    parse_stream_grant,
    says_not_yet,
)
from callplayer.vendor.incident_list import ElsewhereError, IncidentList
from callplayer.vendor.paging import IncidentPage, parse_incident_page
from callplayer.vendor.values import WireError

LOG = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
REFRESH_BEFORE_S = 120.0
MAX_REDIRECTS = 5
NOT_READY = (202, 204, 404, 409, 425, 429, 503)
"""What a stream token is answered with while a known call's stream is being prepared."""

FOR_GOOD = (501, 505)
"""What a server answers with that will not do it a moment later, either."""

WHOLE_ANSWER_S = 30.0
LISTED_PAGES = 20
"""So many pages of the list are looked through for one incident."""


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


class ApiClient:
    """One signed-in client of the API. Use as `async with Access(settings) as access:`.

    `signed_in` is set once the API has given a token.
    """

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
        self._known: set[str] = set()
        self.signed_in = asyncio.Event()
        self._token_until_s = 0.0
        self._signing_in = asyncio.Lock()

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def incident(self, incident_id: str) -> Incident:
        """Return one incident; raise IncidentNotFoundError if there is none of that id."""
        answer = await self._ask("GET", _incident_path(incident_id))
        incident = _read(parse_incident, answer.body)
        self._known.add(incident_id)
        return incident

    def incident_list(self) -> IncidentList:
        """Return the list of incidents, with none of its pages loaded yet."""
        return IncidentList(self._incident_page)

    async def incidents(self) -> list[Incident]:
        """Return the incidents of the list's first page."""
        return list((await self._incident_page("")).incidents)

    async def _incident_page(self, link: str) -> IncidentPage:
        answer = await self._ask("GET", self._page_path(link))
        return _read(lambda body: parse_incident_page(body, answer.headers), answer.body)

    async def stream_grant(self, incident_id: str, *, autoplay: bool) -> StreamGrant:
        """Return a LiveKit token for one incident.

        Raise IncidentNotFoundError if it is unknown, NotReadyError if it is known and its stream
        is not there yet.
        """
        path = _incident_path(incident_id)
        answer = await self._send_signed("POST", f"{path}/stream_token", {"autoplay": autoplay})
        is_empty = answer.status < 300 and says_not_yet(answer.body)
        if answer.status in NOT_READY or is_empty:
            with contextlib.suppress(WireError):
                if answer.status < 300:  # a 202 may bring the token all the same
                    return parse_stream_grant(answer.body)
            await self._check_known(incident_id)
            raise NotReadyError(
                f"The API answered {answer.status}.",
                wanted="the call's stream",
                retry_after_s=retry_after_s(answer.headers, datetime.now(UTC)),
                status=answer.status,
            )
        return _read(parse_stream_grant, _checked(answer).body)

    async def _check_known(self, incident_id: str) -> None:
        """Raise IncidentNotFoundError or SignInRefusedError if the incident itself is refused."""
        if incident_id in self._known:
            return
        try:
            await self.incident(incident_id)
        except IncidentNotFoundError:
            # An API may have its incidents in the list only.
            if not await self._is_listed(incident_id):
                raise
            self._known.add(incident_id)
        except UnreachableError as error:
            LOG.info("whether the incident is known is not said: %s", error.what)

    async def _is_listed(self, incident_id: str) -> bool:
        listed = self.incident_list()
        with contextlib.suppress(CallplayerError):
            for _ in range(LISTED_PAGES):
                await listed.load_more()
                if listed.ended or any(each.id == incident_id for each in listed.incidents):
                    break
        return any(each.id == incident_id for each in listed.incidents)

    async def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> _Answer:
        return _checked(await self._send_signed(method, path, content))

    async def _send_signed(
        self, method: str, path: str, content: dict[str, Any] | None = None
    ) -> _Answer:
        for attempt in (1, 2):
            token = await self.bearer()
            answer = await self._send(method, path, content, {"Authorization": f"Bearer {token}"})
            if answer.status != 401 or attempt == 2:
                break
            self.renew()
        return answer

    def renew(self) -> None:
        """Have a new token made the next time: the last one was refused."""
        self._token = None

    async def bearer(self) -> str:
        """Return an access token that is good now; raise CallplayerError if there is none."""
        async with self._signing_in:
            if self._token is None or time.monotonic() > self._token_until_s:
                self._token = await self._sign_in()
                self.signed_in.set()
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
        answer = await self._send(
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
        status = answer.status
        if status in (400, 401, 403):
            raise SignInRefusedError(
                f"Sign-in was refused ({status}).",
                "Check CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET.",
            )
        wait_s = retry_after_s(answer.headers, datetime.now(UTC))
        if status in (429, 503):
            raise NotReadyError(
                f"Sign-in was answered with {status}.",
                wanted="the sign-in",
                retry_after_s=wait_s,
                status=status,
            )
        if not 200 <= status < 300:
            raise UnreachableError(
                f"Sign-in was answered with {status}.",
                "Check CALLPLAYER_API_URL; try again.",
                retry_after_s=wait_s,
                status=status,
                may_pass=_may_pass(status),
            )
        return _read(parse_access_token, answer.body)

    async def _send(
        self, method: str, path: str, content: dict[str, Any] | None, headers: dict[str, str]
    ) -> _Answer:
        """Send one request; follow 307 and 308 to the same origin, and nothing to any other."""
        url = self._settings.api_url + path
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with self._client.stream(
                    method, url, json=content, headers=headers
                ) as response:
                    answer = _Answer(response.status_code, await _whole(response), response.headers)
                moved = _same_origin(url, answer.headers.get("location", ""))
                if answer.status not in (307, 308) or moved is None:
                    break
                url = moved
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            LOG.info("%s %s: %s", method, plain_text(path), type(error).__name__)
            raise unreachable(self._settings.api_url, error) from error
        return answer

    def _page_path(self, link: str) -> str:
        """Return a page's path on the same API; a link to elsewhere is not followed."""
        base = self._settings.api_url + "/v1/incident_events"
        url = base if not link else _same_origin(base, link)
        root = self._settings.api_url + "/"
        if url is None or not url.startswith(root):
            raise ElsewhereError
        return url.removeprefix(self._settings.api_url)


def _checked(answer: _Answer) -> _Answer:
    """Return an answer that is a success; raise what any other means."""
    status = answer.status
    if status in (401, 403):
        raise SignInRefusedError(
            f"The API refuses this client ({status}).",
            "Check what the client id may do, or ask the vendor.",
        )
    if status in (404, 410):
        raise IncidentNotFoundError(
            "There is no such incident.", "`callplayer list` prints those there are."
        )
    wait_s = retry_after_s(answer.headers, datetime.now(UTC))
    if status in (429, 503):
        raise NotReadyError(
            f"The API answered {status}.", wanted="the API", retry_after_s=wait_s, status=status
        )
    if not 200 <= status < 300:
        raise UnreachableError(
            f"The API answered {status}.",
            "Try again; if it stays, ask the vendor.",
            retry_after_s=wait_s,
            status=status,
            may_pass=_may_pass(status),
        )
    return answer


def _may_pass(status: int) -> bool:
    return status >= 500 and status not in FOR_GOOD


def _same_origin(base: str, location: str) -> str | None:
    """Return where `location` leads from `base`; None if that is another origin or no address."""
    try:
        here, there = httpx.URL(base), httpx.URL(urljoin(base, location))
    except (httpx.InvalidURL, ValueError):
        return None
    if not location or there.userinfo:
        return None
    same = (there.scheme, there.host, there.port) == (here.scheme, here.host, here.port)
    return str(there) if same else None


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long an answer asks to be left alone: a number of s or a date (RFC 9110, 10.2.3).

    0.0 if it asks for nothing, or for what is not understood.
    """
    after = headers.get("retry-after", "")[:40].strip()
    if after.isascii() and after.isdigit():
        return float(after)
    try:
        at = parsedate_to_datetime(after)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)  # as asctime has it
        return max((at - now).total_seconds(), 0.0)
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
        raise IncidentNotFoundError("That is no incident id.", "`callplayer list` prints them.")
    return f"/v1/incident_events/{segment}"


def _read(parse: Callable[[bytes], T], body: bytes) -> T:
    try:
        return parse(body)
    except WireError as error:
        raise UnreachableError(
            f"The API answered in a way that is not understood: {error}.",
            "Check CALLPLAYER_API_URL.",
        ) from error
