"""The memory of a long call stays small, and says what it drops."""

from __future__ import annotations

import asyncio
import threading

import numpy as np

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.session.recall.upkeep import FULL, MemoryLimits, Upkeep

SECOND = np.arange(48_000, dtype=np.int16)
HOURS_3 = 3 * 3600


def stored(seconds: int) -> CallMemory:
    memory = CallMemory()
    for at in range(seconds):
        for name in ("caller", "callTaker"):
            memory.append(name, SECOND, (at + 1) * 1000.0, is_news=False)
    return memory


async def test_what_is_old_is_coded_and_the_oldest_dropped_and_said() -> None:
    memory, said = stored(8), []
    limits = MemoryLimits(exact_s=2, most_bytes=4 * 96_000 + 110_000)
    upkeep = Upkeep(memory, threading.RLock(), lambda *what: said.append(what), limits)
    upkeep.look(0.0)
    for at in range(100):
        await asyncio.sleep(0.02)
        upkeep.look(1.0 + at)
        if said:
            break
    assert [what[:2] for what in said] == [("memory-full", FULL)]
    assert memory.size_bytes <= limits.most_bytes + 4 * 96_000
    ((start_ms, end_ms),) = upkeep.ranges_ms
    assert start_ms > 0
    assert end_ms == 8_000
