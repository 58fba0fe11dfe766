"""engine/session/room_source.py: a room without sound yet, and tracks that are subscribed anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import msgspec
import pytest

from callplayer.config import Settings
from callplayer.engine.cursor.command_queue import INTERVAL_S
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import FLOWING_PACKETS, Counters
from callplayer.engine.room.swelling import Swelling
from callplayer.engine.session.connection import RoomLimits
from callplayer.engine.session.engine import Engine
from callplayer.engine.session.options import EngineOptions
from callplayer.engine.session.room_source import RoomSource
from callplayer.vendor.commands import Command, Resume, Scrub, decode_command
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import Status, read_status_updates

STATUS = b'{"kind":"status","position":%d,"duration":90000,"paused":%s,"callOver":false}'
PLAYS = STATUS.replace(b'paused":%s', b'paused":false')
FLOWS = Counters(packets=FLOWING_PACKETS, emitted=480)
LIMITS = RoomLimits(prime_s=0.05, not_yet_s=0.15, first_status_s=0.05, tracks_quiet_s=0.05)
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


class Client:
    """An API that grants a stream each time, and answers nothing else."""

    def __init__(self, _settings: Settings) -> None:
        self.signed_in = asyncio.Event()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def bearer(self) -> str:
        await self.signed_in.wait()
        return "token"

    async def stream_grant(self, _incident_id: str, *, autoplay: bool) -> StreamGrant:
        assert not autoplay
        return StreamGrant("token", "ws://127.0.0.1:7880")


class Swollen(Swelling):
    """A jitter buffer that is as swollen as a test says."""

    swollen = False

    def wants_renewal(self, now_s: float) -> bool:
        return self.swollen


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():
            await asyncio.sleep(0.005)


@dataclass
class Joined:
    """An engine in its first room."""

    engine: Engine
    call: PlaybackState
    source: RoomSource
    swelling: Swollen

    def bring(self, payload: bytes) -> None:
        self.source.on_statuses(read_status_updates(payload))

    @property
    def room(self) -> Room:
        return Room.joined[-1]


@contextlib.asynccontextmanager
async def joined() -> AsyncIterator[Joined]:
    Room.joined = []
    made: list[RoomSource] = []
    call, swelling = PlaybackState(), Swollen(time.monotonic())

    def open_source(*given: Any, recording: None, reporter: Any, **more: Any) -> RoomSource:
        fakes: Any = {"make_room": Room, "make_client": Client}
        made.append(
            RoomSource(
                *given, **more, **fakes, reporter=reporter, channels=reporter.channels,
                delays=reporter.delays, limits=LIMITS, swelling=swelling,
            )
        )  # fmt: skip
        return made[0]

    options = EngineOptions("i1", no_audio=True)
    engine = Engine(Settings(), options, lambda _: None, call=call, open_source=open_source)
    await made[0].open()
    yield Joined(engine, call, made[0], swelling)
    await made[0].close()


async def test_a_call_without_sound_yet_is_a_normal_call_whose_start_is_not_missed() -> None:
    async with joined() as rig:
        call, room = rig.call, rig.room
        ready = asyncio.create_task(rig.source.until_ready())
        rig.bring(STATUS % (0, b"true"))
        await soon(lambda: Resume() in room.sent)
        rig.bring(STATUS % (100, b"false"))
        await asyncio.wait_for(ready, SOON_S)
        rig.engine.restore(call.start_point("play"))
        rig.bring(STATUS % (300, b"false"))
        await soon(lambda: call.phase(time.monotonic()) == "playing")
        # Long after the resume it is still no loss.
        rig.source.check(time.monotonic() + 60.0)
        assert call.phase(time.monotonic()) == "playing"
        assert call.flow_detail == "No sound of the call has come yet."
        rig.engine.handle(Scrub(20_000))
        await soon(lambda: Scrub(20_000) in room.sent)
        await asyncio.sleep(INTERVAL_S)
        sent = len(room.sent)
        room.announced = 1
        rig.source.on_track("a", TrackNames("call"))
        assert not call.may_be_heard(time.monotonic())
        await asyncio.sleep(LIMITS.tracks_quiet_s + 0.01)
        await rig.source.measure()
        rig.source.check(time.monotonic())
        await soon(lambda: room.sent[sent:][:1] == [Scrub(20_000)])
        assert call.flow_detail == ""


async def test_a_room_that_closes_before_its_sound_is_followed_by_another() -> None:
    async with joined() as rig:
        ready = asyncio.create_task(rig.source.until_ready())
        await asyncio.sleep(0.02)
        rig.source.on_closed("ROOM_DELETED")
        await soon(lambda: len(Room.joined) == 2)
        rig.bring(STATUS % (0, b"true"))
        await asyncio.wait_for(ready, SOON_S)
        assert not rig.call.rejoining
        assert rig.source.accepts_commands


async def test_each_new_room_is_asked_for_sound_whatever_the_last_one_reported() -> None:
    async with joined() as rig:
        rig.bring(STATUS % (5_000, b"false"))
        running = asyncio.create_task(rig.source.run())
        rig.source.on_closed("ROOM_DELETED")
        await soon(lambda: len(Room.joined) == 2)
        rig.bring(STATUS % (0, b"true"))
        await soon(lambda: rig.room.sent == [Resume()])
        running.cancel()


async def test_a_status_in_parts_is_put_together_until_a_new_room_is_joined() -> None:
    async with joined() as rig:
        head = rig.call.head
        rig.bring(b'{"kind":"status","position":5000,"duration":9000,"paused":true}')
        rig.bring(b'\xef\xbb\xbf{"Kind":"STATUS","call_over":"true"}\0')
        assert rig.call.head.status == Status(5000, 9000, True, False, True)
        rig.bring(b'{"data":{"kind":"status","position":"6000"}}{"kind":"status","atEnd":1}')
        assert rig.call.head.status == Status(6000, 9000, True, True, True)
        running = asyncio.create_task(rig.source.run())
        rig.source.on_closed("ROOM_DELETED")
        await soon(lambda: len(Room.joined) == 2)
        rig.bring(b'{"kind":"status","position":1}')
        head = rig.call.head
        assert not head.knows_duration, "nothing of the old one"
        assert head.status is not None
        assert msgspec.structs.replace(head.status, duration=0) == Status(1, 0, True, False, False)
        running.cancel()


async def test_a_jump_that_waits_for_new_subscriptions_is_not_taken_for_carried_out() -> None:
    async with joined() as rig:
        room = rig.room
        room.announced = 1
        rig.source.on_track("a", TrackNames("call"))
        rig.call.opened = True
        rig.bring(STATUS % (5_000, b"false"))
        rig.swelling.swollen = True
        rig.engine.handle(Scrub(60_000))
        assert not rig.source.accepts_commands
        rig.swelling.swollen = False
        later_s = time.monotonic() + 2.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: later_s)
            rig.engine.send_due()
            assert not rig.call.may_be_heard(later_s), "the server plays the old place"
        assert room.sent == []
        room.renewed.set()
        await soon(lambda: room.sent == [Scrub(60_000)])
        assert rig.call.head.open_seek is not None


async def test_what_is_made_up_while_a_server_seeks_is_not_heard() -> None:
    async with joined() as rig:
        call, room = rig.call, rig.room
        room.announced = 1
        rig.source.on_track("a", TrackNames("call"))
        call.opened = True
        rig.engine.handle(Resume())
        rig.bring(PLAYS % 5_000)
        await rig.source.measure()
        rig.engine.handle(Scrub(60_000))
        room.counts = replace(FLOWS, last_packet_s=time.monotonic())
        rig.bring(PLAYS % 60_000)
        assert call.head.open_seek is None
        await asyncio.sleep(0.5)
        assert not call.may_be_heard(time.monotonic())
        room.counts = replace(FLOWS, last_packet_s=time.monotonic())
        await soon(lambda: call.may_be_heard(time.monotonic()))
