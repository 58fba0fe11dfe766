"""A room in memory, and what joins, watches and leaves it: one rig for connection and reconnect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from callplayer.config import Settings
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.cursor.call_state import Delays, ResumePoint
from callplayer.engine.cursor.command_queue import CommandQueue
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import FLOWING_PACKETS, Counters, ReceivePath
from callplayer.engine.session.connection import RoomConnection, RoomLimits
from callplayer.engine.session.reconnect import Reconnector
from callplayer.vendor.commands import Command, decode_command
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import Status

URL = "wss://rooms.example.org"
FLOWS = Counters(packets=FLOWING_PACKETS, emitted=480)
DURATION_MS = 100_000
SOON_S = 5.0
LIMITS = RoomLimits(first_status_s=0.05, packets_s=5.0)


async def soon(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():
            await asyncio.sleep(0.001)


class MemoryRoom:
    """A room that lets everybody in, unless the rig has it refuse, and in which packets flow."""

    def __init__(self, rig: RoomRig) -> None:
        self._rig = rig
        self.url = ""
        self.left = False
        self.announced = 2
        self.sent: list[Command] = []
        self.counts: Callable[[str], Counters | None] = lambda _: FLOWS
        self.renewed = asyncio.Event()

    async def connect(self, url: str, token: str) -> None:
        if self._rig.refuses:
            raise self._rig.refuses.pop(0)
        self.url = url
        self._rig.joined.append(self)

    async def close(self) -> None:
        self.left = True

    async def send(self, payload: bytes) -> None:
        self.sent.append(decode_command(payload))

    def audio_tracks_announced(self) -> int:
        return self.announced

    async def counters(self, track_id: str) -> Counters | None:
        await asyncio.sleep(0)
        return self.counts(track_id)

    async def renew_subscriptions(self) -> None:
        await self.renewed.wait()


class RoomRig:
    """A call, its connection, and who looks after both. It is also their API and their engine.

    `refuses` is what joining a room raises, in turn, and `answers` what the API gives instead of a
    grant; `chance` is what spreads the tries out.
    """

    def __init__(
        self, limits: RoomLimits = LIMITS, *, chance: float = 1.0, wants_sound: bool = True,
        **settings: Any,
    ) -> None:  # fmt: skip
        self.said: list[str] = []
        self.restored: list[ResumePoint] = []
        self.joined: list[MemoryRoom] = []
        self.refuses: list[Exception] = []
        self.answers: list[Exception | StreamGrant] = []
        self.asked = 0
        self.primed_s: list[float] = []
        self.wants_sound = wants_sound
        self.delays = Delays()
        self.call, self.channels, self.path = PlaybackState(), ChannelBank(48_000), ReceivePath()
        self.queue = CommandQueue()
        self.link = RoomConnection(
            replace(Settings(), **settings), "i1", call=self.call, channels=self.channels,
            path=self.path, listener=None, say=self.say, prime=self.prime, limits=limits,
            make_room=lambda _listener: MemoryRoom(self), chance=lambda: chance,
        )  # fmt: skip
        self.recovery = Reconnector(
            call=self.call, channels=self.channels, link=self.link, queue=self.queue,
            delays=lambda: self.delays, host=self,
        )  # fmt: skip

    def add(self, track_id: str, party: Any) -> None:
        self.channels.add(track_id, TrackNames(party))
        self.link.add_track(track_id)

    def add_both(self) -> None:
        self.add("a", "caller")
        self.add("b", "callTaker")

    def make_ready(self) -> None:
        """Have tracks and a status in the room that is joined next, too."""
        self.add_both()
        self.link.first_status.set()

    async def join(self) -> None:
        """Be in a room with a call that plays."""
        await self.link.join(self)  # type: ignore[arg-type]
        self.recovery.joined()
        self.call.opened = True
        self.take_status(20_000)

    def take_status(self, position_ms: int, now_s: float | None = None, **more: bool) -> None:
        """Receive where the server is."""
        at_s = time.monotonic() if now_s is None else now_s
        state = {"paused": False, "at_end": False, "call_over": True, **more}
        self.call.take_status(Status(position_ms, DURATION_MS, **state), at_s, self.delays)

    async def until_it_waits(self) -> float:
        """Return for how long it will wait for the next try, in s."""
        await soon(lambda: self.call.retry_at_s is not None)
        return self.call.retry_at_s - time.monotonic()

    # --- the API's side, and the engine's ---------------------------------------------------------

    async def stream_grant(self, incident_id: str, *, autoplay: bool) -> StreamGrant:
        assert (incident_id, autoplay) == ("i1", False)
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else StreamGrant("token", URL)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prime(self) -> bool:
        self.primed_s.append(time.monotonic())
        return self.wants_sound

    def say(self, detail: str) -> None:
        self.said.append(detail)

    def restore(self, back: ResumePoint) -> None:
        self.restored.append(back)
