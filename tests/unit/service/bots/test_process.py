"""A worker seen from the service: what it answers late, and what ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from callplayer.errors import ServiceError
from callplayer.service.bots.process import BotWorker, WorkerDiedError, WorkerLimits
from callplayer.service.bots.protocol import (
    AnnounceListener,
    BotLeft,
    Extend,
    Extended,
    ListParticipants,
    Pipe,
    order_decoder,
)
from callplayer.supervise import ChildProcess


async def nobody(_question: ListParticipants | AnnounceListener) -> Mapping[str, str]:
    return {}


@dataclass
class Rig:
    """A worker whose part the test plays, and the streams that ended."""

    worker: BotWorker
    theirs: Pipe
    ended: list[str]


@contextlib.asynccontextmanager
async def a_worker(**limits: float) -> AsyncIterator[Rig]:
    ours, theirs = map(Pipe, socket.socketpair())
    process = ChildProcess(["cat"], os.environ, os.dup(2))
    ended: list[str] = []
    worker = BotWorker(process, ours, nobody, ended.append, WorkerLimits(**limits))
    following = asyncio.create_task(worker.follow())
    try:
        yield Rig(worker, theirs, ended)
    finally:
        theirs.close()
        await following
        await process.end()


async def test_a_worker_that_answers_too_late_has_not_died() -> None:
    async with a_worker(answer_s=0.3) as rig:
        with pytest.raises(ServiceError, match="does not come") as late:
            await rig.worker.keep("a")
        assert not isinstance(late.value, WorkerDiedError)
        assert await rig.theirs.receive(order_decoder) == Extend("a")
        await rig.theirs.send(Extended("a", here=True))  # it is not awaited
        asking = asyncio.create_task(rig.worker.keep("b"))
        assert await rig.theirs.receive(order_decoder) == Extend("b")
        await rig.theirs.send(Extended("b", here=False))
        assert await asking is False


async def test_a_worker_that_died_has_an_error_of_its_own() -> None:
    async with a_worker() as rig:
        asking = asyncio.create_task(rig.worker.keep("a"))
        assert await rig.theirs.receive(order_decoder) == Extend("a")
        rig.theirs.close()
        with pytest.raises(WorkerDiedError):
            await asking


async def test_the_end_of_a_stream_is_reported_once() -> None:
    async with a_worker() as rig:
        rig.worker.places = {"a": None, "b": None}
        await rig.theirs.send(BotLeft("a"))
        async with asyncio.timeout(5):
            while not rig.ended:
                await asyncio.sleep(0.005)
        assert rig.ended == ["a"]
        assert rig.worker.places == {"b": None}
