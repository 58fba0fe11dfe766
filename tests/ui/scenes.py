"""The states of the screen that are worth a picture, and the keys that lead there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC

import msgspec

from callplayer.ipc.messages import (
    WAVE_STEP_MS,
    Device,
    DevicesEvent,
    ErrorEvent,
    Event,
    LaneLevel,
    LaneState,
    LevelsEvent,
    PartyState,
    StateEvent,
    StatsEvent,
    WaveEvent,
    WordsEvent,
)
from callplayer.ipc.news import EngineGone
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.vendor.parties import Party
from tests.rig.clock import SteppedClock
from tests.ui.scripted import (
    FROZEN_S,
    INCIDENT,
    LEVELS,
    PARTIES,
    PLAYING,
    Scripted,
    ScriptedEngine,
)
from tests.ui.talk import TALK, torture, word

SIZES = {"60x16": (60, 16), "80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}


@dataclass(frozen=True)
class Scene:
    """What the engine sent, and which keys were pressed then."""

    events: tuple[Scripted, ...]
    keys: tuple[str, ...] = ()

    def engine(self) -> ScriptedEngine:
        """Return what sends it, on a clock that ends at FROZEN_S and stands still there."""
        passes_s = sum(event for event in self.events if isinstance(event, float))
        return ScriptedEngine(*self.events, clock=SteppedClock(FROZEN_S - passes_s))

    def app(self, theme: str = "", engine: ScriptedEngine | None = None) -> PlayerApp:
        """Return the application over such an engine."""
        engine = engine or self.engine()
        likes = ScreenConfig(zone=UTC, theme=theme)
        return PlayerApp(engine, engine.clock, INCIDENT.id, likes=likes)


def but(state: StateEvent, **changes: object) -> StateEvent:
    """Return the state with some fields changed."""
    return msgspec.structs.replace(state, **changes)


PAUSED = but(PLAYING, phase="paused", paused=True, advancing=False)
UNREACHABLE = ErrorEvent(
    code="unreachable",
    message="The call's server does not answer.",
    hint="Check the network, then start again.",
    exit_code=5,
)
STATS = StatsEvent(
    delay_ms=97.4,
    network_ms=18.5,
    packet_ms=10.0,
    jitter_buffer_ms=30.2,
    resampler_ms=0.7,
    buffer_ms=22.6,
    target_ms=23.0,
    device_latency_ms=14.6,
    underruns=0,
    device_underflows=2,
    concealed_ms=140.0,
    tracks=2,
    trimmed_frames=480,
    received_frames=9_600_000,
    drift_ppm=-31.2,
    callback_p99_ms=0.19,
    callback_p999_ms=0.31,
    callback_longest_ms=2.84,
)
DEVICES = DevicesEvent(
    devices=(
        Device("usb-headset", "Plantronics C320 Headset"),
        Device("built-in", "Built-in Audio Analog Stereo"),
        Device("hdmi", "HDMI / DisplayPort 2 Output"),
    ),
    current="usb-headset",
    chosen="usb-headset",
)
DEVICE_LOST = ErrorEvent(
    code="device-lost",
    message="The sound device Plantronics C320 Headset is gone.",
    hint="There is no other device: the call waits for one.",
)


def received(end_ms: int = 83_400) -> tuple[Event, ...]:
    """Return the call as it came up to a place: they talk by turns, word by word."""
    steps = range(0, end_ms, WAVE_STEP_MS)

    def level_db(party: Party, at_ms: int) -> int:
        speaks = "caller" if at_ms % 11_000 > 4_500 else "callTaker"
        sentence = math.sin(at_ms * 0.00071) * math.cos(at_ms * 0.0023)
        loud = sentence + 0.4 * math.sin(at_ms * 0.0121)
        return round(-24.0 + 14.0 * loud) if party == speaks and loud > -0.4 else -80

    return tuple(
        WaveEvent(lane=lane, start_ms=0, levels_db=tuple(level_db(lane, at_ms) for at_ms in steps))
        for lane in (party.party for party in PARTIES)
    )


LINK = (STATS, 1.0, STATS)
"""A second of a good link."""

BOTH = ("caller", "callTaker")
MIXED_LANES = (LaneState(lane="call", carries=BOTH),)
MIXED_LEVELS = LevelsEvent(
    levels=(LaneLevel(lane="call", rms_db=-21.0, peak_db=-12.0, hold_db=-9.0),)
)
MIXED_WAVE = WaveEvent(lane="call", start_ms=82_000, levels_db=(-21,) * 28)
UNNAMED_LANES = tuple(LaneState(lane=name, carries=BOTH) for name in ("call", "call-2"))
UNNAMED_LEVELS = LevelsEvent(
    levels=(
        *MIXED_LEVELS.levels,
        LaneLevel(lane="call-2", rms_db=-38.0, peak_db=-30.0, hold_db=-14.0),
    )
)

KEPT = but(PLAYING, remembered=((0, 84_100),))
HEARD = (INCIDENT, *LINK, LEVELS, *received(), LEVELS, KEPT, *TALK)
NAMED = msgspec.structs.replace(
    INCIDENT, id="事件 👩\u200d🚒", location="רחוב הרצל 5, Zu\u0308rich 消防署"
)
FROM_MEMORY = but(
    KEPT,
    position_ms=84_100,
    audible_ms=61_200,
    from_memory=True,
    speed=1.5,
    lead_ms=22_900,
    remembered=((0, 31_000), (42_000, 84_100)),
)
SCENES = {
    "playing": Scene((INCIDENT, LEVELS, PLAYING)),
    "paused-requested": Scene(
        (INCIDENT, but(PAUSED, requested_ms=201_000, unconfirmed_s=0.4)), ("tab",)
    ),
    "unconfirmed": Scene((INCIDENT, but(PAUSED, requested_ms=30_000, unconfirmed_s=3.2))),
    "live": Scene(
        (
            msgspec.structs.replace(INCIDENT, is_audio_live=True),
            *LINK,
            LEVELS,
            but(PLAYING, phase="live", call_over=False, position_ms=271_900, audible_ms=271_700),
        )
    ),
    "heard": Scene(HEARD),
    "words": Scene((INCIDENT, LEVELS, PLAYING, *TALK)),
    "words-search": Scene(HEARD, ("slash", *"smoke", "enter")),
    "words-read": Scene((INCIDENT, LEVELS, PLAYING, *TALK), ("w", "down", "right")),
    "pointing": Scene((INCIDENT, LEVELS, PLAYING, *TALK), ("p", *["right"] * 6)),
    "torture": Scene((NAMED, LEVELS, but(PLAYING, device="耳机 🎧 סמעות"), *torture()), ("p",)),
    "bookmarks": Scene(
        (INCIDENT, LEVELS, PLAYING, *TALK, but(PLAYING, position_ms=98_000, audible_ms=98_000)),
        ("b", "b", *"smoke seen", "enter", "v"),
    ),
    "skips-silence": Scene((INCIDENT, LEVELS, PLAYING), ("S",)),
    "light": Scene(HEARD, ("y",)),
    "contrast": Scene(HEARD, ("y", "y")),
    "speech-ahead": Scene(
        (
            msgspec.structs.replace(INCIDENT, is_audio_live=True),
            *LINK,
            LEVELS,
            but(PLAYING, call_over=False, duration_ms=109_000),
            *TALK,
            WordsEvent(words=(word(107.0, "Hello?"),)),
        )
    ),
    "connecting": Scene((StateEvent(phase="connecting", as_of_s=1000.0),)),
    "reconnecting": Scene(
        (
            INCIDENT,
            but(
                PLAYING,
                phase="reconnecting",
                advancing=False,
                detail="The room server does not answer.",
                lost_at_s=988.0,
                retry_at_s=1004.0,
            ),
        )
    ),
    "muted-solo": Scene(
        (
            INCIDENT,
            LEVELS,
            but(
                PLAYING,
                parties=(
                    PartyState(party="caller", soloed=True),
                    PartyState(party="callTaker", muted=True, silenced=True),
                ),
            ),
        )
    ),
    "mixed": Scene((INCIDENT, MIXED_WAVE, *TALK, but(PLAYING, lanes=MIXED_LANES), MIXED_LEVELS)),
    "from-memory": Scene((*HEARD, FROM_MEMORY), ("a",)),
    "mixed-muted": Scene(
        (
            INCIDENT,
            MIXED_LEVELS,
            but(
                PLAYING,
                lanes=MIXED_LANES,
                parties=(
                    PartyState(party="caller", soloed=True),
                    PartyState(party="callTaker", muted=True, silenced=True, muted_at_server=True),
                ),
            ),
        )
    ),
    "two-unnamed": Scene((INCIDENT, UNNAMED_LEVELS, but(PLAYING, lanes=UNNAMED_LANES))),
    "failed": Scene(
        (INCIDENT, PLAYING, UNREACHABLE, EngineGone(UNREACHABLE.message, UNREACHABLE.hint, 5))
    ),
    "help": Scene((INCIDENT, LEVELS, PLAYING), ("question_mark",)),
    "stats": Scene((INCIDENT, LEVELS, PLAYING, STATS), ("i",)),
    "devices": Scene((INCIDENT, LEVELS, PLAYING, DEVICES), ("d", "down")),
    "device-opening": Scene(
        (INCIDENT, but(PAUSED, device=None, held=True, opening="Plantronics C320 Headset"))
    ),
    "device-lost": Scene((INCIDENT, LEVELS, but(PAUSED, device=None, held=True), DEVICE_LOST)),
}
