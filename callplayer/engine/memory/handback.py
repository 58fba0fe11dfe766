"""What a server plays anew, put where the memory ends: by the sound itself, to the sample. Pure."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from callplayer.engine.memory.call_memory import CallMemory, MemoryReader
from callplayer.engine.memory.match import find_match
from callplayer.engine.memory.voice import FRAMES_PER_MS, Spot, Stretch, VoiceMemory
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOG = logging.getLogger(__name__)

TEMPLATE_FRAMES = SAMPLE_RATE_HZ * 150 // 1000
"""So much of what comes is looked for in what is stored."""

SEARCH_FRAMES = SAMPLE_RATE_HZ * 125 // 1000
"""So far from the place that is told, to both sides."""

GUARD_FRAMES = SAMPLE_RATE_HZ * 40 // 1000
"""So long before the end of what is stored that piece ends: a place told is off by less."""

MOST_TEMPLATES = 5
"""So many pieces are looked for, the latest first: at the seam it counts, and silence has no
mark."""


class Handback:
    """Remembers where the reading ends while a server is on its way there."""

    def __init__(self, memory: CallMemory) -> None:
        self._memory = memory
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
        fresh: dict[str, Stretch] = {}
        for name, voice in self._memory.voices.items():
            first = voice.first_since(self._since.get(name, 0))
            if first is not None and voice.is_open:
                fresh[name] = first
        lacking = self._old.keys() & set(names) - fresh.keys()
        if not fresh or (lacking and patient):
            return False
        known = join(self._memory, self._old, fresh, reader.heard_to())
        if known is not None:
            LOG.info("joined %s", "to the sample" if known else "by the places told")
        return known is not None


def join(
    memory: CallMemory,
    old: Mapping[str, Stretch],
    fresh: Mapping[str, Stretch],
    heard_to: Mapping[str, Spot],
) -> bool | None:
    """Have what comes, since `fresh` began, go on at the ends of `old`; by lane.

    Return None while it has not come so far, else whether the sound itself showed where: in one
    lane is enough, the others have the same place. Where it did not, places told count.
    """
    begins = {
        name: old[name].first + round((new.place_ms - old[name].place_ms) * FRAMES_PER_MS)
        for name, new in fresh.items()
        if name in old
    }
    for name, begin in begins.items():
        come = memory.voices[name].store.written - fresh[name].first
        if come < max(old[name].end - begin - GUARD_FRAMES, TEMPLATE_FRAMES):
            return None
    errors = {
        name: error
        for name, begin in begins.items()
        if (error := _error(memory.voices[name], old[name], fresh[name], begin)) is not None
    }
    shared = min(errors.values(), key=abs, default=0)
    for name, begin in begins.items():
        before, spot = old[name], heard_to.get(name)
        is_there = spot is not None and spot.stretch is before
        memory.voices[name].join(
            before,
            fresh[name],
            begin + errors.get(name, shared),
            spot.sample if spot is not None and is_there else None,
        )
    return bool(errors)


def _error(voice: VoiceMemory, old: Stretch, fresh: Stretch, begin: int) -> int | None:
    """Return by how many samples what comes lies behind the places told, near the end of `old`.

    The first sample of `fresh` was taken to be the sample `begin` of `old`. None if it is not sure.
    """
    last = min(old.end - begin - GUARD_FRAMES, voice.store.written - fresh.first) - TEMPLATE_FRAMES
    for at in range(max(last, 0), -1, -TEMPLATE_FRAMES)[:MOST_TEMPLATES]:
        guess = begin + at
        start = max(guess - SEARCH_FRAMES, old.first)
        stop = min(guess + TEMPLATE_FRAMES + SEARCH_FRAMES, old.end)
        if stop - start < TEMPLATE_FRAMES:
            continue
        template = voice.store.read(fresh.first + at, TEMPLATE_FRAMES)
        match = find_match(template, voice.store.read(start, stop - start))
        if match is not None:
            return start + match.offset - guess
    return None
