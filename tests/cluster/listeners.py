"""Listeners without a screen, a device or a cursor of their own, many in one process.

`python -m tests.cluster.listeners INCIDENT COUNT` signs in and joins as the player does, asks for a
new stream when nothing has come for 5 s, and goes on where it was. Sound counts as there while
statuses say so and packets come. It prints a line of JSON for each listener four times a second, of
the same form as the player's states; they do not show what was lost, as they go on where they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time

from livekit import rtc

from callplayer.config import load_settings
from callplayer.errors import CallplayerError
from callplayer.livekit_ffi import join_room
from callplayer.retry import Backoff
from callplayer.vendor.client import ApiClient
from callplayer.vendor.commands import Command, Resume, Scrub, encode_command
from callplayer.vendor.status import StatusUpdate, read_status_updates
from callplayer.vendor.values import WireError

LOOK_S = 0.25
STALE_S = 1.0
"""A playing bot sends four statuses a second."""

COUNT_S = 1.0
"""How often packets are counted: the SDK's statistics cost more than to decode a call."""

GIVE_UP_S = 5.0
START_S = 0.7
JOIN_S = 10.0


class _Listener:
    """One listener, in one room after another."""

    def __init__(self, number: int, access: ApiClient, incident: str) -> None:
        self._number, self._access, self._incident = number, access, incident
        self._position_ms = 0
        self._status = StatusUpdate()
        self._status_s = self._packets_s = float("-inf")
        self._packets = 0
        self._tracks: list[rtc.RemoteAudioTrack] = []
        self._came = asyncio.Event()
        self._gone = asyncio.Event()

    async def run(self) -> None:
        """Listen for ever."""
        backoff = Backoff()
        while True:
            try:
                async with asyncio.timeout(JOIN_S):
                    room = await self._join()
            except CallplayerError as error:
                self._say(error.what)
                asked_s = getattr(error, "retry_after_s", 0.0)
                await asyncio.sleep(backoff.next_s(random.random(), asked_s))
                continue
            except (TimeoutError, rtc.ConnectError):
                self._say("the room does not answer")
                await asyncio.sleep(backoff.next_s(random.random()))
                continue
            backoff = Backoff()
            await self._listen()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GIVE_UP_S):
                    await room.disconnect()

    async def _join(self) -> rtc.Room:
        self._tracks.clear()
        self._came.clear()
        self._gone.clear()
        grant = await self._access.stream_grant(self._incident, autoplay=False)
        assert grant.url is not None
        room = rtc.Room()
        room.on("track_subscribed", self._on_track)
        room.on("data_received", self._on_data)
        room.on("disconnected", lambda _: self._gone.set())
        try:
            await join_room(room, grant.url, grant.token, rtc.RoomOptions())
            await self._came.wait()
            orders: tuple[Command, ...] = (Scrub(position=self._position_ms), Resume())
            for order in orders:
                await room.local_participant.publish_data(encode_command(order), reliable=True)
        except BaseException:
            await room.disconnect()
            raise
        return room

    async def _listen(self) -> None:
        since_s = counted_s = time.monotonic()
        while not self._gone.is_set():
            await asyncio.sleep(LOOK_S)
            if time.monotonic() - counted_s >= COUNT_S:
                counted_s = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._count()
            now_s = time.monotonic()
            silent_s = now_s - max(min(self._status_s, self._packets_s + COUNT_S), since_s)
            self._say("" if silent_s < STALE_S else "nothing comes")
            if silent_s > GIVE_UP_S:
                return
        self._say("the room is gone")

    async def _count(self) -> None:
        packets = 0
        for track in self._tracks:
            for entry in await track.get_stats():
                if entry.HasField("inbound_rtp"):
                    packets += entry.inbound_rtp.received.packets_received
        if packets != self._packets:
            self._packets, self._packets_s = packets, time.monotonic()

    def _say(self, detail: str) -> None:
        now_s = time.monotonic()
        is_fresh = now_s - min(self._status_s, self._packets_s + COUNT_S) < STALE_S
        plays = is_fresh and not self._status.paused and not detail
        if self._status.position is not None:
            held_s = min(now_s - self._status_s, STALE_S) if not self._status.paused else 0.0
            self._position_ms = self._status.position + round(1000 * held_s)
        state = {
            "event": "state",
            "phase": "playing" if plays else "connecting",
            "advancing": plays,
            "detail": detail,
            "audible_ms": None,
        }
        print(json.dumps([self._number, state]), flush=True)

    def _on_track(self, track: rtc.RemoteAudioTrack, *_: object) -> None:
        self._tracks.append(track)
        self._came.set()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        with contextlib.suppress(WireError):
            for status in read_status_updates(packet.data):
                self._status, self._status_s = status, time.monotonic()


async def _main(incident: str, count: int) -> None:
    settings = load_settings({})
    async with ApiClient(settings) as access, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_Listener(number, access, incident).run())
            await asyncio.sleep(START_S)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
