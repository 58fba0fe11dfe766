"""The vendor's HTTP API over our catalog: sign in, list and read incidents, open a stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from callplayer.errors import (
    CallplayerError,
    DrainingError,
    ParticipantTakenError,
    SoundNotReadyError,
    TooManyStreamsError,
)
from callplayer.recordings.recording import Recording
from callplayer.service.catalog import Catalog, LibraryError
from callplayer.service.clients import Client
from callplayer.service.http import operations
from callplayer.service.http.auth import REQUESTS, Authenticator, Limiter
from callplayer.service.http.bodies import (
    HealthAnswer,
    IncidentAnswer,
    IncidentsAnswer,
    StreamAnswer,
    StreamRequest,
)
from callplayer.service.http.metrics import CONTENT_TYPE, Metrics
from callplayer.service.http.oauth import SignIn
from callplayer.service.http.openapi import document
from callplayer.service.http.peers import Peers
from callplayer.service.http.problems import (
    NO_STORE,
    json_answer,
    problem,
    problem_of,
    read_body,
    retry_after,
    unavailable_problem,
    unexpected_problem,
)
from callplayer.text import plain_text
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.times import parse_datetime

log = logging.getLogger("callplayer.service")

Handler = Callable[[Request, Client], Awaitable[Response]]
Health = Callable[[], Awaitable[Mapping[str, bool]]]


class StreamOpener(Protocol):
    """What the API needs of `Streams`."""

    async def open(
        self,
        recording: Recording,
        *,
        autoplay: bool,
        participant_id: str | None = None,
        client_id: str = "",
        is_wanted: Callable[[], Awaitable[bool]],
    ) -> StreamGrant:
        """Return the token of a new stream, or of what the client's participant has already.

        `is_wanted` returns whether who asked still waits for the answer.
        """


async def _nothing_to_check() -> Mapping[str, bool]:
    return {}


class Api:
    """The routes of the contract, health and metrics, and `routes` beside them.

    `open_ingest` answers a client that asks for an ingest room; without it there is no such route.
    `clock` is monotonic, in s. `health` returns of each part whether it works. `api_url` is what
    clients call, for the OpenAPI document. `peers` are the other services of the library.
    """

    def __init__(
        self,
        access: Authenticator,
        catalog: Catalog,
        streams: StreamOpener,
        *,
        clock: Callable[[], float] = time.monotonic,
        routes: Sequence[BaseRoute] = (),
        open_ingest: Handler | None = None,
        metrics: Metrics | None = None,
        health: Health = _nothing_to_check,
        peers: Peers | None = None,
        api_url: str = "/",
    ) -> None:
        self._access = access
        self._catalog = catalog
        self._streams = streams
        self._clock = clock
        self._routes = tuple(routes)
        self._metrics = metrics or Metrics()
        self._health = health
        self._peers = peers
        self._open_ingest = open_ingest
        self._document = msgspec.json.encode(document(api_url, ingest=open_ingest is not None))
        self._requests = Limiter(REQUESTS)

    def app(self) -> Starlette:
        """Return the ASGI application."""
        sign_in = SignIn(self._access, self._metrics, self._clock)
        routes = [
            operations.SIGN_IN.route(sign_in.answer),
            operations.LIST.route(self._signed_in(self._list)),
            operations.READ.route(self._signed_in(self._read)),
            operations.OPEN_STREAM.route(self._signed_in(self._open_stream)),
            operations.METRICS.route(self._signed_in(self._read_metrics)),
            operations.HEALTH.route(self._read_health),
            operations.DOCUMENT.route(self._read_document),
        ]
        if self._open_ingest is not None:
            routes.append(operations.OPEN_INGEST.route(self._signed_in(self._open_ingest)))
        app = Starlette(
            routes=[*routes, *self._routes],
            exception_handlers={
                HTTPException: problem_of,
                LibraryError: unavailable_problem,
                Exception: unexpected_problem,
            },
        )
        app.router.redirect_slashes = False
        return app

    async def _list(self, request: Request, _client: Client) -> Response:
        asked = request.query_params
        page_text = asked.get("page", "1")
        page = int(page_text[:20]) if page_text.isascii() and page_text.isdigit() else 0
        if not 1 <= page <= operations.MAX_PAGE:
            raise HTTPException(422, "page is a number from 1 on")
        live_text = asked.get("is_audio_live")
        if live_text not in (None, "true", "false"):
            raise HTTPException(422, "is_audio_live is true or false")
        now_s = self._clock()
        found = self._catalog.list(
            is_audio_live=None if live_text is None else live_text == "true",
            since=_moment(asked.get("since"), "since"),
            until=_moment(asked.get("until"), "until"),
            page=page,
            now_s=now_s,
        )
        data = [IncidentAnswer.of(recording, now_s) for recording in found.recordings]
        return json_answer(IncidentsAnswer(data=data, next=found.next_page))

    async def _read(self, request: Request, _client: Client) -> Response:
        return json_answer(IncidentAnswer.of(self._recording(request), self._clock()))

    async def _open_stream(self, request: Request, client: Client) -> Response:
        recording = self._recording(request)
        if not client.may_listen:
            raise HTTPException(403, "this client may not listen")
        body = await read_body(request) or b"{}"
        try:
            asked = msgspec.json.decode(body, type=StreamRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise HTTPException(422, "autoplay is a boolean, participant_id a text") from None
        participant = asked.participant_id
        if participant is not None and not _is_identity(participant):
            raise HTTPException(422, "participant_id has 1 to 128 printable characters")
        if self._peers is not None:
            answer = await self._peers.answer(request, body, client.id, recording, participant)
            if answer is not None:
                return answer
        try:
            grant = await self._opened(request, recording, asked, client)
        except SoundNotReadyError:
            return problem(202, "the sound is still being read; ask again", retry_after(1.0))
        return json_answer(StreamAnswer(token=grant.token, url=grant.url), headers=NO_STORE)

    async def _opened(
        self, request: Request, recording: Recording, asked: StreamRequest, client: Client
    ) -> StreamGrant:
        async def is_wanted() -> bool:
            return not await request.is_disconnected()

        try:
            return await self._streams.open(
                recording,
                autoplay=asked.autoplay,
                participant_id=asked.participant_id,
                client_id=client.id,
                is_wanted=is_wanted,
            )
        except ParticipantTakenError as error:
            raise HTTPException(409, "another client listens under this participant_id") from error
        except TooManyStreamsError as error:
            raise HTTPException(429, error.what, {"Retry-After": "60"}) from error
        except DrainingError as error:
            raise HTTPException(503, error.what, retry_after(1.0)) from error
        except (LibraryError, SoundNotReadyError):
            raise
        except CallplayerError as error:
            log.error("no stream: %s %s", error.what, error.hint)
            raise HTTPException(503, "the stream cannot be opened now") from error

    async def _read_metrics(self, _request: Request, _client: Client) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _read_health(self, _request: Request) -> Response:
        checks = dict(await self._health())
        works = all(checks.values())
        answer = HealthAnswer(status="ok" if works else "failing", checks=checks)
        return json_answer(answer, 200 if works else 503, headers=NO_STORE)

    async def _read_document(self, _request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    def _signed_in(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            client = self._access.client_of(token) if scheme.lower() == "bearer" else None
            if client is None:
                raise HTTPException(
                    401,
                    "the bearer token is missing, wrong or expired",
                    {"WWW-Authenticate": "Bearer"},
                )
            wait_s = self._requests.take(client.id, self._clock())
            if wait_s:
                return problem(429, "too many requests; wait a little", retry_after(wait_s))
            return await handler(request, client)

        return checked

    def _recording(self, request: Request) -> Recording:
        recording = self._catalog.get(request.path_params["incident_id"])
        if recording is None:
            raise HTTPException(404, "there is no incident of that id")
        return recording


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    if "T" in text and not text.endswith("UTC"):
        text = text.replace(" ", "+")  # a + that was not escaped
    moment = parse_datetime(text)
    if moment is None:
        raise HTTPException(422, f"{name} is a time such as 2024-01-15T10:30:00Z")
    return moment


def _is_identity(text: str) -> bool:
    return 1 <= len(text) <= 128 and plain_text(text, 128) == text and text.isprintable()
