"""What a server plays anew, put where the memory ends: by the sound itself, to the sample. Pure."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from callplayer.engine.memory.call_memory import CallMemory, MemoryReader
from callplayer.engine.memory.match import find_match
from callplayer.engine.memory.voice import FRAMES_PER_MS, Spot, Stretch
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOG = logging.getLogger(__name__)

TEMPLATE_FRAMES = SAMPLE_RATE_HZ * 150 // 1000
"""So much of what comes is looked for in what is stored."""

SEARCH_FRAMES = SAMPLE_RATE_HZ * 125 // 1000
"""So far from the place that is told, to both sides."""


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

    Return None while too little has come to know, else whether the sound itself showed where: in
    one lane is enough, the others have the same place. Where it did not, places told count.
    """
    errors_ms: dict[str, float] = {}
    for name, new in fresh.items():
        voice, before = memory.voices[name], old.get(name)
        if before is None:
            continue
        if voice.store.written - new.first < TEMPLATE_FRAMES:
            return None
        guess = before.first + round((new.place_ms - before.place_ms) * FRAMES_PER_MS)
        start = max(guess - SEARCH_FRAMES, before.first)
        stop = min(guess + TEMPLATE_FRAMES + SEARCH_FRAMES, before.end)
        template = voice.store.read(new.first, TEMPLATE_FRAMES)
        match = (
            find_match(template, voice.store.read(start, stop - start)) if stop > start else None
        )
        if match is not None:
            errors_ms[name] = (start + match.offset - guess) / FRAMES_PER_MS
    shared_ms = min(errors_ms.values(), key=abs, default=0.0)
    for name, new in fresh.items():
        voice, before = memory.voices[name], old.get(name)
        if before is None:
            continue
        place_ms = new.place_ms + errors_ms.get(name, shared_ms)
        same = before.first + round((place_ms - before.place_ms) * FRAMES_PER_MS)
        spot = heard_to.get(name)
        is_there = spot is not None and spot.stretch is before
        voice.join(before, new, same, spot.sample if spot is not None and is_there else None)
    return bool(errors_ms)
