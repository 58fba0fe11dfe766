"""The vendor's JSON to typed values and back. Pure: no network, no clock.

All that the vendor leaves unknown (field names, wrappers, how parties are named) is read tolerantly
here and nowhere else. Sizes are capped before anything is parsed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

MAX_STATUS_BYTES = 15_000
MAX_COMMAND_BYTES = 15_000
MAX_HTTP_BYTES = 4_000_000
MAX_CALL_MS = 7 * 24 * 3600 * 1000
MAX_TOKEN_S = 30 * 24 * 3600
FIRST_YEAR, LAST_YEAR = 2, 9998
"""Times outside are taken for none: in another time zone, or a call later, no calendar has them."""

GAIN_MIN_DB = -40.0
GAIN_MAX_DB = 20.0

CallerType = Literal["caller", "callTaker"]
Party = Literal["caller", "callTaker", "call"]
"""`caller` and `callTaker` are the vendor's words; `call` is both in one mixed track."""


class WireError(ValueError):
    """A message that is not what the contract says. Its text holds nothing of the message."""


# --- commands, player to server -------------------------------------------------------------------


class Pause(msgspec.Struct, frozen=True, tag_field="cmd", tag="pause"):
    """Pause playback."""


class Resume(msgspec.Struct, frozen=True, tag_field="cmd", tag="resume"):
    """Resume playback."""


class Scrub(msgspec.Struct, frozen=True, tag_field="cmd", tag="scrub"):
    """Move the cursor to `position` ms from the start of the call."""

    position: int


class ScrubToEnd(msgspec.Struct, frozen=True, tag_field="cmd", tag="scrub-to-end"):
    """Jump to the live position, or to the end of a recorded call."""


class SetGain(msgspec.Struct, frozen=True, tag_field="cmd", tag="set-gain"):
    """Set one party's volume to `gain` dB."""

    gain: float
    callerType: CallerType


Command = Pause | Resume | Scrub | ScrubToEnd | SetGain


class _LooseScrub(msgspec.Struct, frozen=True, tag_field="cmd", tag="scrub"):
    position: float


_LooseCommand = Pause | Resume | _LooseScrub | ScrubToEnd | SetGain
_command_decoder: msgspec.json.Decoder[_LooseCommand] = msgspec.json.Decoder(_LooseCommand)
_encoder = msgspec.json.Encoder()


def encode_command(command: Command) -> bytes:
    """Return the command as the vendor's JSON, UTF-8, no extra fields."""
    return _encoder.encode(command)


def decode_command(payload: bytes) -> Command:
    """Return the command in `payload`; raise WireError for anything else.

    A position with a fraction is rounded to ms: JavaScript clients send floats. Positions are held
    inside 0…MAX_CALL_MS and gains inside GAIN_MIN_DB…GAIN_MAX_DB; what is no number of that kind
    at all, such as 1e300 ms, is refused.
    """
    if len(payload) > MAX_COMMAND_BYTES:
        raise WireError(f"a command of {len(payload)} bytes; {MAX_COMMAND_BYTES} are the most")
    try:
        command = _command_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("not a command of the contract") from error
    if isinstance(command, _LooseScrub):
        if not abs(command.position) <= MAX_CALL_MS:
            raise WireError("a scrub position out of all range")
        return Scrub(max(0, round(command.position)))
    if isinstance(command, SetGain):
        return SetGain(min(max(command.gain, GAIN_MIN_DB), GAIN_MAX_DB), command.callerType)
    return command


# --- status, server to player ---------------------------------------------------------------------


class Status(msgspec.Struct, frozen=True, tag_field="kind", tag="status", rename="camel"):
    """Where the server's cursor is.

    `position` and `duration` are ms from the start of the call, `duration` grows on a live call;
    `at_end`: the cursor is at the call's end; `call_over`: the 911 call has ended.
    """

    position: int
    duration: int
    paused: bool
    at_end: bool
    call_over: bool


class _LooseStatus(msgspec.Struct, frozen=True, rename="camel"):
    kind: str
    position: float
    duration: float
    paused: bool
    at_end: bool = False
    call_over: bool = False


_status_decoder = msgspec.json.Decoder(_LooseStatus)


def encode_status(status: Status) -> bytes:
    """Return the status as the vendor's JSON, UTF-8."""
    return _encoder.encode(status)


def decode_status(payload: bytes) -> Status:
    """Return the status in `payload`, in range: 0 ≤ position ≤ duration ≤ MAX_CALL_MS.

    Raise WireError for anything that is not a status.
    """
    if len(payload) > MAX_STATUS_BYTES:
        raise WireError(f"a status of {len(payload)} bytes; {MAX_STATUS_BYTES} are the most")
    try:
        loose = _status_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("not a status of the contract") from error
    if loose.kind != "status" or not (
        math.isfinite(loose.position) and math.isfinite(loose.duration)
    ):
        raise WireError("not a status of the contract")
    duration = round(min(max(loose.duration, 0.0), MAX_CALL_MS))
    position = round(min(max(loose.position, 0.0), duration))
    return Status(position, duration, loose.paused, loose.at_end, loose.call_over)


# --- parties --------------------------------------------------------------------------------------

_CALL_TAKER = re.compile(r"call[^a-z0-9]*taker|dispatcher|telecommunicator|operator")
_CALLER = re.compile(r"caller")


def party_of(*names: str) -> Party:
    """Tell whose track it is from its name, its participant's identity or metadata, in that order.

    Letter case and separators do not matter (`callTaker`, `call_taker`, `CALL-TAKER-1`). What names
    neither party is a mixed track: `call`.
    """
    for name in names:
        folded = name[:4096].lower()
        if _CALL_TAKER.search(folded):
            return "callTaker"
        if _CALLER.search(folded):
            return "caller"
    return "call"


# --- HTTP answers ---------------------------------------------------------------------------------


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as the API tells it. Texts are as they came: clean them before showing them."""

    id: str
    caller_phone_number: str = ""
    is_audio_live: bool = False
    created_at: datetime | None = None
    audio_call_ended_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    location_source: str = ""


class IncidentPage(msgspec.Struct, frozen=True):
    """One page of the list, and the address or number of the next, if any."""

    incidents: tuple[Incident, ...]
    next_page: str | None


class AccessToken(msgspec.Struct, frozen=True):
    """A bearer token and how long it lasts, in s. Never shown: the repr hides it."""

    value: str
    expires_in_s: float

    def __repr__(self) -> str:
        return f"AccessToken(value=***, expires_in_s={self.expires_in_s})"


class StreamGrant(msgspec.Struct, frozen=True):
    """A LiveKit token, and the room server's URL if the answer named one. The repr hides both."""

    token: str
    url: str | None

    def __repr__(self) -> str:
        return "StreamGrant(token=***)"


_TOKEN_KEYS = ("token", "stream_token", "access_token", "jwt")
_URL_KEYS = ("url", "stream_url", "livekit_url", "ws_url")
_LIST_KEYS = ("data", "incident_events", "incidents", "results", "items")


def parse_access_token(body: bytes) -> AccessToken:
    """Read the answer of `POST /oauth/token`; raise WireError if it holds no token."""
    answer = _parse_object(body)
    value = answer.get("access_token")
    expires = answer.get("expires_in", 7200)
    if not isinstance(value, str) or not value:
        raise WireError("the sign-in answer holds no access_token")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        expires = 7200
    return AccessToken(value, float(min(max(expires, 1), MAX_TOKEN_S)))


def parse_stream_grant(body: bytes) -> StreamGrant:
    """Read the answer of `POST …/stream_token`; raise WireError if it holds no token."""
    answer = _parse_object(body)
    nested = answer.get("data")
    places = [answer, nested] if isinstance(nested, dict) else [answer]
    token = _first_text(places, _TOKEN_KEYS)
    if token is None:
        raise WireError("the stream token answer holds no token")
    return StreamGrant(token, _first_text(places, _URL_KEYS))


def parse_incident(body: bytes) -> Incident:
    """Read one incident, bare or under a wrapper; raise WireError if it has no id."""
    answer = _parse_object(body)
    for key in ("data", "incident_event", "incident"):
        nested = answer.get(key)
        if isinstance(nested, dict):
            answer = nested
            break
    incident = _incident(answer)
    if incident is None:
        raise WireError("the incident has no id")
    return incident


def parse_incident_page(body: bytes) -> IncidentPage:
    """Read one page of incidents, bare or wrapped; entries without an id are left out."""
    answer = _parse_json(body)
    if isinstance(answer, list):
        return IncidentPage(_incidents(answer), None)
    if isinstance(answer, dict):
        for key in _LIST_KEYS:
            nested = answer.get(key)
            if isinstance(nested, list):
                return IncidentPage(_incidents(nested), _next_page(answer))
    raise WireError("the list of incidents has an unknown shape")


def parse_datetime(value: object) -> datetime | None:
    """Read `2024-01-15 10:30:00 UTC` or ISO 8601 as an aware datetime; None if it is neither."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    text = value.strip()
    if text.endswith(" UTC"):
        text = text[:-4] + "+00:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_json(body: bytes) -> Any:
    if len(body) > MAX_HTTP_BYTES:
        raise WireError(f"an answer of {len(body)} bytes; {MAX_HTTP_BYTES} are the most")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("the answer is not JSON") from error


def _parse_object(body: bytes) -> dict[str, Any]:
    answer = _parse_json(body)
    if not isinstance(answer, dict):
        raise WireError("the answer is not a JSON object")
    return answer


def _first_text(places: Iterable[dict[str, Any]], keys: Iterable[str]) -> str | None:
    names = tuple(keys)
    for place in places:
        for key in names:
            value = place.get(key)
            if isinstance(value, str) and value:
                return value
    return None


def _next_page(answer: dict[str, Any]) -> str | None:
    for place in (answer, answer.get("meta"), answer.get("links"), answer.get("pagination")):
        if not isinstance(place, dict):
            continue
        for key in ("next", "next_page"):
            value = place.get(key)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return None


def _incidents(entries: list[Any]) -> tuple[Incident, ...]:
    found = (_incident(entry) for entry in entries if isinstance(entry, dict))
    return tuple(incident for incident in found if incident is not None)


def _incident(entry: dict[str, Any]) -> Incident | None:
    identifier = entry.get("id")
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier:
        return None
    location = entry.get("caller_location")
    place = location if isinstance(location, dict) else {}
    return Incident(
        id=identifier,
        caller_phone_number=_text(entry.get("caller_phone_number")),
        is_audio_live=entry.get("is_audio_live") is True,
        created_at=parse_datetime(entry.get("created_at")),
        audio_call_ended_at=parse_datetime(entry.get("audio_call_ended_at")),
        latitude=_degrees(place.get("lat"), 90.0),
        longitude=_degrees(place.get("lng"), 180.0),
        location_source=_text(place.get("source")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _degrees(value: object, limit: float) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= limit else None
