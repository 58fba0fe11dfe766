"""engine/session/room_source.py: a room without sound yet, and tracks that are subscribed anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import pytest

from callplayer.config import Settings
from callplayer.engine.cursor.command_queue import INTERVAL_S
from callplayer.engine.room.receive_stats import FLOWING_PACKETS, Counters
from callplayer.engine.session import room_source
from callplayer.engine.session.connection import RoomLimits
from callplayer.engine.session.engine import Engine, EngineOptions
from callplayer.engine.session.room_source import RoomSource
from callplayer.vendor.commands import Command, Resume, Scrub, decode_command
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import read_status_updates

STATUS = b'{"kind":"status","position":%d,"duration":90000,"paused":%s,"callOver":false}'
PLAYS = STATUS.replace(b'paused":%s', b'paused":false')
FLOWS = Counters(packets=FLOWING_PACKETS, emitted=480)
SOON_S = 5.0


class Room:
    """A room in memory; `joined` are all there were, in order."""

    joined: ClassVar[list[Room]] = []

    def __init__(self, _listener: Any) -> None:
        self.sent: list[Command] = []
        self.announced = 0
        self.renewed = asyncio.Event()
        self.counts = FLOWS

    async def connect(self, _url: str, _token: str) -> None:
        Room.joined.append(self)

    async def close(self) -> None: ...

    async def send(self, payload: bytes) -> None:
        self.sent.append(decode_command(payload))

    def audio_tracks_announced(self) -> int:
        return self.announced

    async def counters(self, _track_id: str) -> Counters:
        return self.counts

    async def renew_subscriptions(self) -> None:
        await self.renewed.wait()


class Access:
    """An API that grants a stream each time."""

    async def stream_grant(self, _incident_id: str, *, autoplay: bool) -> StreamGrant:
        assert not autoplay
        return StreamGrant("token", "ws://127.0.0.1:7880")


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.joined = []
    limits = RoomLimits(prime_s=0.05, not_yet_s=0.15, first_status_s=0.05)
    quick = partial(RoomSource, limits=limits, make_room=Room)
    monkeypatch.setattr(room_source, "RoomSource", quick)


async def joined_engine() -> tuple[Engine, RoomSource, Room, asyncio.Task[None]]:
    """Return an engine in its first room, its source, that room, and what sends."""
    engine = Engine(Settings(), EngineOptions("i1", no_audio=True), lambda _event: None)
    source: Any = engine._source
    source._access = Access()
    await source._link.join_first(source._access)
    source._recovery.joined()
    return engine, source, Room.joined[-1], asyncio.create_task(source._queue.run())


async def test_a_call_without_sound_yet_is_a_normal_call_whose_start_is_not_missed() -> None:
    engine, source, room, sending = await joined_engine()
    ready = asyncio.create_task(source.until_ready())
    source.on_statuses(read_status_updates(STATUS % (0, b"true")))
    await soon(lambda: Resume() in room.sent)
    source.on_statuses(read_status_updates(STATUS % (100, b"false")))
    await asyncio.wait_for(ready, SOON_S)
    engine.restore(engine._call.start_point("play"))
    call = engine._call
    source.on_statuses(read_status_updates(STATUS % (300, b"false")))
    await soon(lambda: call.phase(time.monotonic()) == "playing")
    # Long after the resume it is still no loss.
    source.check(time.monotonic() + 60.0)
    assert call.phase(time.monotonic()) == "playing"
    assert call.flow_detail == "No sound of the call has come yet."
    engine.handle(Scrub(20_000))
    await soon(lambda: Scrub(20_000) in room.sent)
    await asyncio.sleep(INTERVAL_S)
    sent = len(room.sent)
    room.announced = 1
    source.on_track("a", TrackNames("call"))
    assert not call.may_be_heard(time.monotonic())
    source._link._track_s -= 1.0
    await source._link.read_counters()
    source.check(time.monotonic())
    await soon(lambda: room.sent[sent:][:1] == [Scrub(20_000)])
    assert call.flow_detail == ""
    sending.cancel()


async def test_a_room_that_closes_before_its_sound_is_followed_by_another() -> None:
    _engine, source, _room, sending = await joined_engine()
    ready = asyncio.create_task(source.until_ready())
    await asyncio.sleep(0.02)
    source.on_closed("ROOM_DELETED")
    await soon(lambda: len(Room.joined) == 2)
    source.on_statuses(read_status_updates(STATUS % (0, b"true")))
    await asyncio.wait_for(ready, SOON_S)
    assert not source._call.rejoining
    assert source.accepts_commands
    sending.cancel()


async def test_each_new_room_is_asked_for_sound_whatever_the_last_one_reported() -> None:
    _engine, source, _room, sending = await joined_engine()
    source.on_statuses(read_status_updates(STATUS % (5_000, b"false")))
    await source._link.join(source._access)
    source._call.join_anew()
    source._call.away = True
    source.on_statuses(read_status_updates(STATUS % (0, b"true")))
    assert source.prime()
    await soon(lambda: Room.joined[-1].sent == [Resume()])
    sending.cancel()


async def test_a_jump_that_waits_for_new_subscriptions_is_not_taken_for_carried_out() -> None:
    engine, source, room, sending = await joined_engine()
    room.announced = 1
    source.on_track("a", TrackNames("call"))
    engine._call.opened = True
    source.on_statuses(read_status_updates(STATUS % (5_000, b"false")))
    source._renewal.swelling.wants_renewal = lambda _now_s: True
    engine.handle(Scrub(60_000))
    assert source._renewal.runs
    source._renewal.swelling.wants_renewal = lambda _now_s: False
    later_s = time.monotonic() + 2.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: later_s)
        engine._send_due()
        assert not engine._call.may_be_heard(later_s), "the server plays the old place"
    assert room.sent == []
    room.renewed.set()
    await soon(lambda: room.sent == [Scrub(60_000)])
    assert engine._call.head.open_seek is not None
    sending.cancel()


async def test_what_is_made_up_while_a_server_seeks_is_not_heard() -> None:
    engine, source, room, sending = await joined_engine()
    room.announced = 1
    source.on_track("a", TrackNames("call"))
    call = engine._call
    call.opened = True
    engine.handle(Resume())
    source.on_statuses(read_status_updates(PLAYS % 5_000))
    await source._link.read_counters()
    engine.handle(Scrub(60_000))
    room.counts = replace(FLOWS, last_packet_s=time.monotonic())
    source.on_statuses(read_status_updates(PLAYS % 60_000))
    assert call.head.open_seek is None
    await asyncio.sleep(0.5)
    assert not call.may_be_heard(time.monotonic())
    room.counts = replace(FLOWS, last_packet_s=time.monotonic())
    await asyncio.sleep(0.15)
    assert call.may_be_heard(time.monotonic())
    assert engine._turning.done()
    sending.cancel()
