"""The OpenAPI 3.1 document of the API, as it is served at `/openapi.json`."""

from __future__ import annotations

from typing import Any

from callplayer import __version__
from callplayer.service.bots.presence import DEFAULT_IDLE_S
from callplayer.service.http.openapi_schemas import SCHEMAS
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB

Json = dict[str, Any]

_PROBLEMS = {
    "401": "The bearer token is missing, wrong or expired, or its client was removed or given"
    " another secret.",
    "403": "This client may read incidents and their words, and nothing else (`--no-audio`).",
    "404": "There is no incident of that id.",
    "408": "The body did not come within 10 s.",
    "409": "Another client was given a token for this incident and `participant_id`, and that token"
    " is still good. Choose another `participant_id`.",
    "413": "The body is larger than 16,384 bytes.",
    "422": "A parameter or the body is not what it should be; `detail` says which.",
    "429": "The client asks too often, or as many streams or ingest rooms are open as may be"
    " at once.",
    "500": "The service failed.",
    "503": "The stream cannot be opened now; the service's log says why.",
}


def document(api_url: str, *, ingest: bool = False) -> Json:
    """Return the document of an API that clients reach at `api_url`, with or without ingest."""
    extra = {"/ingest/calls": {"post": _ingest()}} if ingest else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "callplayer replay service",
            "version": __version__,
            "summary": "Recorded and live emergency calls over LiveKit.",
            "description": "The call vendor's partner API, over recordings of one's own. Words come"
            " over the web socket `/cable`, which speaks Action Cable.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": api_url}],
        "security": [{"client": ["incident_events"]}],
        "paths": {
            "/oauth/token": {"post": _sign_in()},
            "/v1/incident_events": {"get": _list()},
            "/v1/incident_events/{incident_id}": {"parameters": [_INCIDENT_ID], "get": _read()},
            "/v1/incident_events/{incident_id}/stream_token": {
                "parameters": [_INCIDENT_ID],
                "post": _stream_token(),
            },
            "/metrics": {"get": _metrics()},
            "/health": {"get": _health()},
            "/openapi.json": {"get": _itself()},
            **extra,
        },
        "components": {
            "schemas": SCHEMAS,
            "headers": {"RetryAfter": _RETRY_AFTER},
            "securitySchemes": {
                "client": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": f"{api_url.rstrip('/')}/oauth/token",
                            "scopes": {"incident_events": "All that the API does."},
                        }
                    },
                }
            },
        },
    }


_STREAM = (
    "The room is heard and steered by the vendor's commands on its data channel: `pause`, `resume`,"
    f" `scrub`, `scrub-to-end`, `set-gain`. A gain is held inside {GAIN_MIN_DB:+.0f} to"
    f" {GAIN_MAX_DB:+.0f} dB, a position inside the call. Who asks again for the same incident with"
    f" the same `participant_id` gets the stream that is there, as it was left, up to"
    f" {DEFAULT_IDLE_S:.0f} s after the last listener has gone."
)
_INCIDENT_ID = {
    "name": "incident_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
}
_RETRY_AFTER = {
    "description": "After how many seconds to ask again.",
    "schema": {"type": "integer", "minimum": 1},
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _told(description: str, schema: str, media_type: str = "application/json") -> Json:
    return {"description": description, "content": {media_type: {"schema": _ref(schema)}}}


def _problem(status: str) -> Json:
    told = _told(_PROBLEMS[status], "Problem", "application/problem+json")
    if status == "429":
        told["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    if status == "401":
        told["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return told


def _problems(*statuses: str) -> Json:
    return {status: _problem(status) for status in statuses}


def _query(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _sign_in() -> Json:
    refused = _told("What OAuth 2.0 says (RFC 6749, 5.2).", "OAuthError")
    too_often = refused | {
        "description": "Too many sign-ins with a wrong secret.",
        "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    }
    return {
        "operationId": "signIn",
        "summary": "Sign in: OAuth 2.0 client credentials, in the body or by HTTP Basic.",
        "security": [],
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": _ref("SignIn")}
                for media_type in ("application/json", "application/x-www-form-urlencoded")
            },
        },
        "responses": {
            "200": _told("A bearer token.", "AccessToken"),
            "400": refused,
            "401": refused | {"description": "The client or its secret is wrong."},
            "429": too_often,
            **_problems("408", "413", "500"),
        },
    }


def _list() -> Json:
    time = {"type": "string", "examples": ["2024-01-15T10:30:00Z", "2024-01-15 10:30:00 UTC"]}
    page = {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1}
    return {
        "operationId": "listIncidents",
        "summary": "List incidents, the newest first, 100 a page.",
        "parameters": [
            _query("page", "Which page; `next` of the page before.", page),
            _query("is_audio_live", "Only live calls, or only ended ones.", {"type": "boolean"}),
            _query("since", "Created then or later.", time),
            _query("until", "Created before then: that moment itself is not in it.", time),
        ],
        "responses": {
            "200": _told("One page.", "IncidentPage"),
            **_problems("401", "422", "429", "500"),
        },
    }


def _read() -> Json:
    return {
        "operationId": "readIncident",
        "summary": "Read one incident.",
        "responses": {
            "200": _told("The incident as it is now.", "Incident"),
            **_problems("401", "404", "429", "500"),
        },
    }


def _stream_token() -> Json:
    statuses = ("401", "403", "404", "408", "409", "413", "422", "429", "500", "503")
    return {
        "operationId": "openStream",
        "summary": "Open a stream: a token for one LiveKit room and one participant in it.",
        "description": _STREAM,
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": _ref("StreamRequest")}},
        },
        "responses": {"200": _told("The token.", "StreamGrant"), **_problems(*statuses)},
    }


def _ingest() -> Json:
    return {
        "operationId": "openIngestRoom",
        "summary": "Open a LiveKit room in which the parties of a new live call publish.",
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": _ref("IngestRequest")}},
        },
        "responses": {
            "201": _told("The room, and a token for each party.", "IngestRoom"),
            **_problems("401", "403", "408", "413", "422", "429", "500", "503"),
        },
    }


def _metrics() -> Json:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "readMetrics",
        "summary": "Counters and gauges in Prometheus' text format.",
        "responses": {
            "200": {"description": "All metrics.", "content": text},
            **_problems("401", "429", "500"),
        },
    }


def _health() -> Json:
    return {
        "operationId": "readHealth",
        "summary": "Whether the parts of the service work.",
        "security": [],
        "responses": {
            "200": _told("All work.", "Health"),
            "503": _told("One does not.", "Health"),
            **_problems("500"),
        },
    }


def _itself() -> Json:
    whole = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "readDocument",
        "summary": "This document.",
        "security": [],
        "responses": {
            "200": {"description": "The document.", "content": whole},
            **_problems("500"),
        },
    }
