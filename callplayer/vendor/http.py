"""The vendor's HTTP answers to typed values and back. Pure: no network, no clock."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from callplayer.vendor.json_text import parse_json
from callplayer.vendor.times import parse_datetime
from callplayer.vendor.values import WireError

MAX_TOKEN_S = 30 * 24 * 3600

MAX_HTTP_BYTES = 4_000_000

MAX_JWT_CHARS = 20_000

MAX_DEPTH = 8

MAX_VALUES = 20_000


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as the API gives it. Texts are as they came: clean them before showing them."""

    id: str
    caller_phone_number: str = ""
    is_audio_live: bool = False
    created_at: datetime | None = None
    audio_call_ended_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    location_source: str = ""


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


_JWT = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")

_SOCKET_URL = re.compile(r"wss?://[^\s\"'<>\\]+", re.IGNORECASE)

_ACCESS_KEYS = ("accesstoken", "token", "bearertoken", "authtoken", "jwt")

_TOKEN_KEYS = ("participanttoken", "streamtoken", "token", "jwt", "accesstoken")

_SERVER_KEY = re.compile(r"server|livekit|rtc|sfu|stream_?url|ws_?url", re.IGNORECASE)

_OTHER_SOCKET = re.compile(
    r"cable|transcript|(?<!incident)(?<!incident[_-])event|notif|websocket|socket_?url",
    re.IGNORECASE,
)

_CABLE_URL = re.compile(r"/cable/?$", re.IGNORECASE)


def parse_access_token(body: bytes) -> AccessToken:
    """Read the answer of `POST /oauth/token`; raise WireError if it holds no token."""
    values = list(_leaves(parse_json(body, MAX_HTTP_BYTES)))
    named = {_folded(key): value for key, value in reversed(values)}
    token = next((named[key] for key in _ACCESS_KEYS if _is_text(named.get(key))), None)
    if token is None:
        raise WireError("the sign-in answer holds no access_token")
    expires = _number(named.get("expiresin"))
    lasts_s = 7200.0 if expires is None else min(max(expires, 1.0), float(MAX_TOKEN_S))
    return AccessToken(str(token).strip(), lasts_s)


def parse_stream_grant(body: bytes) -> StreamGrant:
    """Read the answer of `POST …/stream_token`; raise WireError if it holds no token.

    The token is a JWT whose payload holds a `video` grant, wherever it stands, or else the text
    under a key that is known for it. The room server is a ws or wss URL, or an http or https one
    under a key that says server; of several the one whose key says most, then the one whose URL
    does not speak of another socket. The transcript's is none. Its query is cut off.
    """
    try:
        answer = parse_json(body, MAX_HTTP_BYTES)
    except WireError:
        answer = body[:MAX_JWT_CHARS].decode("utf-8", "replace")
        if len(body) > MAX_JWT_CHARS or not _JWT.search(answer):
            raise
    values = list(_leaves(answer))
    token = _stream_token(values)
    if token is None:
        raise WireError("the stream token answer holds no token")
    return StreamGrant(token, _server_url(values))


def says_not_yet(body: bytes) -> bool:
    """Return whether an answer to `POST …/stream_token` has a place for a token and none in it.

    So a server answers with success whose stream is still being prepared.
    """
    try:
        values = list(_leaves(parse_json(body, MAX_HTTP_BYTES)))
    except WireError:
        return False
    if _stream_token(values) is not None:
        return False
    return any(_folded(key) in _TOKEN_KEYS and value in (None, "") for key, value in values)


def holds_video_grant(token: str) -> bool:
    """Return whether a text is a JWT whose payload holds a LiveKit `video` grant."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_JWT_CHARS:
        return False
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return False
    return isinstance(claims, dict) and isinstance(claims.get("video"), dict)


def parse_incident(body: bytes) -> Incident:
    """Read one incident, bare or wrapped; raise WireError if there is none with an id."""
    answer = parse_json(body, MAX_HTTP_BYTES)
    waiting = deque([(answer, 0)])
    seen = 0
    while waiting and seen < MAX_VALUES:
        value, depth = waiting.popleft()
        seen += 1
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            continue
        incident = incident_of(value) if not _wraps(value) else None
        if incident is not None:
            return incident
        if depth < MAX_DEPTH:
            waiting += [(each, depth + 1) for each in value.values()]
    raise WireError("the incident has no id")


def incident_of(entry: dict[str, Any]) -> Incident | None:
    """Return the incident in one row, None if it has no id.

    JSON:API's `attributes`, and GraphQL's `node`, are opened; letter case and separators of names
    do not matter.
    """
    for wrapper in ("node", "incident_event", "incident"):
        inner = entry.get(wrapper)
        if isinstance(inner, dict):
            entry = {**entry, **inner}
    attributes = entry.get("attributes")
    if isinstance(attributes, dict):
        entry = {**attributes, **{key: value for key, value in entry.items() if value is not None}}
    said = {_folded(key): value for key, value in reversed(entry.items())}
    identifier = next(
        (each for key in _ID_KEYS if (each := _identifier(said.get(key))) is not None), None
    )
    if identifier is None:
        return None
    location = said.get("callerlocation", said.get("location"))
    place = (
        {_folded(key): value for key, value in location.items()}
        if isinstance(location, dict)
        else {}
    )
    return Incident(
        id=identifier,
        caller_phone_number=_text(said.get("callerphonenumber")),
        is_audio_live=said.get("isaudiolive") in (True, 1, "true", "True", "1"),
        created_at=parse_datetime(said.get("createdat")),
        audio_call_ended_at=parse_datetime(said.get("audiocallendedat")),
        latitude=_degrees(place.get("lat", place.get("latitude")), 90.0),
        longitude=_degrees(place.get("lng", place.get("longitude", place.get("lon"))), 180.0),
        location_source=_text(place.get("source")),
    )


_ID_KEYS = ("id", "uuid", "incidenteventid", "incidentid")


def _wraps(answer: dict[str, Any]) -> bool:
    """Return whether an object with an id of its own wraps the incident, such as JSON:API's."""
    return any(isinstance(answer.get(key), dict) for key in ("data", "incident_event", "incident"))


def _stream_token(values: list[tuple[str, Any]]) -> str | None:
    texts = [(key, value.strip()) for key, value in values if isinstance(value, str)]
    for _, text in texts:
        for found in _JWT.findall(text[: 2 * MAX_JWT_CHARS]):
            if holds_video_grant(found):
                return str(found)
    named = {_folded(key): text for key, text in reversed(texts) if text}
    return next((named[key] for key in _TOKEN_KEYS if key in named), None)


def _server_url(values: list[tuple[str, Any]]) -> str | None:
    """Return the URL that is most likely the room server's, None if there is none."""
    best: tuple[int, str] | None = None
    for key, value in values:
        if not isinstance(value, str):
            continue
        text = value.strip()
        found = _SOCKET_URL.search(text[: 2 * MAX_JWT_CHARS])
        says_server = bool(_SERVER_KEY.search(key))
        if found is not None:
            url = _plain_url(found[0])
            if _OTHER_SOCKET.search(key) or _CABLE_URL.search(url):
                continue
            is_plain = not _OTHER_SOCKET.search(url.partition("://")[2])
            rank = (4 if says_server else 1) + (2 if is_plain else 0)
        elif says_server and re.match(r"https?://", text, re.IGNORECASE):
            url, rank = _plain_url(text), 2
        else:
            continue
        if best is None or rank > best[0]:
            best = rank, url
    return best[1] if best is not None else None


def _plain_url(url: str) -> str:
    """Return a URL without its query: that may hold the token, and the SDK adds its own."""
    try:
        scheme, rest = urlsplit(url).scheme, url.partition("://")[2]
    except ValueError:
        return url
    return f"{scheme}://{re.split(r'[?#]', rest, maxsplit=1)[0]}"


def _leaves(answer: Any) -> Iterator[tuple[str, Any]]:
    """Give each value that is no container, with its key; outer ones first, bounded."""
    waiting: deque[tuple[str, Any, int]] = deque([("", answer, 0)])
    seen = 0
    while waiting and seen < MAX_VALUES:
        key, value, depth = waiting.popleft()
        seen += 1
        if isinstance(value, str) and depth < MAX_DEPTH and value.lstrip()[:1] in ("{", "["):
            try:
                value = parse_json(value.encode("utf-8", "replace"), MAX_HTTP_BYTES)
            except WireError:
                yield key, value
                continue
        if isinstance(value, dict):
            if depth < MAX_DEPTH:
                waiting += [(str(name), each, depth + 1) for name, each in value.items()]
        elif isinstance(value, list):
            if depth < MAX_DEPTH:
                waiting += [(key, each, depth + 1) for each in value]
        else:
            yield key, value


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:60].lower())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _identifier(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, str) and len(value) < 40 and value.isascii():
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return float(min(max(value, -1e18), 1e18))


def _degrees(value: object, limit: float) -> float | None:
    number = _number(value)
    return number if number is not None and abs(number) <= limit else None
