"""Requests and events as lines of JSON, read within bounds."""

from __future__ import annotations

import math

import msgspec

from callplayer.config import MAX_OUTPUT_DELAY_MS
from callplayer.ipc.messages import (
    AdjustGain,
    AdjustOutputDelay,
    Event,
    Request,
    SaveClip,
    SeekBy,
    SeekTo,
    SetLoop,
    SetOutputDevice,
    SetPartyGain,
    SetSpeed,
)
from callplayer.ipc.requests import LEAST_SPEED, MOST_SPEED
from callplayer.text import plain_json
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB, Scrub
from callplayer.vendor.values import MAX_CALL_MS, WireError

MAX_REQUEST_BYTES = 15_000
MAX_EVENT_BYTES = 1_000_000
MAX_DEVICE_NAME_CHARS = 200
_request_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def encode_line(message: Request | Event) -> bytes:
    """Return the message as one line of JSON, newline included, harmless on a terminal."""
    return plain_json(_encoder.encode(message)) + b"\n"


def decode_event(line: bytes) -> Event:
    """Read one line of the engine; raise WireError if it is none of the events."""
    if len(line) > MAX_EVENT_BYTES:
        raise WireError("an event line that is too long")
    try:
        return _event_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("not an event") from error


def decode_request(line: bytes) -> Request:
    """Read one line of a client; raise WireError, naming what is wrong, if it is no request.

    Gains are held inside GAIN_MIN_DB…GAIN_MAX_DB, places and offsets inside ±MAX_CALL_MS; the
    engine, which alone knows the duration, holds positions inside [0, duration].
    """
    if len(line) > MAX_REQUEST_BYTES:
        raise WireError(f"a line of {len(line)} bytes; {MAX_REQUEST_BYTES} are the most")
    try:
        request = _request_decoder.decode(line)
    except msgspec.ValidationError as error:
        raise WireError(str(error)[:200]) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError("not a line of JSON") from error
    if isinstance(request, SetLoop | SaveClip):
        if not 0 <= request.start_ms < request.end_ms <= MAX_CALL_MS:
            raise WireError(f"a stretch from {request.start_ms} to {request.end_ms} ms")
        return request
    return _held(request)


def _held(request: Request) -> Request:
    """Return the request with its numbers inside their bounds; raise WireError if it cannot be."""
    match request:
        case SetPartyGain(gain=gain, callerType=party):
            request = SetPartyGain(_within(gain, GAIN_MIN_DB, GAIN_MAX_DB), party)
        case AdjustGain(delta_db=delta, callerType=party):
            request = AdjustGain(_within(delta, -60.0, 60.0), party)
        case Scrub(position=position_ms):
            request = Scrub(_inside_call(position_ms))
        case SeekBy(offset_ms=offset_ms):
            request = SeekBy(_inside_call(offset_ms))
        case SeekTo(position_ms=position_ms):
            request = SeekTo(_inside_call(position_ms))
        case SetSpeed(speed=speed):
            request = SetSpeed(_within(speed, LEAST_SPEED, MOST_SPEED))
        case AdjustOutputDelay(delta_ms=delta_ms):
            held_ms = max(-MAX_OUTPUT_DELAY_MS, min(delta_ms, MAX_OUTPUT_DELAY_MS))
            request = AdjustOutputDelay(held_ms)
        case SetOutputDevice(name=name) if len(name) > MAX_DEVICE_NAME_CHARS:
            raise WireError(f"a device name of {len(name)} characters")
    return request


def _inside_call(ms: int) -> int:
    return max(-MAX_CALL_MS, min(ms, MAX_CALL_MS))


def _within(value: float, low: float, high: float) -> float:
    if not math.isfinite(value):
        raise WireError("a number that is not finite")
    return min(max(value, low), high)
