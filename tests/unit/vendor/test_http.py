"""A stream token's answer, and an incident, in whatever form they come."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.vendor.http import (
    Incident,
    StreamGrant,
    holds_video_grant,
    parse_access_token,
    parse_incident,
    parse_stream_grant,
)
from callplayer.vendor.values import WireError


def jwt(**claims: Any) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "me", **claims})
    encoded = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts)
    return b".".join((*encoded, b"c2lnbmF0dXJl")).decode()


VIDEO = jwt(video={"room": "r", "roomJoin": True})
BEARER = jwt(scope="incident_events")
SERVER = "wss://rooms.example.org"


@pytest.mark.parametrize(
    "answer",
    [
        {"server_url": SERVER, "participant_token": VIDEO},
        {"serverUrl": SERVER, "participantToken": VIDEO},
        {"access_token": BEARER, "stream": {"jwt": VIDEO, "ws_url": SERVER}},
        {"token": BEARER, "livekit": {"credential": VIDEO, "host": SERVER}},
        {"data": {"type": "token", "attributes": {"value": VIDEO, "endpoint": SERVER}}},
        {"data": [{"participant": {"grants": [{"t": VIDEO}]}}], "servers": [SERVER]},
        {"result": json.dumps({"token": VIDEO, "url": SERVER})},
        {"token": f"Bearer {VIDEO}", "url": f"{SERVER}?access_token={VIDEO}"},
        {"connect": f"{SERVER}?access_token={VIDEO}&auto_subscribe=1"},
        [VIDEO, SERVER],
        {"token": VIDEO, "url": "https://portal.example.org/calls/1", "stream_url": SERVER},
        {"token": VIDEO, "cable_url": "wss://api.example.org/cable", "ws": SERVER},
        {"token": VIDEO, "url": "wss://api.example.org/cable?token=x", "media": SERVER},
        {"token": VIDEO, "stream_url": SERVER, "livekit_url": "https://rooms.example.org"},
        {"token": VIDEO, "ws_url": "wss://api.example.org/cable", "stream_url": SERVER},
        {"token": VIDEO, "server_url": "wss://events.example.org", "livekit_url": SERVER},
        {"token": VIDEO, "url": "wss://notify.example.org", "media": SERVER},
        {"token": VIDEO, "socket": "wss://a.example.org/transcript", "livekit_url": SERVER},
        {"token": "opaque", "nested": {"deep": [{"er": {"x": VIDEO}}]}, "url": SERVER},
    ],
)
def test_token_and_room_server_are_found_wherever_they_stand(answer: Any) -> None:
    assert parse_stream_grant(json.dumps(answer).encode()) == StreamGrant(VIDEO, SERVER)


@pytest.mark.parametrize(
    "body",
    [VIDEO, f"{VIDEO}\n", f'"{VIDEO}"', f"\ufeff{VIDEO}", f"Bearer {VIDEO}", f'["{VIDEO}"]'],
)
def test_a_bare_token_is_one(body: str) -> None:
    assert parse_stream_grant(body.encode()) == StreamGrant(VIDEO, None)


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({"server_url": "https://rooms.example.org"}, "https://rooms.example.org"),
        ({"livekitUrl": "https://rooms.example.org/"}, "https://rooms.example.org/"),
        ({"stream_url": "http://127.0.0.1:7880"}, "http://127.0.0.1:7880"),
        ({"url": "https://portal.example.org/calls/1"}, None),
        ({"url": "https://portal.example.org"}, None),
        ({"portal": "https://portal.example.org", "chatroom_url": "https://chat.example"}, None),
        ({"cable": "wss://api.example.org/cable"}, None),
        ({"transcript": {"url": "wss://api.example.org/cable"}}, None),
        ({"events_url": "wss://api.example.org/v1"}, None),
        ({"stream_url": "wss://events.example.org"}, "wss://events.example.org"),
        ({"livekit_url": "wss://r.example.org/events"}, "wss://r.example.org/events"),
        ({"url": "wss://events-x1.livekit.cloud"}, "wss://events-x1.livekit.cloud"),
        ({"url": "wss://notify.example.org"}, "wss://notify.example.org"),
        ({"server_url": "wss://transcripts.example.org", "media": SERVER},
         "wss://transcripts.example.org"),
        ({"url": "wss://events.example.org", "server_url": "https://rooms.example.org"},
         "https://rooms.example.org"),
        ({"incident_event_stream_url": SERVER}, SERVER),
        ({"url": "WSS://Rooms.example.org"}, "wss://Rooms.example.org"),
        ({"url": 5, "server_url": None}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_only_a_server_is_taken_for_one(more: dict[str, Any], url: str | None) -> None:
    assert parse_stream_grant(json.dumps({"token": VIDEO, **more}).encode()).url == url


def test_a_token_that_only_its_key_names_is_taken_where_there_is_no_other() -> None:
    assert parse_stream_grant(b'{"token":"opaque"}').token == "opaque"
    assert parse_stream_grant(json.dumps({"jwt": BEARER}).encode()).token == BEARER


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"null", b"5", b"<html>a page.of.ours</html>", b'{"token":7}', b'{"status":"ok"}',
     b"a.b.c", b"[" * 50_000, VIDEO.encode() * 2_000],
)  # fmt: skip
def test_what_holds_no_token_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        parse_stream_grant(body)


@pytest.mark.parametrize(
    ("token", "holds"),
    [
        (VIDEO, True),
        (BEARER, False),
        (jwt(video=True), False),
        (jwt(video={}), True),
        ("", False),
        ("a.b", False),
        ("a.!!!.c", False),
        ("a.W10.c", False),
        (VIDEO + ".x", False),
    ],
)
def test_a_stream_token_is_known_by_its_grant(token: str, holds: bool) -> None:
    assert holds_video_grant(token) is holds


@given(
    path=st.lists(st.sampled_from(["data", "token", "x", "attributes", 0]), max_size=6),
    noise=st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.booleans()),
)
def test_the_token_is_found_at_any_depth(path: list[str | int], noise: dict[str, Any]) -> None:
    answer: Any = VIDEO
    for step in reversed(path):
        answer = [answer, BEARER] if step == 0 else {**noise, str(step): answer}
    assert parse_stream_grant(json.dumps(answer).encode()).token == VIDEO


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "abc", "expires_in": 60},
        {"accessToken": "abc", "expiresIn": "60"},
        {"data": {"access_token": "abc", "expires_in": 60.0}},
        {"token": {"access_token": "abc", "token_type": "Bearer", "expires_in": 60}},
        {"token": "abc", "expires_in": 60},
    ],
)
def test_an_access_token_in_any_wrapper(answer: Any) -> None:
    token = parse_access_token(json.dumps(answer).encode())
    assert (token.value, token.expires_in_s) == ("abc", 60.0)


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "i", "caller_phone_number": "+1", "is_audio_live": True},
        {"data": {"type": "incident", "id": "i",
                  "attributes": {"callerPhoneNumber": "+1", "isAudioLive": "true"}}},
        {"id": "request-7", "data": {"id": "i", "caller_phone_number": "+1", "is_audio_live": 1}},
        {"incident_event": {"uuid": "i", "caller_phone_number": "+1", "is_audio_live": True}},
        [{"id": "i", "caller_phone_number": "+1", "is_audio_live": True}],
        {"result": {"incident": {"incidentId": "i", "caller_phone_number": "+1",
                                 "is_audio_live": True}}},
    ],
)  # fmt: skip
def test_an_incident_in_any_wrapper(answer: Any) -> None:
    incident = parse_incident(json.dumps(answer).encode())
    assert incident == Incident(id="i", caller_phone_number="+1", is_audio_live=True)
