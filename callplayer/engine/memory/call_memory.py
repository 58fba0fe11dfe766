"""All lanes' past. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.stretch import GainsDb, Spot, Stretch
from callplayer.engine.memory.voice import VoiceMemory

MOST_REGAIN_DB = 24.0
"""What was received softer than this below what is wanted is too coarse to be heard: 16 bits."""


def regain_db(stored_db: GainsDb, wanted_db: GainsDb) -> float | None:
    """Return by how much to amplify what was received with other volumes.

    None where that is too much, or a lane holds both parties and only one was changed since.
    """
    if len(stored_db) != len(wanted_db):
        return None
    steps_db = {
        round(wanted - stored, 2) for stored, wanted in zip(stored_db, wanted_db, strict=True)
    }
    step_db = next(iter(steps_db), 0.0)
    return None if len(steps_db) > 1 or step_db > MOST_REGAIN_DB else step_db


class CallMemory:
    """What has been received of a call, by lane. `wanted_db` are the volumes that are wanted."""

    def __init__(self) -> None:
        self.voices: dict[str, VoiceMemory] = {}
        self.wanted_db: dict[str, GainsDb] = {}

    def append(self, name: str, pcm: Pcm, place_ms: float, *, is_news: bool = True) -> None:
        """Take a frame of one lane; `place_ms` is that of the sample after it."""
        voice = self.voices.get(name)
        if voice is None:
            voice = self.voices[name] = VoiceMemory(self.wanted_db.get(name, ()))
        voice.append(pcm, place_ms, is_news=is_news)

    def close(self) -> None:
        """The sound breaks off in all lanes."""
        for voice in self.voices.values():
            voice.close()

    def set_gains(
        self, wanted_db: Mapping[str, GainsDb], after_frames: int, sure_frames: int
    ) -> None:
        """The server has been asked for these volumes.

        What comes after `after_frames` may have them, after `sure_frames` it does.
        """
        self.wanted_db = dict(wanted_db)
        for name, gains_db in wanted_db.items():
            voice = self.voices.get(name)
            if voice is not None and voice.gains_db != gains_db:
                voice.set_gains(gains_db, after_frames, sure_frames)

    def usable(self, name: str) -> Callable[[Stretch], bool]:
        """Return whether a stretch of a lane can be heard as it is wanted."""
        wanted_db = self.wanted_db.get(name, ())
        return lambda each: not each.is_suspect and regain_db(each.gains_db, wanted_db) is not None

    def find(self, place_ms: float, needed: Iterable[str]) -> dict[str, Spot] | None:
        """Return where a place is stored, by lane: None unless all the `needed` ones have it."""
        spots: dict[str, Spot] = {}
        for name, voice in self.voices.items():
            spot = voice.find(place_ms, self.usable(name))
            if spot is not None:
                spots[name] = spot
        return spots if spots and spots.keys() >= set(needed) else None

    @property
    def size_bytes(self) -> int:
        """Return what all samples take, in bytes."""
        return sum(voice.store.size_bytes for voice in self.voices.values())

    def drop_oldest(self) -> bool:
        """Drop the oldest second of a lane that is coded; return whether there was any."""
        voices = sorted(self.voices.values(), key=lambda voice: voice.store.first)
        for voice in voices:
            if voice.store.drop_oldest():
                voice.forget_dropped()
                return True
        return False

    def ranges_ms(self) -> tuple[tuple[int, int], ...]:
        """Return what all lanes have, merged, in whole ms, in the order of the call."""
        common: list[tuple[float, float]] | None = None
        for voice in self.voices.values():
            ranges = voice.ranges_ms()
            common = ranges if common is None else _overlap(common, ranges)
        return tuple((max(round(start_ms), 0), round(end_ms)) for start_ms, end_ms in common or ())


def _overlap(
    some: list[tuple[float, float]], others: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    both: list[tuple[float, float]] = []
    at = other = 0
    while at < len(some) and other < len(others):
        start_ms = max(some[at][0], others[other][0])
        end_ms = min(some[at][1], others[other][1])
        if start_ms < end_ms:
            both.append((start_ms, end_ms))
        if some[at][1] < others[other][1]:
            at += 1
        else:
            other += 1
    return both
