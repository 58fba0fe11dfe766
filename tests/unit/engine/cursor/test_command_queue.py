"""Commands on their way: paced, never in a burst, never into the wrong room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from callplayer.engine.cursor.command_queue import INTERVAL_S, CommandQueue
from callplayer.errors import UnreachableError
from callplayer.vendor.commands import Pause, Resume, Scrub, SetGain, decode_command


class SlowWire:
    """A wire that takes `hold_s` for its first message and keeps what it was given."""

    def __init__(self, hold_s: float = 0.0) -> None:
        self.hold_s = hold_s
        self.sent: list[object] = []

    async def send(self, payload: bytes) -> None:
        self.sent.append(decode_command(payload))
        hold_s, self.hold_s = self.hold_s, 0.0
        await asyncio.sleep(hold_s)


@contextlib.asynccontextmanager
async def running(queue: CommandQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_blocked_send_is_followed_by_the_newest_wish_only() -> None:
    queue, wire = CommandQueue(), SlowWire(hold_s=0.5)
    queue.use(wire)
    async with running(queue):
        for step in range(25):
            queue.offer(Scrub(step))
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        await asyncio.sleep(0.05)
    assert wire.sent[0] == Scrub(0)
    assert wire.sent[-1] == Scrub(24)
    assert len(wire.sent) <= 4


async def test_what_waits_for_a_room_that_is_gone_is_dropped() -> None:
    queue, old, new = CommandQueue(), SlowWire(hold_s=0.05), SlowWire()
    queue.use(old)
    async with running(queue):
        queue.offer(Pause())
        await asyncio.sleep(0.01)
        queue.offer(Resume())
        queue.use(None)
        queue.offer(Scrub(5))
        queue.use(new)
        await asyncio.sleep(0.15)
        await asyncio.sleep(0.02)
    assert old.sent == [Pause()]
    assert new.sent == []


async def test_a_pause_goes_at_once_and_never_before_an_earlier_scrub() -> None:
    queue, wire = CommandQueue(), SlowWire()
    queue.use(wire)
    async with running(queue):
        for command in (Scrub(1), Pause(), Scrub(2), Resume()):
            queue.offer(command)
            await asyncio.sleep(0.002)
        assert wire.sent == [Scrub(1), Pause()]
        await asyncio.sleep(INTERVAL_S)
        await asyncio.sleep(0.01)
        assert wire.sent == [Scrub(1), Pause(), Scrub(2), Resume()]


async def test_what_is_still_on_its_way_over_a_resume_is_not_sent_twice() -> None:
    queue, wire = CommandQueue(), SlowWire(hold_s=0.2)
    queue.use(wire)
    async with running(queue):
        queue.offer(Scrub(5))
        await asyncio.sleep(0.01)
        queue.use(None)
        queue.use(wire)  # the link is back; what is open is asked for again
        queue.offer(Scrub(5))
        await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
        await asyncio.sleep(0.01)
        assert wire.sent == [Scrub(5)]
        queue.offer(Scrub(5))
        await asyncio.sleep(0.01)
        assert wire.sent == [Scrub(5), Scrub(5)]  # asked for anew


async def test_a_scrub_back_to_a_place_that_is_on_its_way_gets_there() -> None:
    """The wish between the two waits for its turn, and must not be what is sent last."""
    queue, wire = CommandQueue(), SlowWire(hold_s=3 * INTERVAL_S)
    queue.use(wire)
    async with running(queue):
        for position in (1, 2, 1):
            queue.offer(Scrub(position))
            await asyncio.sleep(0.01)
        await asyncio.sleep(INTERVAL_S)
        await asyncio.sleep(3 * INTERVAL_S)
    assert wire.sent[-1] == Scrub(1)


class DeadWire(SlowWire):
    """A wire over which nothing gets out: it says so, or (`hangs`) not even that."""

    def __init__(self, *, hangs: bool, fails: int = 1) -> None:
        super().__init__()
        self.hangs, self.fails = hangs, fails

    async def send(self, payload: bytes) -> None:
        if self.hangs:
            await asyncio.sleep(60.0)
        if self.fails:
            self.fails -= 1
            raise UnreachableError("A command could not be sent.")
        await super().send(payload)


async def test_a_new_room_does_not_wait_for_what_is_on_its_way_in_the_old_one() -> None:
    queue, old, new = CommandQueue(), DeadWire(hangs=True), SlowWire()
    queue.use(old)
    async with running(queue):
        queue.offer(Scrub(5))
        await asyncio.sleep(0.01)
        queue.use(None)
        await asyncio.sleep(0.01)
        queue.use(new)
        queue.offer(Scrub(5))
        queue.offer(Resume())
        await asyncio.sleep(INTERVAL_S + 0.05)
    assert new.sent == [Scrub(5), Resume()]


@pytest.mark.parametrize("newer_db", [None, -6.0])
async def test_a_volume_that_did_not_get_out_is_sent_again_or_the_newer_one(
    newer_db: float | None,
) -> None:
    queue, wire = CommandQueue(again_s=0.2), DeadWire(hangs=False, fails=2)
    queue.use(wire)
    async with running(queue):
        queue.offer(SetGain(-12.0, "caller"))
        queue.offer(Pause())  # the rules ask for it again
        await asyncio.sleep(0.02)
        if newer_db is not None:
            queue.offer(SetGain(newer_db, "caller"))
        await asyncio.sleep(0.3)
    assert wire.sent == [SetGain(-12.0 if newer_db is None else newer_db, "caller")]


async def test_a_volume_that_did_not_get_out_goes_to_no_other_room() -> None:
    queue, old, new = CommandQueue(), DeadWire(hangs=False), SlowWire()
    queue.use(old)
    async with running(queue):
        queue.offer(SetGain(-12.0, "caller"))
        await asyncio.sleep(0.01)
        queue.use(new)
        await asyncio.sleep(0.01)
    assert new.sent == []
