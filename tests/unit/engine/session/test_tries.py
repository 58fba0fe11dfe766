"""How long a room is waited for, when a new one is had, and how soon after the last."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from callplayer.config import Settings
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.cursor.call_state import Delays, ResumePoint
from callplayer.engine.cursor.command_queue import CommandQueue
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import FLOWING_PACKETS, Counters, ReceivePath
from callplayer.engine.session import connection as links
from callplayer.engine.session import reconnect as recoveries
from callplayer.engine.session.connection import RoomConnection
from callplayer.engine.session.reconnect import BROKE, GONE, Reconnector
from callplayer.errors import UsageError
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import Status

PATIENCE_S = 0.05
SOON_S = 5.0


class Room:
    """A room in memory that lets everybody in, and in which packets flow."""

    def __init__(self, listener: Any) -> None: ...

    async def connect(self, url: str, token: str) -> None: ...

    async def close(self) -> None: ...

    async def send(self, payload: bytes) -> None: ...

    async def counters(self, track_id: str) -> Counters:
        return Counters(packets=FLOWING_PACKETS, emitted=480)

    def audio_tracks_announced(self) -> int:
        return 2


class Rig:
    """A call that plays, its room, and who looks after both; it is also its API and its engine."""

    def __init__(self, *, with_sound: bool = True) -> None:
        self.said: list[str] = []
        self.restored: list[ResumePoint] = []
        self.grants: list[Exception | None] = []
        self.asked = 0
        self.call, self.channels = PlaybackState(), ChannelBank(48_000)
        self.link = RoomConnection(
            Settings(), "i1", call=self.call, channels=self.channels, path=ReceivePath(),
            listener=None, say=self.said.append, prime=lambda: True,
        )  # fmt: skip
        self.recovery = Reconnector(
            call=self.call, channels=self.channels, link=self.link, queue=CommandQueue(),
            delays=Delays, host=self,
        )  # fmt: skip
        if with_sound:
            self.add_tracks()

    def add_tracks(self) -> None:
        self.channels.add("a", TrackNames("caller"))
        self.channels.add("b", TrackNames("callTaker"))
        self.link.first_status.set()

    async def join(self) -> None:
        await self.link.join(self)
        self.recovery.joined()
        self.call.opened = True
        status = Status(20_000, 60_000, paused=False, at_end=False, call_over=True)
        self.call.take_status(status, time.monotonic(), Delays())

    async def stream_grant(self, incident_id: str, *, autoplay: bool) -> StreamGrant:
        self.asked += 1
        error = self.grants.pop(0) if self.grants else None
        if error is not None:
            raise error
        return StreamGrant("token", "ws://127.0.0.1:7880")

    def say(self, detail: str) -> None:
        self.said.append(detail)

    def restore(self, back: ResumePoint) -> None:
        self.restored.append(back)

    async def until_it_waits(self) -> float:
        """Return for how long it will wait for the next try, in s."""
        async with asyncio.timeout(SOON_S):
            while self.call.retry_at_s is None:
                await asyncio.sleep(0.001)
        return self.call.retry_at_s - time.monotonic()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "Room", Room)
    monkeypatch.setattr(links, "_chance", lambda: 0.0)
    monkeypatch.setattr(links, "STATUS_WAIT_S", 0.01)
    monkeypatch.setattr(recoveries, "GIVE_UP_ROOM_S", PATIENCE_S)


# --- the next room --------------------------------------------------------------------------------


async def test_rooms_that_are_lost_soon_after_they_were_joined_are_had_later_and_later() -> None:
    rig, waits_s = Rig(), []
    await rig.link.rejoin(rig)  # at once
    for _ in range(4):
        rejoining = asyncio.create_task(rig.link.rejoin(rig))
        waits_s.append(round(await rig.until_it_waits(), 1))
        assert not rig.call.may_be_heard(time.monotonic())
        rig.link.retry_now()
        await asyncio.wait_for(rejoining, SOON_S)
    assert waits_s == [0.5, 1.0, 2.0, 4.0]
    rig.link._rejoined_s -= 11.0
    await asyncio.wait_for(rig.link.rejoin(rig), 0.4)
    assert rig.asked == 6


async def test_a_new_room_whose_sound_does_not_come_is_given_up_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "NO_SOUND_S", 0.1)
    rig = Rig(with_sound=False)
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    assert "No sound of the call came" in rig.said[-1]
    rig.add_tracks()
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)
    assert rig.asked == 2


async def test_who_asks_for_the_next_try_has_it_though_this_one_is_under_way() -> None:
    rig = Rig(with_sound=False)
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    async with asyncio.timeout(SOON_S):
        while rig.asked < 1:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        rig.link.retry_now()
        while rig.asked < 2:
            await asyncio.sleep(0.001)
    rig.add_tracks()
    await asyncio.wait_for(rejoining, SOON_S)


async def test_an_api_that_names_no_room_for_once_is_asked_again() -> None:
    rig = Rig()
    rig.grants = [UsageError("The API names no room server and none is set.")]
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)


# --- the room there is ----------------------------------------------------------------------------


async def test_who_asks_for_a_try_does_not_wait_for_what_may_come_back_by_itself() -> None:
    rig = Rig()
    await rig.join()
    rig.recovery.retry_now()
    assert not rig.link.closed.is_set(), "nothing is lost"
    rig.recovery.link_lost()
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()
    assert BROKE in rig.said
    assert rig.said[-1] == GONE


async def test_who_sent_the_sound_need_not_be_waited_for_either() -> None:
    rig = Rig()
    await rig.join()
    rig.recovery.tracks_gone()
    assert rig.call.away
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()


async def test_what_was_waited_for_before_a_new_room_was_joined_does_not_cost_that_room() -> None:
    """The SDK lost the connection to the new room and had it back, before its sound was there."""
    rig = Rig()
    await rig.join()
    rig.recovery.closed("test")
    rig.call.join_anew()
    await rig.link.join(rig)
    rig.recovery.link_lost()
    rig.recovery.link_back()
    rig.recovery.joined()
    rig.call.resume_from(time.monotonic(), Delays(), stays=False)
    await asyncio.sleep(4 * PATIENCE_S)
    assert not rig.link.closed.is_set()
