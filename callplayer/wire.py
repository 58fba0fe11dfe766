"""The vendor's JSON to typed values and back. Pure: no network, no clock.

All that the vendor leaves unknown (field names, wrappers, how parties are named) is read tolerantly
here and nowhere else. Sizes are capped before anything is parsed.
"""

from __future__ import annotations

import math

import msgspec

from callplayer.vendor.parties import Party

MAX_STATUS_BYTES = 15_000
MAX_COMMAND_BYTES = 15_000
MAX_HTTP_BYTES = 4_000_000
MAX_CALL_MS = 7 * 24 * 3600 * 1000
MAX_TOKEN_S = 30 * 24 * 3600
FIRST_YEAR, LAST_YEAR = 2, 9998
"""Times outside are taken for none: in another time zone, or a call later, no calendar has them."""

GAIN_MIN_DB = -40.0
GAIN_MAX_DB = 20.0


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
    callerType: Party


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
