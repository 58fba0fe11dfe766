"""What the engine emits of what it remembers: clips that were saved, levels, evened volumes."""

from __future__ import annotations

from typing import Literal

import msgspec

from callplayer.vendor.parties import Party

WAVE_STEP_MS = 50


class ClipEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="clip"):
    """How it goes with a clip; emitted each second while it is fetched, and once it is saved.

    `sound` and `sidecar` are the files' paths, `sha256` is of the sound's file. `gaps_ms` are the
    stretches of the call that could not be fetched and are silent; `left_s` is how much is still
    to be fetched.
    """

    stage: Literal["fetching", "saved"]
    start_ms: int
    end_ms: int
    left_s: float = 0.0
    sound: str = ""
    sidecar: str = ""
    sha256: str = ""
    gaps_ms: tuple[tuple[int, int], ...] = ()


class EvenedParty(msgspec.Struct, frozen=True, kw_only=True):
    """A party's volume that makes it as loud as the other, and its loudness at 0 dB.

    `loudness_lufs` is None, and the volume as it was, where too little of it is remembered.
    """

    party: Party
    gain_db: float
    loudness_lufs: float | None = None


class EvenedEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="evened"):
    """Both volumes were set by what is remembered."""

    parties: tuple[EvenedParty, ...]


class WaveEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="wave"):
    """How loud a lane is where it was received: RMS in whole dBFS at 0 dB of volume.

    Each of `levels_db` is of WAVE_STEP_MS, the first from `start_ms` on.
    """

    lane: str
    start_ms: int
    levels_db: tuple[int, ...]
