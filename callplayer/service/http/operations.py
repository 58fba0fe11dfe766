"""The operations of the API: a route is made of one, and the OpenAPI document describes it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callplayer.service.http.bodies import (
    HealthAnswer,
    IncidentAnswer,
    IncidentsAnswer,
    IngestAnswer,
    IngestRequest,
    OAuthError,
    SignInRequest,
    StreamAnswer,
    StreamRequest,
    TokenAnswer,
)
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB

MAX_PAGE = 1_000_000
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

Answer = tuple[str, Any]
"""What an answer means, and the type of its body; a `str` is sent as plain text."""


@dataclass(frozen=True)
class Query:
    """A parameter of the query; `schema` is a type that msgspec can describe."""

    name: str
    description: str
    schema: Any


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    `answers` are by status; `problems` are the statuses that come with problem details. A body of
    the type `body` is needed if `needs_body`.
    """

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    problems: tuple[int, ...]
    description: str = ""
    queries: tuple[Query, ...] = ()
    body: type | None = None
    body_types: tuple[str, ...] = (JSON,)
    needs_body: bool = False
    is_public: bool = False

    @property
    def path_parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    def route(self, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        """Return the route on which `handler` answers."""
        return Route(self.path, handler, methods=[self.method])


_INCIDENTS = "/v1/incident_events"
_INCIDENT = f"{_INCIDENTS}/{{incident_id}}"
_Time = Annotated[str, Meta(examples=["2024-01-15T10:30:00Z", "2024-01-15 10:30:00 UTC"])]
_Page = Annotated[int, Meta(ge=1, le=MAX_PAGE, extra_json_schema={"default": 1})]

SIGN_IN = Operation(
    "POST",
    "/oauth/token",
    "signIn",
    "Sign in: OAuth 2.0 client credentials, in the body or by HTTP Basic.",
    {
        200: ("A bearer token.", TokenAnswer),
        400: ("What OAuth 2.0 says (RFC 6749, 5.2).", OAuthError),
        401: ("The client or its secret is wrong.", OAuthError),
        429: ("Too many sign-ins with a wrong secret.", OAuthError),
    },
    (408, 413, 500, 503),
    body=SignInRequest,
    body_types=(JSON, FORM),
    needs_body=True,
    is_public=True,
)
LIST = Operation(
    "GET",
    _INCIDENTS,
    "listIncidents",
    "List incidents, the newest first, 100 a page.",
    {200: ("One page.", IncidentsAnswer)},
    (401, 422, 429, 500, 503),
    queries=(
        Query("page", "Which page; `next` of the page before.", _Page),
        Query("is_audio_live", "Only live calls, or only ended ones.", bool),
        Query("since", "Created then or later.", _Time),
        Query("until", "Created before then: that moment itself is not in it.", _Time),
    ),
)
READ = Operation(
    "GET",
    _INCIDENT,
    "readIncident",
    "Read one incident.",
    {200: ("The incident as it is now.", IncidentAnswer)},
    (401, 404, 429, 500, 503),
)
OPEN_STREAM = Operation(
    "POST",
    f"{_INCIDENT}/stream_token",
    "openStream",
    "Open a stream: a token for one LiveKit room and one participant in it.",
    {200: ("The token.", StreamAnswer)},
    (202, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503),
    description="The room is heard and steered by the vendor's commands on its data channel:"
    " `pause`, `resume`, `scrub`, `scrub-to-end`, `set-gain`. A gain is held inside"
    f" {GAIN_MIN_DB:+.0f} to {GAIN_MAX_DB:+.0f} dB, a position inside the call. A client that asks"
    " again for the same incident with the same `participant_id` gets the stream that is there, as"
    " it was left, up to 60 s after the last listener has gone. 202 says that the sound is still"
    " being read: ask again after `Retry-After`.",
    body=StreamRequest,
)
OPEN_INGEST = Operation(
    "POST",
    "/ingest/calls",
    "openIngestRoom",
    "Open a LiveKit room in which the parties of a new live call publish.",
    {201: ("The room, and a token for each party.", IngestAnswer)},
    (401, 403, 408, 413, 422, 429, 500, 503),
    body=IngestRequest,
)
METRICS = Operation(
    "GET",
    "/metrics",
    "readMetrics",
    "Counters and gauges in Prometheus' text format.",
    {200: ("All metrics.", str)},
    (401, 429, 500, 503),
)
HEALTH = Operation(
    "GET",
    "/health",
    "readHealth",
    "Whether the parts of the service work.",
    {200: ("All work.", HealthAnswer), 503: ("One does not.", HealthAnswer)},
    (500,),
    is_public=True,
)
DOCUMENT = Operation(
    "GET",
    "/openapi.json",
    "readDocument",
    "This document.",
    {200: ("The document.", dict)},
    (500,),
    is_public=True,
)

OPERATIONS = (SIGN_IN, LIST, READ, OPEN_STREAM, METRICS, HEALTH, DOCUMENT)
