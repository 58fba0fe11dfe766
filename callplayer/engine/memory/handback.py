"""What a server plays anew, put where the memory ends: by the sound itself, to the sample. Pure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from callplayer.engine.memory.call_memory import CallMemory, MemoryReader
from callplayer.engine.memory.compression import Pcm
from callplayer.engine.memory.match import find_match
from callplayer.engine.memory.voice import FRAMES_PER_MS, Spot, Stretch, VoiceMemory
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOG = logging.getLogger(__name__)

TEMPLATE_FRAMES = SAMPLE_RATE_HZ * 150 // 1000
"""So much of what comes is looked for in what is stored."""

SEARCH_FRAMES = SAMPLE_RATE_HZ * 125 // 1000
"""So far from the reported place, to both sides."""

GUARD_FRAMES = SAMPLE_RATE_HZ * 40 // 1000
"""So long before the end of what is stored that piece ends: a reported place is off by less."""

MOST_PROBES = 16
"""So many probes are looked for, the latest first: at the seam it counts, and silence has no
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

    def join(self, reader: MemoryReader, names: Collection[str], *, patient: bool) -> bool:
        """Put what has come since at the end of what `reader` reads; return whether that is done.

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
                return False
            seams = find_seams(self._memory, self._old, fresh)
        if seams is None:
            return False
        errors = {name: seam.error() for name, seam in seams.items()}
        with self._lock:
            known = join(self._memory, seams, errors, reader.heard_to())
        LOG.info("joined %s", "to the sample" if known else "by the reported places")
        return True


@dataclass(frozen=True)
class Probe:
    """A piece of what comes, and the sound that it is looked for in, where `guess` is its place."""

    template: Pcm
    searched: Pcm
    guess: int


@dataclass(frozen=True)
class Seam:
    """What comes since `fresh` began is to go on at the end of `old`, of one lane.

    By the reported places its first sample is the sample `begin` of `old`. `probes` are of the end
    of both, the latest first.
    """

    old: Stretch
    fresh: Stretch
    begin: int
    probes: tuple[Probe, ...]

    def error(self) -> int | None:
        """Return by how many samples the reported places are off at the end; None if unsure."""
        for probe in self.probes:
            match = find_match(probe.template, probe.searched)
            if match is not None:
                return match.offset - probe.guess
        return None


def find_seams(
    memory: CallMemory, old: Mapping[str, Stretch], fresh: Mapping[str, Stretch]
) -> dict[str, Seam] | None:
    """Return what is to be joined, by lane; None while what comes has not come so far."""
    seams = {}
    for name, new in fresh.items():
        if name not in old:
            continue
        before, voice = old[name], memory.voices[name]
        begin = before.first + round((new.place_ms - before.place_ms) * FRAMES_PER_MS)
        come, guarded = voice.store.written - new.first, before.end - begin - GUARD_FRAMES
        if come < max(guarded, TEMPLATE_FRAMES):
            return None
        last = max(min(guarded, come) - TEMPLATE_FRAMES, 0)
        probes = (
            _probe(voice, before, new, begin, at)
            for at in range(last, -1, -TEMPLATE_FRAMES)[:MOST_PROBES]
        )
        seams[name] = Seam(before, new, begin, tuple(probe for probe in probes if probe))
    return seams


def _probe(voice: VoiceMemory, old: Stretch, fresh: Stretch, begin: int, at: int) -> Probe | None:
    """Return the probe `at` so many samples after the beginning of what comes."""
    guess = begin + at
    start = max(guess - SEARCH_FRAMES, old.first)
    stop = min(guess + TEMPLATE_FRAMES + SEARCH_FRAMES, old.end)
    if stop - start < TEMPLATE_FRAMES:
        return None
    template = voice.store.read(fresh.first + at, TEMPLATE_FRAMES)
    return Probe(template, voice.store.read(start, stop - start), guess - start)


def join(
    memory: CallMemory,
    seams: Mapping[str, Seam],
    errors: Mapping[str, int | None],
    heard_to: Mapping[str, Spot],
) -> bool:
    """Have what comes go on at the ends of what is stored, by lane.

    Return whether the sound itself showed where: in one lane is enough, the others have the same
    place. Where it did not, reported places count.
    """
    known = [error for error in errors.values() if error is not None]
    shared = min(known, key=abs, default=0)
    for name, seam in seams.items():
        spot, error = heard_to.get(name), errors[name]
        is_there = spot is not None and spot.stretch is seam.old
        memory.voices[name].join(
            seam.old,
            seam.fresh,
            seam.begin + (shared if error is None else error),
            spot.sample if spot is not None and is_there else None,
        )
    return bool(known)
