"""The vendor's JSON: exact bytes out, tolerant and bounded reading in."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.vendor import commands as commands_module
from callplayer.vendor import http, paging, times, values
from callplayer.vendor.commands import (
    Command,
    Pause,
    Resume,
    Scrub,
    ScrubToEnd,
    SetGain,
    decode_command,
    encode_command,
)
from callplayer.vendor.status import (
    MAX_STATUS_BYTES,
    Status,
    encode_status,
    read_status_updates,
)
from callplayer.vendor.values import WireError

# --- commands and status --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "vendor_json"),
    [
        (Pause(), b'{"cmd":"pause"}'),
        (Resume(), b'{"cmd":"resume"}'),
        (Scrub(10), b'{"cmd":"scrub","position":10}'),
        (ScrubToEnd(), b'{"cmd":"scrub-to-end"}'),
        (SetGain(11.2, "caller"), b'{"cmd":"set-gain","gain":11.2,"callerType":"caller"}'),
        (SetGain(-3.0, "callTaker"), b'{"cmd":"set-gain","gain":-3.0,"callerType":"callTaker"}'),
    ],
)
def test_commands_are_the_vendors_bytes(command: Command, vendor_json: bytes) -> None:
    assert encode_command(command) == vendor_json


def test_a_status_is_the_vendors_bytes() -> None:
    assert encode_status(Status(1, 2, True, False, True)) == (
        b'{"kind":"status","position":1,"duration":2,"paused":true,"atEnd":false,"callOver":true}'
    )


commands = st.one_of(
    st.just(Pause()),
    st.just(Resume()),
    st.just(ScrubToEnd()),
    st.integers(0, values.MAX_CALL_MS).map(Scrub),
    st.builds(
        SetGain,
        st.floats(commands_module.GAIN_MIN_DB, commands_module.GAIN_MAX_DB),
        st.sampled_from(["caller", "callTaker"]),
    ),
)


@given(command=commands)
@settings(max_examples=100, deadline=None)
def test_a_command_survives_the_wire(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"pause"',
        b'{"cmd":"stop"}',
        b'{"cmd":"scrub"}',
        b'{"cmd":"scrub","position":"10"}',
        b'{"cmd":"scrub","position":true}',
        b'{"cmd":"scrub","position":1e300}',
        b'{"cmd":"scrub","position":NaN}',
        b'{"cmd":"set-gain","gain":1e999,"callerType":"caller"}',
        b'{"cmd":"set-gain","gain":1,"callerType":"other"}',
        b'{"cmd":"pause"',
        b"\xff\xfe",
    ],
)
def test_what_is_no_command_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_command(payload)


def test_a_javascript_position_is_rounded() -> None:
    assert decode_command(b'{"cmd":"scrub","position":1234.6}') == Scrub(1235)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        *("cmd", "kind", "position", "duration", "paused", "atEnd", "gain", "callerType", "id"),
        *("data", "incident_events", "next", "meta", "links", "token", "jwt", "access_token"),
        *("expires_in", "url", "caller_location", "lat", "lng", "created_at", "is_audio_live"),
        *("caller_phone_number", "source", "incident"),
    ]
)
vendor_like = st.dictionaries(
    keys,
    st.recursive(
        json_values | st.sampled_from(["pause", "scrub", "status", "nan", "inf", "-1e999"]),
        lambda inner: st.dictionaries(keys, inner, max_size=5) | st.lists(inner, max_size=3),
        max_leaves=10,
    ),
    max_size=8,
)
PARSERS: list[Callable[[bytes], Any]] = [
    decode_command,
    read_status_updates,
    http.parse_access_token,
    http.parse_stream_grant,
    http.parse_incident,
    paging.parse_incident_page,
]


def _in_range(incident: http.Incident) -> bool:
    latitude, longitude = incident.latitude, incident.longitude
    return (
        bool(incident.id)
        and (latitude is None or (math.isfinite(latitude) and abs(latitude) <= 90))
        and (longitude is None or (math.isfinite(longitude) and abs(longitude) <= 180))
        and all(
            moment is None or moment.tzinfo is not None
            for moment in (incident.created_at, incident.audio_call_ended_at)
        )
    )


def _check(answer: Any) -> None:
    match answer:
        case http.AccessToken(value=value, expires_in_s=expires_in_s):
            assert value
            assert 1.0 <= expires_in_s <= 30 * 24 * 3600
        case http.StreamGrant(token=token):
            assert token
        case http.Incident():
            assert _in_range(answer)
        case paging.IncidentPage(incidents=incidents):
            assert all(map(_in_range, incidents))
            assert len(list(paging.next_requests(answer, 1, answer.rows))) < 100
        case Scrub(position=position):
            assert abs(position) <= values.MAX_CALL_MS
        case SetGain(gain=gain):
            assert math.isfinite(gain)


@pytest.mark.parametrize("parse", PARSERS)
@given(payload=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_wire_error_or_a_sane_value(
    parse: Callable[[bytes], Any], payload: bytes
) -> None:
    try:
        answer = parse(payload)
    except WireError:
        return
    _check(answer)


@given(content=json_values | vendor_like | st.lists(vendor_like, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_json_gives_each_parser_a_wire_error_or_a_sane_value(content: object) -> None:
    """To make a content takes longer than to read it: each is read by all."""
    payload = json.dumps(content).encode()
    for parse in PARSERS:
        with contextlib.suppress(WireError):
            _check(parse(payload))


@pytest.mark.parametrize(
    ("parse", "most_bytes"),
    [
        (decode_command, commands_module.MAX_COMMAND_BYTES),
        (read_status_updates, MAX_STATUS_BYTES),
        (http.parse_access_token, http.MAX_HTTP_BYTES),
        (http.parse_stream_grant, http.MAX_HTTP_BYTES),
        (http.parse_incident, http.MAX_HTTP_BYTES),
        (paging.parse_incident_page, http.MAX_HTTP_BYTES),
    ],
)
def test_sizes_are_capped_before_parsing(parse: Callable[[bytes], Any], most_bytes: int) -> None:
    good = {
        "cmd": "pause",
        "kind": "status",
        **{"position": 1, "duration": 2, "paused": True},
        **{"access_token": "a", "token": "t", "id": "i", "data": []},
    }
    body = json.dumps(good).encode()
    parse(body.ljust(most_bytes))
    with pytest.raises(WireError, match=str(most_bytes)):
        parse(body.ljust(most_bytes + 1))


@pytest.mark.parametrize("parse", PARSERS)
def test_deep_nesting_is_a_wire_error(parse: Callable[[bytes], Any]) -> None:
    for payload in (b"[" * 14_000, b'{"a":' * 2800, b'{"id":' + b"[" * 7000 + b"]" * 7000 + b"}"):
        with pytest.raises(WireError):
            parse(payload)


# --- HTTP answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["token", "stream_token", "access_token", "jwt"])
@pytest.mark.parametrize("url_key", ["url", "stream_url", "livekit_url", "ws_url"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_stream_grant_under_any_of_its_names(key: str, url_key: str, nested: bool) -> None:
    answer: dict[str, Any] = {key: "jwt", url_key: "wss://room"}
    body = json.dumps({"data": answer} if nested else answer).encode()
    assert http.parse_stream_grant(body) == http.StreamGrant("jwt", "wss://room")


def test_a_stream_grant_needs_no_url() -> None:
    assert http.parse_stream_grant(b'{"token":"jwt","url":null}').url is None


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"token":""}', b'{"token":5}', b"<html>"])
def test_a_stream_grant_without_a_token_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        http.parse_stream_grant(body)


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [("7200", 7200), ("60.5", 60.5), ("-5", 1), ("0", 1), ("1e300", 30 * 24 * 3600),
     ("null", 7200), ("true", 7200), ('"soon"', 7200)],
)  # fmt: skip
def test_an_access_tokens_life_is_kept_in_range(expires: str, seconds: float) -> None:
    body = f'{{"access_token":"a","token_type":"Bearer","expires_in":{expires}}}'.encode()
    assert http.parse_access_token(body) == http.AccessToken("a", seconds)
    assert http.parse_access_token(b'{"access_token":"a"}').expires_in_s == 7200


@pytest.mark.parametrize("wrapper", ["", "data", "incident_events", "incidents", "results"])
def test_a_list_bare_or_wrapped(wrapper: str) -> None:
    entries = [{"id": "a"}, {"id": 7}, {"no": "id"}, "text", {"id": ""}, {"id": True}]
    body = json.dumps({wrapper: entries} if wrapper else entries).encode()
    assert [incident.id for incident in paging.parse_incident_page(body).incidents] == ["a", "7"]


@pytest.mark.parametrize("wrapper", ["", "data", "incident", "incident_event"])
def test_an_incident_is_read_whole(wrapper: str) -> None:
    entry = {
        "id": "i-1",
        "caller_phone_number": "+15550100",
        "is_audio_live": True,
        "audio_call_ended_at": None,
        "created_at": "2024-01-15 10:30:00 UTC",
        "caller_location": {"lat": "40.5", "lng": -74, "source": "ALI"},
    }
    body = json.dumps({wrapper: entry} if wrapper else entry).encode()
    assert http.parse_incident(body) == http.Incident(
        id="i-1",
        caller_phone_number="+15550100",
        is_audio_live=True,
        created_at=datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
        latitude=40.5,
        longitude=-74.0,
        location_source="ALI",
    )


def test_an_incident_of_wrong_types_is_an_incident_of_little() -> None:
    body = b'{"id":"i","caller_phone_number":5,"is_audio_live":"yes","caller_location":[1,2]}'
    assert http.parse_incident(body) == http.Incident(id="i")


@pytest.mark.parametrize("place", [91, -90.1, 1e308, "nan", "inf", "-1e999", "north", True, [1]])
def test_a_place_that_is_nowhere_is_none(place: object) -> None:
    body = json.dumps({"id": "i", "caller_location": {"lat": place, "lng": 180}}).encode()
    incident = http.parse_incident(body)
    assert (incident.latitude, incident.longitude) == (None, 180.0)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-15 10:30:00 UTC", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2024-01-15T10:30:00Z", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2024-01-15T12:30:00+02:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2024-01-15 10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1_705_000_000, datetime(2024, 1, 11, 19, 6, 40, tzinfo=UTC)),
        ("2024-01-15 10:30:00 UTC" + " " * 60, None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_datetimes(text: object, moment: datetime | None) -> None:
    assert times.parse_datetime(text) == moment


@given(text=st.text(max_size=70))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_moment_with_a_zone_or_none(text: str) -> None:
    moment = times.parse_datetime(text)
    assert moment is None or moment.tzinfo is not None


@given(
    moment=st.datetimes(timezones=st.timezones() | st.just(UTC)),
    away_s=st.floats(-values.MAX_CALL_MS / 1000, values.MAX_CALL_MS / 1000),
)
def test_what_is_read_can_be_shown_in_any_zone_and_a_call_later(
    moment: datetime, away_s: float
) -> None:
    read = times.parse_datetime(moment.isoformat())
    for zone in (timezone(timedelta(hours=hours)) for hours in (-14, 0, 14)):
        if read is not None:
            assert (read + timedelta(seconds=away_s)).astimezone(zone).tzinfo is zone


# --- secrets --------------------------------------------------------------------------------------


def test_tokens_are_in_no_repr_and_in_no_error() -> None:
    token = http.AccessToken("s3cr3t", 60.0)
    grant = http.StreamGrant("s3cr3t", "wss://room?access_token=s3cr3t")
    for shown in (f"{token!r} {token}", f"{grant!r} {grant}", repr([token, grant])):
        assert "s3cr3t" not in shown
    with pytest.raises(WireError) as caught:
        http.parse_access_token(b'{"access_token":"s3cr3t"')
    assert "s3cr3t" not in str(caught.value)
