"""What a server plays anew, put where the memory ends: by the sound itself, to the sample. Pure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.ear import Arrival
from callplayer.engine.memory.match import find_match
from callplayer.engine.memory.reader import MemoryReader
from callplayer.engine.memory.reports import LEAP_MS
from callplayer.engine.memory.stretch import FRAMES_PER_MS, Spot, Stretch
from callplayer.engine.memory.voice import JOIN_FRAMES, VoiceMemory
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOG = logging.getLogger(__name__)

TEMPLATE_FRAMES = SAMPLE_RATE_HZ * 150 // 1000
"""How much of what comes is looked for in what is stored."""

SEARCH_FRAMES = SAMPLE_RATE_HZ * 125 // 1000
"""How far from the reported place it is looked for, to both sides."""

SHORTEST_FRAMES = SAMPLE_RATE_HZ * 50 // 1000
"""Of what comes late no less is looked for."""

END_FRAMES = SAMPLE_RATE_HZ * 40 // 1000
NEAR_FRAMES = SAMPLE_RATE_HZ * 16 // 1000
"""The end of it is looked for once more, so near: a jitter buffer moves the sound by less."""

GUARD_FRAMES = SAMPLE_RATE_HZ * 40 // 1000
"""How long before the end of what is stored that piece ends: a reported place is off by less."""

MOST_PROBES = 16
"""How many probes are looked for, the latest first: at the seam it counts, and silence has no
mark."""


class Handback:
    """Remembers where the reading ends while a server is on its way there. `lock` guards the
    memory; what takes its time is done without it."""

    def __init__(self, memory: CallMemory, lock: threading.RLock) -> None:
        self._memory = memory
        self._lock = lock
        self._old: dict[str, Stretch] = {}
        self._since: dict[str, int] = {}

    def begin(self, reader: MemoryReader) -> float:
        """The server is asked for what follows; return the place where the memory ends, in ms."""
        self._old = reader.last_stretches()
        self._since = {name: each.store.written for name, each in self._memory.voices.items()}
        return reader.end_ms()

    def join(self, reader: MemoryReader, names: Collection[str], *, patient: bool) -> Arrival:
        """Put what has come since at the end of what `reader` reads, if it goes on there.

        While `patient` all lanes of `names` are waited for.
        """
        with self._lock:
            fresh: dict[str, Stretch] = {}
            for name, voice in self._memory.voices.items():
                first = voice.first_since(self._since.get(name, 0))
                if first is not None and voice.is_open:
                    fresh[name] = first
            lacking = self._old.keys() & set(names) - fresh.keys()
            if not fresh or (lacking and patient):
                return "awaited"
            seams = find_seams(self._memory, self._old, fresh)
        if not isinstance(seams, dict):
            return seams
        found = {name: seam.find() for name, seam in seams.items()}
        with self._lock:
            known = join(self._memory, seams, found, reader.heard_to())
            seams_ms = {name: seam.old.place_of(seam.old.end) for name, seam in seams.items()}
        places = ", ".join(f"{name} at {at_ms:.0f} ms" for name, at_ms in seams_ms.items())
        LOG.info("joined %s: %s", "to the sample" if known else "by the reported places", places)
        return "joined"


class SameSound(NamedTuple):
    """What the sound itself shows: the first sample that came is `old_at_fresh` of the old stretch.

    It was looked at up to the sample `old_to` of that. The reported place was `error` samples too
    low there.
    """

    old_at_fresh: int
    old_to: int
    error: int


@dataclass(frozen=True)
class Probe:
    """A piece of what comes, and the sound from sample `start` on that it is looked for in.

    It is `at` so many samples after the first that came; `guess` is where it should be found.
    """

    template: Pcm
    searched: Pcm
    start: int
    at: int
    guess: int

    def find(self) -> SameSound | None:
        """Return where the two are the same, at the piece's end to the sample; None if unsure.

        A jitter buffer may have moved the sound within the piece.
        """
        match, size = find_match(self.template, self.searched), len(self.template)
        if match is None:
            return None
        offset, low = match.offset, max(match.offset + size - END_FRAMES - NEAR_FRAMES, 0)
        at_end = self.searched[low : match.offset + size + NEAR_FRAMES]
        end = find_match(self.template[-END_FRAMES:], at_end)
        if end is not None:
            offset = low + end.offset + min(END_FRAMES, size) - size
        found = self.start + offset
        return SameSound(found - self.at, found + size, offset - self.guess)


@dataclass(frozen=True)
class Seam:
    """What comes since `fresh` began is to go on at the end of `old`, of one lane.

    `probes` are of the end of both, the latest first.
    """

    old: Stretch
    fresh: Stretch
    probes: tuple[Probe, ...]

    def find(self) -> SameSound | None:
        """Return where the two are the same sound; None if unsure."""
        for probe in self.probes:
            same = probe.find()
            if same is not None:
                return same
        return None


def find_seams(
    memory: CallMemory, old: Mapping[str, Stretch], fresh: Mapping[str, Stretch]
) -> dict[str, Seam] | Literal["awaited", "elsewhere"]:
    """Return what is to be joined, by lane, once what comes has come so far.

    It never goes on beyond the end: what lies between would not be heard.
    """
    seams, reaches_back = {}, False
    for name, new in fresh.items():
        if name not in old:
            continue
        before, voice = old[name], memory.voices[name]
        guarded_ms = before.place_of(before.end - GUARD_FRAMES)
        *_, newest = new.onwards()
        come = newest.end - new.first
        if come < TEMPLATE_FRAMES or newest.place_of(newest.end) < guarded_ms:
            return "awaited"
        guarded = _sample_at(new, guarded_ms) - new.first
        reaches_back = reaches_back or guarded >= SHORTEST_FRAMES
        size = min(TEMPLATE_FRAMES, guarded)
        last = min(guarded, come) - size
        earliest = voice.unbroken_from(before)
        probes = (
            _probe(voice, (before, earliest), new, at, size)
            for at in range(last, _leapt(new, guarded) - 1, -TEMPLATE_FRAMES)[:MOST_PROBES]
        )
        seams[name] = Seam(before, new, tuple(probe for probe in probes if probe))
    return seams if reaches_back else "elsewhere"


def _sample_at(fresh: Stretch, place_ms: float) -> int:
    """Return the sample that has a place by what was reported last of it, or may come to have."""
    at = fresh
    for each in fresh.onwards():
        if each.place_ms <= place_ms:
            at = each
    sample = at.first + max(round((place_ms - at.place_ms) * FRAMES_PER_MS), 0)
    if at.following is not None and sample > at.end:
        return at.end + JOIN_FRAMES  # what is there never came: the fade is into what is after it
    return sample


def _leapt(fresh: Stretch, up_to: int) -> int:
    """Return how many of the first `up_to` samples came before the place leapt last.

    What they are the same as says nothing of what is after the leap.
    """
    leapt = 0
    for each in fresh.onwards():
        later = each.following
        if later is None or later.first - fresh.first > up_to:
            break
        if abs(later.place_ms - each.place_of(later.first)) > LEAP_MS:
            leapt = later.first - fresh.first
    return leapt


def _probe(
    voice: VoiceMemory, stored: tuple[Stretch, int], fresh: Stretch, at: int, size: int
) -> Probe | None:
    """Return the probe of `size` samples, `at` so many after the beginning of what comes.

    `stored` is the old stretch and the sample that it is counted on from, which may be of a stretch
    before it.
    """
    old, earliest = stored
    first = fresh.first + at
    *_, part = (each for each in fresh.onwards() if each is fresh or each.first <= first)
    guess = old.first + round((part.place_of(first) - old.place_ms) * FRAMES_PER_MS)
    start = max(guess - SEARCH_FRAMES, earliest)
    stop = min(guess + size + SEARCH_FRAMES, old.end)
    if size < SHORTEST_FRAMES or stop - start < size:
        return None
    template = voice.store.read(first, size)
    return Probe(template, voice.store.read(start, stop - start), start, at, guess - start)


def join(
    memory: CallMemory,
    seams: Mapping[str, Seam],
    found: Mapping[str, SameSound | None],
    heard_to: Mapping[str, Spot],
) -> bool:
    """Have what comes go on at the ends of what is stored, by lane.

    Return whether the sound itself showed where: in one lane is enough, the others have the same
    place. Where it did not, reported places count.
    """
    known = [each.error for each in found.values() if each is not None]
    off_ms = min(known, key=abs, default=0) / FRAMES_PER_MS
    moved_ms = 0.0
    for name in sorted(seams, key=lambda each: found[each] is None):
        seam, spot, same, voice = seams[name], heard_to.get(name), found[name], memory.voices[name]
        old, fresh = seam.old, seam.fresh
        heard = spot.sample if spot is not None and spot.stretch is old else None
        if same is not None:
            moved_ms = voice.join(old, fresh, same.old_at_fresh, heard, same_to=same.old_to)
            continue
        goes_on = _sample_at(fresh, old.place_of(old.end) - off_ms)
        at_fresh = old.end - (goes_on - fresh.first)
        voice.join(old, fresh, at_fresh, heard, off_ms=off_ms, moved_ms=moved_ms)
    return bool(known)
