"""The vendor's commands, as they go over the room's data channel. Pure."""

from __future__ import annotations

import msgspec

from callplayer.vendor.parties import Party
from callplayer.vendor.values import ENCODER, MAX_CALL_MS, WireError

MAX_COMMAND_BYTES = 15_000

GAIN_MIN_DB = -40.0

GAIN_MAX_DB = 20.0


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


def encode_command(command: Command) -> bytes:
    """Return the command as the vendor's JSON, UTF-8, no extra fields."""
    return ENCODER.encode(command)


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
