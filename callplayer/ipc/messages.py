"""What a client may ask of the engine (requests), and what the engine emits (events).

Both are JSON lines. Requests are the vendor's own command objects plus a few local ones; events
carry an `event` name. Imports neither sound nor network, so that any client may use it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from callplayer.ipc.memory_events import (
    WAVE_STEP_MS,
    ClipEvent,
    EvenedEvent,
    EvenedParty,
    WaveEvent,
)
from callplayer.ipc.requests import (
    AdjustGain,
    AdjustOutputDelay,
    EndLoop,
    EvenVolumes,
    ListDevices,
    MakeAudible,
    Mute,
    Quit,
    Request,
    RetryNow,
    SaveClip,
    SeekBy,
    SeekTo,
    SetLoop,
    SetOutputDevice,
    SetPartyGain,
    SetSpeed,
    Solo,
    TogglePause,
    Unmute,
    Unsolo,
)
from callplayer.vendor.parties import Party
from callplayer.vendor.transcript import Word

__all__ = [
    "LEVEL_FLOOR_DB",
    "WAVE_STEP_MS",
    "AdjustGain",
    "AdjustOutputDelay",
    "ByeEvent",
    "ClipEvent",
    "Device",
    "DevicesEvent",
    "EndLoop",
    "ErrorEvent",
    "EvenVolumes",
    "EvenedEvent",
    "EvenedParty",
    "Event",
    "IncidentEvent",
    "LaneLevel",
    "LaneState",
    "LevelsEvent",
    "ListDevices",
    "MakeAudible",
    "Mute",
    "PartyState",
    "Phase",
    "Quit",
    "Request",
    "RetryNow",
    "SaveClip",
    "SeekBy",
    "SeekTo",
    "SetLoop",
    "SetOutputDevice",
    "SetPartyGain",
    "SetSpeed",
    "Solo",
    "SourceKind",
    "Start",
    "StateEvent",
    "StatsEvent",
    "TogglePause",
    "TranscriptEvent",
    "TranscriptState",
    "Unmute",
    "Unsolo",
    "WaveEvent",
    "WordsEvent",
]

LEVEL_FLOOR_DB = -96.0

Phase = Literal[
    "connecting",  # signing in, joining, waiting for tracks or the sound device
    "playing",
    "paused",
    "at-end",  # the cursor is at the end of a call that is over
    "live",  # playing at the live end of a call that goes on
    "reconnecting",
    "failed",  # gave up; an error event says why
]

SourceKind = Literal["room", "recording"]

Start = Literal["play", "paused", "live"]
"""What a fresh engine does once it is ready: play from the start, wait there, or go live."""

# --- events ---------------------------------------------------------------------------------------


class PartyState(msgspec.Struct, frozen=True, kw_only=True):
    """One party as it sounds.

    `gain_db` is what was last asked for; `silenced` is whether mute or another party's solo keeps
    it from being heard. `muted_at_server` says that this is done by a volume at the server, because
    the party shares a track with what is to be heard. `level_db` is the RMS level, in dBFS, of the
    loudest lane that holds the party, LEVEL_FLOOR_DB for silence.
    """

    party: Party
    gain_db: float = 0.0
    muted: bool = False
    soloed: bool = False
    silenced: bool = False
    muted_at_server: bool = False
    level_db: float = LEVEL_FLOOR_DB


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """Sound that stands apart from the rest: one party's tracks, a mixed track, a third party's.

    `carries` are the parties that it may hold: one, both (mixed, or not known), or none; `tracks`
    is how many tracks it is made of, 0 while they are gone.
    """

    lane: str
    carries: tuple[Party, ...] = ()
    tracks: int = 1


class StateEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="state"):
    """The whole state; emitted on change and at least once a second.

    `position_ms` is the confirmed cursor carried forward to `as_of_s`; `audible_ms` is what leaves
    the sound device at `as_of_s`, a reading of the system's monotonic clock (`time.monotonic()`,
    one clock for all processes of a machine). While `advancing`, both grow by 1 ms a ms, but
    `audible_ms` only once `audible_in_ms` have passed: a new place's sound is on its way so long.
    `requested_ms` is where the user asked the cursor to be and the server has not confirmed;
    `unconfirmed_s` is for how long any command has waited for a status that agrees (0.0: none).
    `device` is None while no sound can come out; if the call is then `held`, it waits at the place
    that was heard last, and goes on by itself once sound can come out again. `opening` names the
    device that is being opened meanwhile, "" while none is.

    `source` is where the sound comes from; `recording` is the file's name where it is a recording
    that this engine plays by itself, without a server.
    `desktop_muted`, `desktop_percent`: what the desktop's mixer leaves of the sound (100: enough).
    `parties` are always the two that can be steered; `lanes` is how their sound comes, empty until
    it has come.

    What was received is remembered: `remembered` are its stretches, in ms. While what is heard is
    `from_memory`, `phase`, `paused`, `advancing` and the audible position are those of what is
    heard, `lead_ms` is how much more of it is remembered without a break, and `position_ms` is the
    server's cursor, wherever that is; `audible_ms` grows by `speed` ms a ms. `loop` is the stretch
    that is played again and again.

    While the room is out of reach, `lost_at_s` is when it was lost and `retry_at_s` when the next
    try begins (None: one is under way), both on the clock of `as_of_s`.
    """

    phase: Phase
    position_ms: int = 0
    audible_ms: int = 0
    audible_in_ms: int = 0
    duration_ms: int = 0
    paused: bool = True
    at_end: bool = False
    call_over: bool = False
    requested_ms: int | None = None
    unconfirmed_s: float = 0.0
    advancing: bool = False
    as_of_s: float = 0.0
    parties: tuple[PartyState, ...] = (PartyState(party="caller"), PartyState(party="callTaker"))
    lanes: tuple[LaneState, ...] = ()
    device: str | None = None
    opening: str = ""
    held: bool = False
    lost_at_s: float | None = None
    retry_at_s: float | None = None
    detail: str = ""
    from_memory: bool = False
    lead_ms: int = 0
    speed: float = 1.0
    remembered: tuple[tuple[int, int], ...] = ()
    loop: tuple[int, int] | None = None
    source: SourceKind = "room"
    recording: str = ""
    desktop_muted: bool = False
    desktop_percent: int = 100


class LaneLevel(msgspec.Struct, frozen=True, kw_only=True):
    """One lane's level, silenced or not, in dBFS: RMS, peak, and peak with hold."""

    lane: str
    rms_db: float
    peak_db: float
    hold_db: float


class LevelsEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="levels"):
    """Meters; at most 20 a second, and only while something can be heard or has just ended."""

    levels: tuple[LaneLevel, ...]


class StatsEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="stats"):
    """How the audio path does; once a second. Counts are since the start.

    The delay by part, each in ms, in the order that sound meets them; `delay_ms` is their sum:
    `network_ms` one way, taken as half of a round trip, None (and 0 in the sum) until one was
    measured; `packet_ms` until a packet is full, on average, less the half frame by which WebRTC
    rounds the next one up; `jitter_buffer_ms` in WebRTC; `resampler_ms`; `buffer_ms` in the
    fullest ring, on average, which aims at `target_ms`; `device_latency_ms` from the callback to
    the air, as the device reports it.
    What went wrong: `underruns`, how often sound that should be heard was not there in time;
    `device_underflows`, how often the device ran out of what it had been given; `concealed_ms`,
    what the jitter buffer invented; `trimmed_frames`, left out to bound the delay (48 are 1 ms at
    48 kHz). `received_frames` counts what came in, at 48 kHz, of all tracks together; `tracks` is
    how many there are, whose `concealed_ms` add up.
    `drift_ppm` is how fast the sound card runs against the frames; None until it is known. The
    callback's times are of all its calls since the device opened.
    """

    delay_ms: float = 0.0
    network_ms: float | None = None
    packet_ms: float = 0.0
    jitter_buffer_ms: float = 0.0
    resampler_ms: float = 0.0
    buffer_ms: float = 0.0
    target_ms: float = 0.0
    device_latency_ms: float = 0.0
    underruns: int = 0
    device_underflows: int = 0
    concealed_ms: float = 0.0
    trimmed_frames: int = 0
    received_frames: int = 0
    tracks: int = 0
    drift_ppm: float | None = None
    callback_p99_ms: float = 0.0
    callback_p999_ms: float = 0.0
    callback_longest_ms: float = 0.0


class IncidentEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="incident"):
    """What is known of the incident. Texts are the network's: clean them before drawing."""

    id: str
    caller_phone_number: str = ""
    is_audio_live: bool = False
    created_at: str | None = None
    location: str = ""


class WordsEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="words"):
    """Words of one speaker, in order: what has come or has changed.

    They replace those of the same speaker that start at or after the first of them, as in the
    vendor's own messages: `callplayer.vendor.transcript.Transcript.apply` is that rule. All words
    that there are come after the start, in several events. Texts are the network's: clean them
    before drawing.
    """

    words: tuple[Word, ...]


TranscriptState = Literal[
    "connecting",  # not known yet whether there are words
    "open",  # words come as they are known
    "reconnecting",  # the words so far stay good
    "none",  # this call, or this client, has no transcript
]


class TranscriptEvent(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="transcript"
):
    """Whether there are words; emitted on change. The sound does not depend on it.

    `detail` is one line that says why it is not `open`, "" where there is nothing to say.
    """

    state: TranscriptState
    detail: str = ""


class Device(msgspec.Struct, frozen=True):
    """A sound device: the `name` to ask for it by, and a `label` for people."""

    name: str
    label: str


class DevicesEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="devices"):
    """The devices that can be chosen; emitted on request, and after a choice.

    `current` plays (None: none does) and does not report `output_delay_ms` of its delay; it clicks
    each second from `click_s` (monotonic; None: not at all). `chosen` "" is the system's default.
    """

    devices: tuple[Device, ...]
    current: str | None = None
    chosen: str = ""
    output_delay_ms: int = 0
    click_s: float | None = None


class ErrorEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="error"):
    """What happened and what to do. `exit_code` is set if it ends the engine."""

    code: str
    message: str
    hint: str
    exit_code: int | None = None


class ByeEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="bye"):
    """The last line: the engine has left the room and closed the device."""

    exit_code: int = 0


Event = (
    StateEvent
    | LevelsEvent
    | StatsEvent
    | IncidentEvent
    | WordsEvent
    | TranscriptEvent
    | DevicesEvent
    | ClipEvent
    | EvenedEvent
    | WaveEvent
    | ErrorEvent
    | ByeEvent
)
