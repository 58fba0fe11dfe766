"""Work that hangs keeps no caller waiting, and is undone when it ends after all."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from callplayer.engine.devices.blocking import BlockingCalls, HangsError


async def test_what_comes_in_time_is_returned_or_raised() -> None:
    patience = BlockingCalls()
    assert await patience.run(lambda: 7, 5.0) == 7
    with pytest.raises(ZeroDivisionError):
        await patience.run(lambda: 1 // 0, 5.0)


async def test_what_hangs_is_given_up_and_undone_when_it_comes_after_all() -> None:
    patience, end = BlockingCalls(), threading.Event()
    undone: list[int] = []

    def work() -> int:
        end.wait(10)
        return 7

    before_s = time.monotonic()
    with pytest.raises(HangsError):
        await patience.run(work, 0.05, undone.append)
    assert time.monotonic() - before_s < 1.0
    assert undone == []
    end.set()
    while not undone:
        await asyncio.sleep(0.01)
    assert undone == [7]


async def test_what_is_not_waited_for_any_more_is_undone_too() -> None:
    patience, end = BlockingCalls(), threading.Event()
    undone: list[bool] = []
    waiting = asyncio.create_task(patience.run(lambda: end.wait(10), 60.0, undone.append))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    end.set()
    while not undone:
        await asyncio.sleep(0.01)
    assert undone == [True]
