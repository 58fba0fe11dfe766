"""The JSON that the API takes and gives. The OpenAPI document takes its schemas from here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from callplayer.recordings.facts import CallerLocation, IncidentFacts
from callplayer.recordings.recording import Recording

SCOPE = "incident_events"
BEARER: Final = "Bearer"

Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$",
        examples=["2024-01-15 10:30:00 UTC"],
    ),
]

OAuthCode = Literal[
    "invalid_request",
    "invalid_client",
    "unsupported_grant_type",
    "invalid_scope",
    "temporarily_unavailable",
]


def _described(description: str, **schema: Any) -> Meta:
    """Return what the document says of a field; decoding does not check it."""
    return Meta(description=description, extra_json_schema=schema or None)


class _RequestBody(msgspec.Struct, frozen=True):
    """What a client sends; its repr shows no secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class _AnswerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the service answers, with all of its fields; its repr shows no secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class SignInRequest(_RequestBody, frozen=True):
    """OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    grant_type: Annotated[str, Meta(extra_json_schema={"const": "client_credentials"})]
    client_id: Annotated[str, _described("needed unless HTTP Basic names it")] = ""
    client_secret: str = ""
    scope: str = SCOPE


class TokenAnswer(_AnswerBody, frozen=True):
    """A bearer token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Meta(ge=1, description="seconds")]
    scope: str


class OAuthError(_AnswerBody, frozen=True):
    """Why a sign-in was refused (RFC 6749, 5.2)."""

    error: OAuthCode
    error_description: str


class IncidentAnswer(_AnswerBody, frozen=True):
    """An incident in the vendor's words."""

    id: str
    caller_phone_number: Annotated[str, _described("E.164, or empty if it is not known")]
    is_audio_live: bool
    audio_call_ended_at: Moment | None
    created_at: Moment
    updated_at: Moment
    caller_location: CallerLocation | None

    @classmethod
    def of(cls, recording: Recording, now_s: float) -> IncidentAnswer:
        """Return the incident as it is at `now_s` of the monotonic clock."""
        live = recording.is_live(now_s)
        created = _moment(recording.created_at)
        ended = _moment(
            recording.ended_at or recording.created_at + timedelta(seconds=recording.duration_s)
        )
        return cls(
            id=recording.id,
            caller_phone_number=recording.facts.caller_phone_number,
            is_audio_live=live,
            audio_call_ended_at=None if live else ended,
            created_at=created,
            updated_at=created if live else ended,
            caller_location=recording.facts.caller_location,
        )


class IncidentsAnswer(_AnswerBody, frozen=True):
    """One page of incidents."""

    data: Annotated[list[IncidentAnswer], Meta(max_length=100)]
    next: Annotated[int | None, _described("the next page's number, null on the last")]


class StreamRequest(_RequestBody, frozen=True):
    """How a stream is opened."""

    autoplay: Annotated[
        bool, _described("true: begin at the most recent position; false: paused at 0:00")
    ] = True
    participant_id: Annotated[
        str | None,
        _described(
            "the listener's identity in the room, by which it finds its stream again; without one"
            " it is made up",
            minLength=1,
            maxLength=128,
        ),
    ] = None


class StreamAnswer(_AnswerBody, frozen=True):
    """A token for one LiveKit room and one participant in it."""

    token: Annotated[str, _described("a LiveKit token")]
    url: Annotated[str | None, _described("the LiveKit server's address")]


class IngestRequest(_RequestBody, frozen=True):
    """A new live call: whether its parties publish a track each, and what is known of it."""

    parties: Literal["two", "mixed"] = "two"
    incident: IncidentFacts = IncidentFacts()


class IngestAnswer(_AnswerBody, frozen=True):
    """A room in which a live call is published, and a token for each party."""

    incident_id: str
    url: Annotated[str, _described("the LiveKit server's address")]
    room: str
    tokens: Annotated[
        dict[str, Annotated[str, _described("a LiveKit token that may publish")]],
        Meta(extra_json_schema={"propertyNames": {"enum": ["caller", "callTaker", "call"]}}),
    ]
    publish_within_s: Annotated[float, _described("else the room is closed again")]


class HealthAnswer(_AnswerBody, frozen=True):
    """Whether each part of the service works."""

    status: Literal["ok", "failing"]
    checks: dict[str, bool]


class Problem(_AnswerBody, frozen=True):
    """Problem details (RFC 9457); they hold no secret."""

    type: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
    title: str
    status: int
    detail: str


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
