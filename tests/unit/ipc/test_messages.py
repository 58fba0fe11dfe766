"""Requests and events as JSON lines."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.parties import PARTIES
from callplayer.vendor.values import MAX_CALL_MS, WireError

caller_types = st.sampled_from(["caller", "callTaker", "call"])
gains_db = st.floats(GAIN_MIN_DB, GAIN_MAX_DB)
requests = st.one_of(
    st.sampled_from([Pause(), Resume(), ScrubToEnd(), m.TogglePause(), m.ListDevices(), m.Quit()]),
    st.builds(m.AdjustOutputDelay, st.integers(-2_000, 2_000)),
    st.builds(m.SetOutputDevice, st.text(st.characters(exclude_categories=["Cs"]), max_size=200)),
    st.integers(0, MAX_CALL_MS).map(Scrub),
    st.integers(-MAX_CALL_MS, MAX_CALL_MS).map(m.SeekBy),
    st.builds(m.SetPartyGain, gains_db, caller_types),
    st.builds(m.AdjustGain, st.floats(-60, 60), caller_types),
    *(st.builds(kind, caller_types) for kind in (m.Mute, m.Unmute, m.Solo, m.Unsolo)),
)
states = st.builds(
    m.StateEvent,
    phase=st.sampled_from(["connecting", "playing", "paused", "at-end", "live", "reconnecting"]),
    position_ms=st.integers(0, MAX_CALL_MS),
    requested_ms=st.none() | st.integers(0, MAX_CALL_MS),
    parties=st.tuples(
        *(
            st.builds(m.PartyState, party=st.just(party), gain_db=gains_db, muted=st.booleans())
            for party in PARTIES
        )
    ),
    lanes=st.lists(st.builds(m.LaneState, carries=st.just(PARTIES)), max_size=2).map(tuple),
    device=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    detail=st.text(st.characters(exclude_categories=["Cs"])),
)
names = st.text(st.characters(exclude_categories=["Cs"]))
devices = st.builds(
    m.DevicesEvent,
    devices=st.lists(st.builds(m.Device, names, names), max_size=3).map(tuple),
    current=st.none() | names,
    chosen=names,
)
events = states | devices | st.builds(m.ByeEvent, exit_code=st.integers(0, 255))


@given(request=requests)
@settings(max_examples=100, deadline=None)
def test_a_request_survives_the_pipe(request: m.Request) -> None:
    assert codec.decode_request(codec.encode_line(request)) == request


@given(event=events)
@settings(max_examples=100, deadline=None)
def test_an_event_survives_the_pipe_as_one_line(event: m.Event) -> None:
    line = codec.encode_line(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert codec.decode_event(line) == event


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b'{"cmd":"pause"}', Pause()),
        (b'{"cmd":"scrub","position":10}\n', Scrub(10)),
        (b'{"cmd":"set-gain","gain":3,"callerType":"caller"}', m.SetPartyGain(3.0, "caller")),
        (b'{"cmd":"seek-by","offset_ms":-5000}', m.SeekBy(-5000)),
        (b'{"cmd":"adjust-gain","delta_db":1,"callerType":"call"}', m.AdjustGain(1.0, "call")),
        (b'{"cmd":"toggle-pause"}', m.TogglePause()),
    ],
)
def test_the_lines_that_a_script_writes(line: bytes, request_: m.Request) -> None:
    assert codec.decode_request(line) == request_


@given(value=st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, deadline=None)
def test_gains_are_held_in_range(value: float) -> None:
    set_line = json.dumps({"cmd": "set-gain", "gain": value, "callerType": "call"}).encode()
    adjust_line = json.dumps({"cmd": "adjust-gain", "delta_db": value, "callerType": "call"})
    set_gain, adjust = codec.decode_request(set_line), codec.decode_request(adjust_line.encode())
    assert isinstance(set_gain, m.SetPartyGain)
    assert isinstance(adjust, m.AdjustGain)
    assert GAIN_MIN_DB <= set_gain.gain <= GAIN_MAX_DB
    assert abs(adjust.delta_db) <= 60.0


@given(offset_ms=st.integers(-(10**30), 10**30))
@settings(max_examples=100, deadline=None)
def test_offsets_are_held_in_range(offset_ms: int) -> None:
    try:
        request = codec.decode_request(b'{"cmd":"seek-by","offset_ms":%d}' % offset_ms)
    except WireError:
        return
    assert isinstance(request, m.SeekBy)
    assert abs(request.offset_ms) <= MAX_CALL_MS


@pytest.mark.parametrize(
    "line",
    [
        b"pause",
        b"{}",
        b'{"cmd":"dance"}',
        b'{"cmd":"mute","callerType":"everyone"}',
        b'{"cmd":"set-gain","gain":NaN,"callerType":"call"}',
        b'{"cmd":"set-gain","gain":1e999,"callerType":"call"}',
        b'{"cmd":"scrub","position":"10"}',
        b"\xff",
        b"[" * 10_000,
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(line: bytes) -> None:
    with pytest.raises(WireError, match=r"\S"):
        codec.decode_request(line)


def test_line_lengths_are_capped() -> None:
    codec.decode_request(b'{"cmd":"pause"}'.ljust(codec.MAX_REQUEST_BYTES))
    with pytest.raises(WireError):
        codec.decode_request(b'{"cmd":"pause"}'.ljust(codec.MAX_REQUEST_BYTES + 1))
    codec.decode_event(b'{"event":"bye"}'.ljust(codec.MAX_EVENT_BYTES))
    with pytest.raises(WireError):
        codec.decode_event(b'{"event":"bye"}'.ljust(codec.MAX_EVENT_BYTES + 1))


@given(line=st.binary(max_size=120))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_wire_error_or_a_message(line: bytes) -> None:
    for decode in (codec.decode_request, codec.decode_event):
        try:
            decode(line)
        except WireError:
            continue


def test_a_refusal_is_short_whatever_was_sent() -> None:
    with pytest.raises(WireError) as caught:
        codec.decode_request(json.dumps({"cmd": "x" * 10_000}).encode())
    assert len(str(caught.value)) <= 200


def test_an_unknown_field_of_an_event_does_no_harm() -> None:
    assert codec.decode_event(b'{"event":"bye","exit_code":3,"mood":"good"}') == m.ByeEvent(
        exit_code=3
    )


def test_the_floor_is_finite() -> None:
    assert math.isfinite(m.LEVEL_FLOOR_DB)
    assert m.PartyState(party="caller").level_db == m.LEVEL_FLOOR_DB
