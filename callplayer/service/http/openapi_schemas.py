"""The JSON that the API takes and gives, as JSON Schema for the OpenAPI document."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _all_required(**properties: Json) -> Json:
    return _closed(tuple(properties), properties)


def _closed(required: tuple[str, ...], properties: Json) -> Json:
    return _open(required, properties) | {"additionalProperties": False}


def _open(required: tuple[str, ...], properties: Json) -> Json:
    schema: Json = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


_TEXT = {"type": "string"}
_MOMENT = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$",
    "examples": ["2024-01-15 10:30:00 UTC"],
}
_LOCATION = _closed(
    ("lat", "lng"),
    {
        "lat": {"type": "number", "description": "degrees"},
        "lng": {"type": "number", "description": "degrees"},
        "class_of_service": _TEXT,
        "created_at": _TEXT,
        "source": _TEXT,
    },
)

SCHEMAS: Json = {
    "SignIn": _open(
        ("grant_type",),
        {
            "grant_type": {"type": "string", "const": "client_credentials"},
            "client_id": _TEXT | {"description": "needed unless HTTP Basic tells it"},
            "client_secret": _TEXT,
            "scope": {"type": "string", "default": "incident_events"},
        },
    ),
    "AccessToken": _all_required(
        access_token=_TEXT,
        token_type={"type": "string", "const": "Bearer"},
        expires_in={"type": "integer", "minimum": 1, "description": "seconds"},
        scope=_TEXT,
    ),
    "OAuthError": _all_required(
        error={
            "type": "string",
            "enum": [
                "invalid_request",
                "invalid_client",
                "unsupported_grant_type",
                "invalid_scope",
                "temporarily_unavailable",
            ],
        },
        error_description=_TEXT,
    ),
    "Incident": _all_required(
        id=_TEXT,
        caller_phone_number=_TEXT | {"description": "E.164, or empty if it is not known"},
        is_audio_live={"type": "boolean"},
        audio_call_ended_at={"anyOf": [_MOMENT, {"type": "null"}]},
        created_at=_MOMENT,
        updated_at=_MOMENT,
        caller_location={"anyOf": [_LOCATION, {"type": "null"}]},
    ),
    "IncidentPage": _all_required(
        data={
            "type": "array",
            "maxItems": 100,
            "items": {"$ref": "#/components/schemas/Incident"},
        },
        next={
            "type": ["integer", "null"],
            "description": "the next page's number, null on the last",
        },
    ),
    "StreamRequest": _open(
        (),
        {
            "autoplay": {
                "type": "boolean",
                "default": True,
                "description": "true: begin at the most recent position; false: paused at 0:00",
            },
            "participant_id": {
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": 128,
                "description": "the listener's identity in the room, by which it finds its stream"
                " again; without one it is made up",
            },
        },
    ),
    "StreamGrant": _all_required(
        token=_TEXT | {"description": "a LiveKit token"},
        url={"type": ["string", "null"], "description": "the LiveKit server's address"},
    ),
    "IngestRequest": _open(
        (),
        {
            "parties": {"type": "string", "enum": ["two", "mixed"], "default": "two"},
            "incident": _open(
                (),
                {
                    "caller_phone_number": _TEXT | {"description": "E.164"},
                    "created_at": _TEXT,
                    "caller_location": {"anyOf": [_LOCATION, {"type": "null"}]},
                },
            ),
        },
    ),
    "IngestRoom": _all_required(
        incident_id=_TEXT,
        url=_TEXT | {"description": "the LiveKit server's address"},
        room=_TEXT,
        tokens={
            "type": "object",
            "propertyNames": {"enum": ["caller", "callTaker", "call"]},
            "additionalProperties": _TEXT | {"description": "a LiveKit token that may publish"},
        },
        publish_within_s={"type": "number", "description": "else the room is closed again"},
    ),
    "Health": _all_required(
        status={"type": "string", "enum": ["ok", "failing"]},
        checks={"type": "object", "additionalProperties": {"type": "boolean"}},
    ),
    "Problem": _all_required(
        type={"type": "string", "format": "uri-reference"},
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
    ),
}
