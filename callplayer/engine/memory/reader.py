"""One reader of all lanes' past: the same place in each of them, to the sample. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from callplayer.engine.memory.call_memory import CallMemory, regain_db
from callplayer.engine.memory.stretch import FRAMES_PER_MS, GainsDb, Spot, Stretch
from callplayer.engine.memory.voice import JOIN_FRAMES, VoiceMemory
from callplayer.recordings.samples import SAMPLE_RATE_HZ

PCM_SCALE = np.float32(1 / 32_768)
RAMP_FRAMES = SAMPLE_RATE_HZ // 50
"""A volume moves over 20 ms."""

FAR_FRAMES = 25 * SAMPLE_RATE_HZ
"""Further ahead nothing depends on how far it is."""

Samples = npt.NDArray[np.float32]


@dataclass
class LoopSpan:
    """A stretch of the call that is heard again and again: `frames` from `start_ms` on.

    It turns back to the same samples, the `spots` of each lane: their places are put right by some
    ms while more comes.
    """

    start_ms: float
    frames: int
    spots: dict[str, Spot]


@dataclass
class _Head:
    """Where one lane is read, and how loud."""

    spot: Spot
    gain: float | None = None
    wanted_gain: float = 1.0
    ramp_left: int = 0
    fading: Spot | None = None
    faded: int = JOIN_FRAMES

    def amplify(self, samples: Samples, gain: float) -> None:
        """Bring samples to a gain, a factor, from the one before in RAMP_FRAMES."""
        if self.gain is None:
            self.gain = self.wanted_gain = gain
        if gain != self.wanted_gain:
            self.wanted_gain, self.ramp_left = gain, RAMP_FRAMES
        at = min(self.ramp_left, len(samples))
        if at:
            step = (self.wanted_gain - self.gain) / self.ramp_left
            samples[:at] *= self.gain + step * np.arange(1, at + 1, dtype=np.float32)
            self.gain += step * at
            self.ramp_left -= at
            self.gain = self.gain if self.ramp_left else self.wanted_gain
        if self.gain != 1.0:
            samples[at:] *= np.float32(self.gain)


@dataclass
class MemoryReader:
    """Reads the same place of all lanes. `place_ms` is that of the next sample."""

    memory: CallMemory
    place_ms: float = 0.0
    loop: LoopSpan | None = None
    _heads: dict[str, _Head] = field(default_factory=dict)
    _until_turn: int = 0

    def seek(self, place_ms: float, needed: Iterable[str]) -> bool:
        """Go to a place; return whether all `needed` lanes have it, else stay."""
        spots = self.memory.find(place_ms, needed)
        if spots is None:
            return False
        self.place_ms = place_ms
        self._heads = {name: _Head(spot) for name, spot in spots.items()}
        if self.loop is not None:
            into = round((place_ms - self.loop.start_ms) * FRAMES_PER_MS)
            self._until_turn = self.loop.frames - into
            if not 0 < self._until_turn <= self.loop.frames:
                self.loop = None
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """Return the lanes that are read here, or may be further on."""
        return tuple(self.memory.voices)

    def start_loop(self, start_ms: float, end_ms: float, needed: Iterable[str]) -> bool:
        """Turn back to `start_ms` at `end_ms`, to the sample, from the next `seek` on.

        Return False, and do nothing, unless all `needed` lanes have its start, and all that do have
        it to its end without a break.
        """
        frames = round((end_ms - start_ms) * FRAMES_PER_MS)
        spots = self.memory.find(start_ms, needed)
        if spots is None or any(
            self.memory.voices[name].frames_ahead(spot, frames) < frames
            for name, spot in spots.items()
        ):
            return False
        self.loop = LoopSpan(start_ms, frames, spots)
        return True

    def is_whole(self, start_ms: float, end_ms: float, needed: Iterable[str]) -> bool:
        """Return whether no words can be gone from a stretch that is stored."""
        spots = self.memory.find(start_ms, needed) or {}
        return not any(
            each.is_broken
            for spot in spots.values()
            for each in spot.settled().stretch.onwards()
            if each.place_ms < end_ms and each.end > each.first
        )

    @property
    def is_at_newest(self) -> bool:
        """Return whether what is read grows by what is received now."""
        return any(
            self.memory.voices[name].last_of(head.spot).stretch is self.memory.voices[name].newest
            for name, head in self._heads.items()
        )

    def is_usable(self) -> bool:
        """Return whether the volumes that are wanted can be made of what is read."""
        return all(
            regain_db(head.spot.stretch.gains_db, self.memory.wanted_db.get(name, ())) is not None
            for name, head in self._heads.items()
        )

    def heard_to(self) -> dict[str, Spot]:
        """Return where each lane is read next."""
        return {name: head.spot for name, head in self._heads.items()}

    def last_stretches(self) -> dict[str, Stretch]:
        """Return the stretch of each lane in which what can be read on ends."""
        return {
            name: self.memory.voices[name].last_of(head.spot).stretch
            for name, head in self._heads.items()
        }

    def frames_ahead(self) -> int:
        """Return how many samples can be read on, up to FAR_FRAMES."""
        growing: list[int] = []
        others: list[int] = []
        for name, head in self._heads.items():
            voice = self.memory.voices[name]
            ahead = voice.frames_ahead(head.spot, FAR_FRAMES)
            grows = voice.last_of(head.spot).stretch is voice.newest
            (growing if grows and voice.newest is not None else others).append(ahead)
        return min(growing) if growing else max(others, default=0)

    def end_ms(self) -> float:
        """Return the place where what can be read on from here ends: the furthest lane's."""
        ends = [self.memory.voices[name].last_of(head.spot) for name, head in self._heads.items()]
        return max((each.place_ms for each in ends), default=self.place_ms)

    def read(self, frames: int) -> dict[str, Samples]:
        """Return the next samples of each lane, float32, full scale at ±1, and move on.

        They are as many as there are, `frames` at most. A lane that has none is silent.
        """
        if self.loop is None:
            return self._read_on(min(frames, self.frames_ahead()))
        parts: list[dict[str, Samples]] = []
        while frames:
            count = min(frames, self._until_turn)
            parts.append(self._read_on(count))
            frames -= count
            self._until_turn -= count
            if not self._until_turn and not self._turn(self.loop):
                break
        names = {name for part in parts for name in part}
        return {name: np.concatenate([p.get(name, _silence(p)) for p in parts]) for name in names}

    def _turn(self, loop: LoopSpan) -> bool:
        for name, voice in self.memory.voices.items():
            usable, stored = self.memory.usable(name), loop.spots.pop(name, None)
            spot = stored.settled() if stored is not None else None
            if spot is None or spot.sample < voice.store.first or not usable(spot.stretch):
                spot = voice.find(loop.start_ms, usable)
            if spot is not None:
                loop.spots[name] = spot
        if not loop.spots:  # dropped meanwhile, or received with other volumes
            self.loop = None
            return False
        heads = {}
        for name, spot in loop.spots.items():
            before = self._heads.get(name)
            head = heads[name] = _Head(spot)
            if before is not None:
                head.gain, head.wanted_gain = before.gain, before.wanted_gain
                head.fading, head.faded = before.spot, 0
        self._heads, self.place_ms, self._until_turn = heads, loop.start_ms, loop.frames
        return True

    def _read_on(self, frames: int) -> dict[str, Samples]:
        out: dict[str, Samples] = {}
        if not frames:
            return out
        lead: Spot | None = None
        for name, voice in self.memory.voices.items():
            head = self._heads.get(name)
            if head is None:
                spot = voice.find(self.place_ms, self.memory.usable(name))
                if spot is None:
                    continue
                head = self._heads[name] = _Head(spot)
            samples = self._read_one(name, voice, head, frames)
            if len(samples) < frames:
                samples = np.concatenate((samples, np.zeros(frames - len(samples), np.float32)))
                del self._heads[name]
            elif lead is None:
                lead = head.spot
            out[name] = samples
        self.place_ms = lead.place_ms if lead else self.place_ms + frames / FRAMES_PER_MS
        return out

    def _read_one(self, name: str, voice: VoiceMemory, head: _Head, frames: int) -> Samples:
        wanted_db = self.memory.wanted_db.get(name, ())
        wanted = 10 ** (wanted_db[0] / 20) if wanted_db else 1.0
        parts, head.spot = voice.read_parts(head.spot, frames)
        samples: Samples = np.concatenate(
            [pcm * np.float32(_made_even(each, wanted_db) * PCM_SCALE) for pcm, each in parts]
            or [np.zeros(0, np.float32)]
        )
        if head.fading is not None and len(samples):
            count = min(JOIN_FRAMES - head.faded, len(samples))
            old, head.fading = voice.read(head.fading, count)
            rise = (head.faded + np.arange(len(old), dtype=np.float32) + 0.5) / JOIN_FRAMES
            samples[: len(old)] *= rise
            even = np.float32(_made_even(head.spot.stretch, wanted_db) * PCM_SCALE)
            samples[: len(old)] += old * even * (1 - rise)
            head.faded += count
            if head.faded >= JOIN_FRAMES or len(old) < count:
                head.fading = None
        head.amplify(samples, wanted)
        return samples


def _made_even(stretch: Stretch, wanted_db: GainsDb) -> float:
    """Return the factor that undoes the volume a stretch was received with.

    Where that cannot be known, it is the one that leaves the sound as it was.
    """
    step_db = regain_db(stretch.gains_db, wanted_db)
    wanted_first_db = wanted_db[0] if wanted_db else 0.0
    return float(10 ** (((step_db or 0.0) - wanted_first_db) / 20))


def _silence(part: Mapping[str, Samples]) -> Samples:
    """Return silence as long as the lanes of a part are."""
    return np.zeros(max((len(each) for each in part.values()), default=0), np.float32)
