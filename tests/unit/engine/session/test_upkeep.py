"""The memory of a long call stays small, and says what it drops."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.compression import ChunkEncoder
from callplayer.engine.memory.excerpt import Excerpt
from callplayer.engine.session.recall import upkeep
from callplayer.engine.session.recall.upkeep import FULL, MemoryLimits, Upkeep

SECOND = np.arange(48_000, dtype=np.int16)
HOURS_11 = 11 * 3600


def stored(seconds: int) -> CallMemory:
    memory = CallMemory()
    for at in range(seconds):
        for name in ("caller", "callTaker"):
            memory.append(name, SECOND, (at + 1) * 1000.0, is_news=False)
    return memory


def test_a_call_of_eleven_hours_takes_no_more_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packets = ChunkEncoder().encode(np.random.default_rng(7).integers(-900, 900, 48_000, np.int16))
    monkeypatch.setattr(upkeep, "ChunkEncoder", lambda: SimpleNamespace(encode=lambda _: packets))
    memory = CallMemory()
    limits = MemoryLimits(exact_s=120, most_bytes=80_000_000)
    keeper = Upkeep(memory, threading.RLock(), lambda *what: None, limits)
    for at in range(HOURS_11):
        memory.append("call", SECOND, (at + 1) * 1000.0, is_news=False)
        if at % 100 == 99:
            keeper.run_once()
            assert memory.size_bytes <= limits.most_bytes
    ((start_ms, end_ms),) = memory.ranges_ms()
    assert 0 < start_ms < 6 * HOURS_11 * 100
    assert end_ms == HOURS_11 * 1000
    last = Excerpt(memory, ("call",), end_ms - 60_000, end_ms)
    assert last.gaps_ms == ()
    assert np.array_equal(last.read(0, 48_000)["call"], SECOND)
    assert Excerpt(memory, ("call",), 0, 1_000).gaps_ms == ((0, 1_000),)


async def test_what_is_old_is_coded_and_the_oldest_dropped_and_said() -> None:
    memory, said = stored(8), []
    limits = MemoryLimits(exact_s=2, most_bytes=4 * 96_000 + 110_000)
    keeper = Upkeep(memory, threading.RLock(), lambda *what: said.append(what), limits)
    keeper.look(0.0)
    for at in range(100):
        await asyncio.sleep(0.02)
        keeper.look(1.0 + at)
        if said:
            break
    assert [what[:2] for what in said] == [("memory-full", FULL)]
    assert memory.size_bytes <= limits.most_bytes + 4 * 96_000
    ((start_ms, end_ms),) = keeper.ranges_ms
    assert start_ms > 0
    assert end_ms == 8_000
