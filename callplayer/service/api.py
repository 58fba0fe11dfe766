"""The vendor's HTTP API over our recordings: sign in, list and read incidents, open a stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from callplayer.errors import CallplayerError
from callplayer.service.library import Library
from callplayer.service.recordings import Recording
from callplayer.service.streams import TooManyStreamsError
from callplayer.service.tokens import BearerTokens, ClientCredentials
from callplayer.text import plain_text
from callplayer.wire import StreamGrant

MAX_BODY_BYTES = 16_384
SCOPE = "incident_events"

log = logging.getLogger("callplayer.service")


class StreamOpener(Protocol):
    """What the API needs of `Streams`."""

    async def open(
        self, incident_id: str, *, autoplay: bool, participant_id: str | None = None
    ) -> StreamGrant:
        """Return the token of a new stream."""


class _SignIn(msgspec.Struct, frozen=True):
    grant_type: str
    client_id: str
    client_secret: str
    scope: str = SCOPE


class _StreamRequest(msgspec.Struct, frozen=True):
    autoplay: bool = True
    participant_id: str | None = None


class Api:
    """The four routes, and `routes` beside them. `clock` reads the monotonic clock in s."""

    def __init__(
        self,
        credentials: ClientCredentials,
        bearer: BearerTokens,
        library: Library,
        streams: StreamOpener,
        *,
        clock: Callable[[], float] = time.monotonic,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        self._credentials = credentials
        self._bearer = bearer
        self._library = library
        self._streams = streams
        self._clock = clock
        self._routes = tuple(routes)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        incident = "/v1/incident_events/{incident_id}"
        routes = [
            Route("/oauth/token", self._sign_in, methods=["POST"]),
            Route("/v1/incident_events", self._signed_in(self._list), methods=["GET"]),
            Route(incident, self._signed_in(self._read), methods=["GET"]),
            Route(f"{incident}/stream_token", self._signed_in(self._open_stream), methods=["POST"]),
            *self._routes,
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={HTTPException: _told_problem, Exception: _unexpected_problem},
        )
        app.router.redirect_slashes = False
        return app

    async def _sign_in(self, request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await _body(request), type=_SignIn)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _oauth_error(400, "invalid_request", "client_id, client_secret, grant_type")
        if asked.grant_type != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "only client_credentials")
        if not self._credentials.match(asked.client_id, asked.client_secret):
            log.warning("a sign-in with wrong credentials was refused")
            return _oauth_error(401, "invalid_client", "unknown client or wrong secret")
        if asked.scope != SCOPE:
            return _oauth_error(400, "invalid_scope", f"only {SCOPE}")
        answer = {
            "access_token": self._bearer.issue(self._clock()),
            "token_type": "Bearer",
            "expires_in": max(round(self._bearer.ttl_s), 1),
        }
        return _json(answer, headers={"Cache-Control": "no-store"})

    async def _list(self, request: Request) -> Response:
        page_text = request.query_params.get("page", "1")
        page = int(page_text) if page_text.isascii() and page_text.isdigit() else 0
        if not 1 <= page <= 1_000_000:
            raise HTTPException(422, "page is a number from 1 on")
        now_s = self._clock()
        found = self._library.list(page=page, now_s=now_s)
        data = [describe(recording, now_s) for recording in found.recordings]
        return _json({"data": data, "next": found.next_page})

    async def _read(self, request: Request) -> Response:
        return _json(describe(self._recording(request), self._clock()))

    async def _open_stream(self, request: Request) -> Response:
        recording = self._recording(request)
        try:
            asked = msgspec.json.decode(await _body(request) or b"{}", type=_StreamRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise HTTPException(422, "autoplay is a boolean, participant_id a text") from None
        participant_id = asked.participant_id
        if participant_id is not None and not _is_identity(participant_id):
            raise HTTPException(422, "participant_id has 1 to 128 printable characters")
        try:
            grant = await self._streams.open(
                recording.id, autoplay=asked.autoplay, participant_id=participant_id
            )
        except TooManyStreamsError as error:
            raise HTTPException(429, error.what, {"Retry-After": "60"}) from error
        except CallplayerError as error:
            log.error("no stream: %s %s", error.what, error.hint)
            raise HTTPException(503, "the stream cannot be opened now") from error
        return _json(
            {"token": grant.token, "url": grant.url}, headers={"Cache-Control": "no-store"}
        )

    def _signed_in(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self._bearer.is_good(token, self._clock()):
                raise HTTPException(
                    401,
                    "the bearer token is missing, wrong or expired",
                    {"WWW-Authenticate": "Bearer"},
                )
            return await handler(request)

        return checked

    def _recording(self, request: Request) -> Recording:
        recording = self._library.get(request.path_params["incident_id"])
        if recording is None:
            raise HTTPException(404, "there is no incident of that id")
        return recording


def describe(recording: Recording, now_s: float) -> dict[str, Any]:
    """Return the incident in the vendor's words, as it is at `now_s` of the monotonic clock."""
    live = recording.is_live(now_s)
    ended_at = recording.ended_at or recording.created_at + timedelta(seconds=recording.duration_s)
    created = format_datetime(recording.created_at)
    return {
        "id": recording.id,
        "caller_phone_number": recording.facts.caller_phone_number,
        "is_audio_live": live,
        "audio_call_ended_at": None if live else format_datetime(ended_at),
        "created_at": created,
        "updated_at": created if live else format_datetime(ended_at),
        "caller_location": recording.facts.caller_location,
    }


def format_datetime(moment: datetime) -> str:
    """Return the vendor's way to write a time: `2024-01-15 10:30:00 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _is_identity(text: str) -> bool:
    return 1 <= len(text) <= 128 and plain_text(text, 128) == text and text.isprintable()


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a body has {MAX_BODY_BYTES} bytes at most")
    return bytes(body)


def _json(
    content: object, status: int = 200, *, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def _oauth_error(status: int, error: str, description: str) -> Response:
    content = {"error": error, "error_description": description}
    return _json(content, status, headers={"Cache-Control": "no-store"})


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    body = msgspec.json.encode({"type": "about:blank", "status": status, "title": detail})
    return Response(body, status, headers, media_type="application/problem+json")


async def _told_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, error.detail, error.headers)


async def _unexpected_problem(_request: Request, _error: Exception) -> Response:
    return _problem(500, "the service failed; its log says more")
