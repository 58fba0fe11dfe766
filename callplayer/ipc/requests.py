"""What a client may ask of the engine: the vendor's own commands and a few local ones."""

from __future__ import annotations

from typing import Literal

import msgspec

from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.parties import CallerType

LEAST_SPEED = 0.5
MOST_SPEED = 2.0


class SetPartyGain(msgspec.Struct, frozen=True, tag_field="cmd", tag="set-gain"):
    """Set one party's volume in dB; `call` stands for both parties."""

    gain: float
    callerType: CallerType


class TogglePause(msgspec.Struct, frozen=True, tag_field="cmd", tag="toggle-pause"):
    """Pause if playing was last asked for, else resume; at the end, play from the start."""


class SeekBy(msgspec.Struct, frozen=True, tag_field="cmd", tag="seek-by"):
    """Move by `offset_ms` from where the cursor was last asked to be (or is), as `seek-to` does."""

    offset_ms: int


class SeekTo(msgspec.Struct, frozen=True, tag_field="cmd", tag="seek-to"):
    """Move to a position: from memory where it is remembered, else by a scrub at the server."""

    position_ms: int


class SetLoop(msgspec.Struct, frozen=True, tag_field="cmd", tag="set-loop"):
    """Play from `start_ms` to `end_ms` again and again, as long as playing comes to the end.

    `goes`: it begins at once; otherwise once playing gets there.
    """

    start_ms: int
    end_ms: int
    goes: bool = True


class SetSpeed(msgspec.Struct, frozen=True, tag_field="cmd", tag="set-speed"):
    """Be heard `speed` times as fast, LEAST_SPEED to MOST_SPEED, at the same pitch.

    From memory: faster than 1 only as far as that goes ahead.
    """

    speed: float


class EndLoop(msgspec.Struct, frozen=True, tag_field="cmd", tag="end-loop"):
    """End `set-loop`: play on where it would turn back."""


class SaveClip(msgspec.Struct, frozen=True, tag_field="cmd", tag="save-clip"):
    """Save a stretch of the call as a sound file, and beside it what is known of it.

    What is not remembered is fetched first: the server plays it, unheard. `mixed` is one channel
    instead of one a party; `folder` "" is that of the settings. A `clip` event says where it lies.
    """

    start_ms: int
    end_ms: int
    format: Literal["flac", "wav"] = "flac"
    mixed: bool = False
    folder: str = ""


class EvenVolumes(msgspec.Struct, frozen=True, tag_field="cmd", tag="even-volumes"):
    """Set the volumes so that both parties are equally loud, by what is remembered of each.

    An `evened` event says which they are.
    """


class AdjustGain(msgspec.Struct, frozen=True, tag_field="cmd", tag="adjust-gain"):
    """Change one party's volume by `delta_db` from where it was last set."""

    delta_db: float
    callerType: CallerType


class Mute(msgspec.Struct, frozen=True, tag_field="cmd", tag="mute"):
    """Silence one party: in the player's own mix, or at the server where tracks are mixed."""

    callerType: CallerType


class Unmute(msgspec.Struct, frozen=True, tag_field="cmd", tag="unmute"):
    """End `mute`."""

    callerType: CallerType


class Solo(msgspec.Struct, frozen=True, tag_field="cmd", tag="solo"):
    """Let only the parties that are soloed be heard."""

    callerType: CallerType


class Unsolo(msgspec.Struct, frozen=True, tag_field="cmd", tag="unsolo"):
    """End `solo`."""

    callerType: CallerType


class ListDevices(msgspec.Struct, frozen=True, tag_field="cmd", tag="list-devices"):
    """Ask for a `devices` event: the sound devices there are now."""


class SetOutputDevice(msgspec.Struct, frozen=True, tag_field="cmd", tag="set-output-device"):
    """Play on the device of this name ("": the system's default), now and in later calls."""

    name: str


class AdjustOutputDelay(msgspec.Struct, frozen=True, tag_field="cmd", tag="adjust-output-delay"):
    """Change the delay that the playing device does not report, and keep it. It clicks a while."""

    delta_ms: int


class MakeAudible(msgspec.Struct, frozen=True, tag_field="cmd", tag="make-audible"):
    """Undo in the desktop's mixer what keeps the player from being heard: mutes, low volumes."""


class RetryNow(msgspec.Struct, frozen=True, tag_field="cmd", tag="retry-now"):
    """Do not wait for the next try to come back to the room: try at once."""


class Quit(msgspec.Struct, frozen=True, tag_field="cmd", tag="quit"):
    """Leave the room, close the device, say bye, exit 0."""


def by_place(request: Request) -> Request:
    """Return a scrub as what a screen means by it: the place, wherever it is heard from."""
    return SeekTo(request.position) if isinstance(request, Scrub) else request


Request = (
    Pause
    | Resume
    | Scrub
    | ScrubToEnd
    | SetPartyGain
    | TogglePause
    | SeekBy
    | SeekTo
    | SetLoop
    | SetSpeed
    | EndLoop
    | SaveClip
    | EvenVolumes
    | AdjustGain
    | Mute
    | Unmute
    | Solo
    | Unsolo
    | ListDevices
    | SetOutputDevice
    | AdjustOutputDelay
    | MakeAudible
    | RetryNow
    | Quit
)
