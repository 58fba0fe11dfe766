"""The vendor's HTTP API: sign in, list incidents, ask for a stream token."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any
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
from callplayer.vendor.answers import Answer, checked, read, succeeded, whole
from callplayer.vendor.connect_error import unreachable
from callplayer.vendor.http import (
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

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
REFRESH_BEFORE_S = 120.0
MAX_REDIRECTS = 5
NOT_READY = (202, 204, 404, 409, 425, 429, 503)
"""What a stream token is answered with while a known call's stream is being prepared."""

LISTED_PAGES = 20
"""How many pages of the list are looked through for one incident."""


class ApiClient:
    """One signed-in client of the API. Use as `async with ApiClient(settings) as client:`.

    `signed_in` is set once the API has given a token. `clock` is the monotonic clock in s.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
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
        incident = read(parse_incident, answer.body)
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
        return read(lambda body: parse_incident_page(body, answer.headers), answer.body)

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
                retry_after_s=answer.retry_after_s,
                status=answer.status,
            )
        return read(parse_stream_grant, checked(answer).body)

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

    async def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Answer:
        return checked(await self._send_signed(method, path, content))

    async def _send_signed(
        self, method: str, path: str, content: dict[str, Any] | None = None
    ) -> Answer:
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
            if self._token is None or self._clock() > self._token_until_s:
                self._token = await self._sign_in()
                self.signed_in.set()
                lasts_s = self._token.expires_in_s
                self._token_until_s = self._clock() + max(lasts_s - REFRESH_BEFORE_S, lasts_s / 2)
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
        if answer.status in (400, 401, 403):
            raise SignInRefusedError(
                f"Sign-in was refused ({answer.status}).",
                "Check CALLPLAYER_CLIENT_ID and CALLPLAYER_CLIENT_SECRET.",
            )
        done = succeeded(
            answer,
            "Sign-in was answered with",
            "the sign-in",
            "Check CALLPLAYER_API_URL; try again.",
        )
        return read(parse_access_token, done.body)

    async def _send(
        self, method: str, path: str, content: dict[str, Any] | None, headers: dict[str, str]
    ) -> Answer:
        """Send one request; follow 307 and 308 to the same origin, and nothing to any other."""
        url = self._settings.api_url + path
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with self._client.stream(
                    method, url, json=content, headers=headers
                ) as response:
                    body = await whole(response, self._clock)
                answer = Answer(response.status_code, body, response.headers)
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
        root = str(httpx.URL(self._settings.api_url)).rstrip("/")
        base = f"{root}/v1/incident_events"
        url = base if not link else _same_origin(base, link)
        if url is None or not url.startswith(f"{root}/"):
            raise ElsewhereError
        return url.removeprefix(root)


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


def _incident_path(incident_id: str) -> str:
    try:
        segment = quote(incident_id, safe="")
    except UnicodeEncodeError:
        segment = ""
    # A dot segment would be taken out of the path, and another address be asked.
    if segment in ("", ".", ".."):
        raise IncidentNotFoundError("That is no incident id.", "`callplayer list` prints them.")
    return f"/v1/incident_events/{segment}"
