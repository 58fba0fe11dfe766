"""Older sound is coded, and the oldest dropped, so that the memory stays small."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import CHUNK_FRAMES, ChunkEncoder
from callplayer.recordings.samples import SAMPLE_RATE_HZ

LOOK_S = 1.0
MOST_RANGES = 64
FULL = "What was heard first is not remembered any more: the memory is full."
FULL_HINT = "It is fetched again when it is asked for."


@dataclass(frozen=True)
class MemoryLimits:
    """The last `exact_s` of each lane stay as they came; all lanes take `most_bytes` together."""

    exact_s: int = 600
    most_bytes: int = 175_000_000


class Upkeep:
    """Codes and drops on a thread, a second of sound at a time. `lock` guards the memory.

    `ranges_ms` are the stretches that are stored, as of the last second. `say` takes the code, the
    text and the hint of an error: that something had to be dropped is said once.
    """

    def __init__(
        self,
        memory: CallMemory,
        lock: threading.RLock,
        say: Callable[[str, str, str], None],
        limits: MemoryLimits | None = None,
    ) -> None:
        self.ranges_ms: tuple[tuple[int, int], ...] = ()
        self._memory = memory
        self._lock = lock
        self._say = say
        self._limits = limits or MemoryLimits()
        self._encoders: dict[str, ChunkEncoder] = {}
        self._running: asyncio.Task[None] | None = None
        self._looked_s = float("-inf")
        self._has_dropped = self._has_said = False

    def look(self, now_s: float) -> None:
        """Do what is due. Call it on an event loop."""
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        with self._lock:
            self.ranges_ms = self._memory.ranges_ms()[-MOST_RANGES:]
            most = max((v.store.written for v in self._memory.voices.values()), default=0)
        is_idle = self._running is None or self._running.done()
        if is_idle and most > self._limits.exact_s * SAMPLE_RATE_HZ + CHUNK_FRAMES:
            self._running = asyncio.create_task(asyncio.to_thread(self.run_once))
        if self._has_dropped and not self._has_said:
            self._has_said = True
            self._say("memory-full", FULL, FULL_HINT)

    def run_once(self) -> None:
        """Code what has become old, and drop what is too much."""
        for name, voice in list(self._memory.voices.items()):
            while True:
                with self._lock:
                    chunk = voice.store.next_to_code(self._limits.exact_s * SAMPLE_RATE_HZ)
                if chunk is None:
                    break
                encoder = self._encoders.setdefault(name, ChunkEncoder())
                packets = encoder.encode(chunk)
                with self._lock:
                    voice.store.keep_coded(packets)
        with self._lock:
            while self._memory.size_bytes > self._limits.most_bytes:
                if not self._memory.drop_oldest():
                    break
                self._has_dropped = True
