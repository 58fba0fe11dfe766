"""One listener's replay bot: a room of its own, a track for each party, commands in, status out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.rtc.participant import PublishDataError, PublishTrackError

from callplayer import livekit_ffi
from callplayer.errors import ServiceError
from callplayer.logs import OnceASecond
from callplayer.playback.cursor import BLOCK_FRAMES
from callplayer.playback.player import Place, StreamPlayer
from callplayer.playback.render import mixed
from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.service.bots.clock import Pump, Sending
from callplayer.service.bots.presence import ListenerPresence, RoomRoster
from callplayer.service.bots.protocol import DEFAULT_IDLE_S
from callplayer.service.bots.track_output import FRAME_FRAMES, FRAME_S, Outlet, outlet
from callplayer.vendor.commands import Command, Scrub, ScrubToEnd, decode_command
from callplayer.vendor.status import Status, encode_status
from callplayer.vendor.values import WireError

STATUS_PLAYING_S = 0.25
STATUS_PAUSED_S = 1.0
PUBLISH_TIMEOUT_S = 2.0
JOIN_TIMEOUT_S = 10.0
MAX_QUEUED_STATUSES = 64
MAX_QUEUED_MESSAGES = 64
AUDIO_BITRATE_BPS = 80_000
"""From 72 kbit/s on Opus codes speech as it does music: less than half the work of 64 kbit/s."""


log = logging.getLogger("callplayer.service")
calm_log = log.getChild("listeners")
"""For what a listener can have logged as often as it likes."""

calm_log.addFilter(OnceASecond())


@dataclass(frozen=True)
class _DataMessage:
    """Data that came in; `sender` is None while the SDK does not know the participant."""

    payload: bytes
    sender: str | None


class ReplayBot:
    """Plays `player` to the participant `listener` of its room, and obeys that one only.

    `name` is for the log. The clock is `time.monotonic`, in s. Call `join`, then `run` to its end.
    Sound goes out while the listener is there; without one the cursor waits where it was when the
    listener was last known to be there. `moved` is called with each command that was obeyed, and
    with None when the listener has gone. `mixes`: it publishes one track of all parties.
    """

    def __init__(
        self,
        player: StreamPlayer,
        roster: RoomRoster,
        pump: Pump,
        *,
        listener: str,
        name: str,
        idle_s: float = DEFAULT_IDLE_S,
        moved: Callable[[Command | None], None] = lambda _: None,
        mixes: bool = False,
    ) -> None:
        self._player = player
        self._mixes = mixes and len(player.parties) > 1
        self._pump = pump
        self._listener = listener
        self._name = name
        self._idle_s = idle_s
        self._moved = moved
        self._room = rtc.Room()
        self._sources: list[rtc.AudioSource] = []
        self._outlets: list[Outlet] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._statuses: asyncio.Queue[Status] = asyncio.Queue(MAX_QUEUED_STATUSES)
        self._messages: deque[_DataMessage] = deque()
        self._message_came = asyncio.Event()
        self._attendance = ListenerPresence(
            self._room,
            roster,
            listener,
            place=lambda: player.position_frames,
            came=self._came,
            went=self._went,
        )
        self._is_leaving = False
        self._room_ended = asyncio.Event()

    async def join(self, url: str, token: str) -> None:
        """Enter the room and publish the tracks; raise ServiceError if that fails."""
        self._room.on("participant_connected", self._on_others_changed)
        self._room.on("participant_disconnected", self._attendance.disconnected)
        self._room.on("local_track_subscribed", self._on_others_changed)
        self._room.on("data_received", self._on_data_received)
        self._room.on("disconnected", self._on_disconnected)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                options = rtc.RoomOptions(auto_subscribe=False)
                await livekit_ffi.join_room(self._room, url, token, options)
                with contextlib.suppress(*livekit_ffi.SDK_MISMATCH):  # it then costs more
                    livekit_ffi.keep_others_out(self._room)
                for party in ("call",) if self._mixes else self._player.parties:
                    await self._publish(party)
        except BaseException as error:
            await self.leave()
            if not isinstance(error, TimeoutError | rtc.ConnectError | PublishTrackError):
                raise
            raise ServiceError(
                "The replay bot cannot join its room.",
                "Check the LiveKit server, and that a network other than loopback is up.",
            ) from error

    async def run(self) -> None:
        """Play until the listener is gone for good or the room ends; then leave the room."""
        self._player.begin(time.monotonic())
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(self._send_statuses()),
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._attendance.watch()),
            asyncio.create_task(self._attendance.ask()),
            asyncio.create_task(self._wait_until_idle()),
            asyncio.create_task(self._room_ended.wait()),
            self._failed,
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._is_leaving = True
            self._pump.remove(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.leave()
            log.info("stream %s: the bot has left", self._name)

    def keep(self) -> bool:
        """Wait for the listener from now on as long as if it had just gone.

        Return whether that can be: False if the bot is about to leave.
        """
        if self._is_leaving or self._room_ended.is_set() or self._failed.done():
            return False
        self._attendance.extend()
        return True

    @property
    def place(self) -> Place:
        """Where the listener is in the call."""
        return self._player.place

    @property
    def away_s(self) -> float:
        """For how long the listener has not been there; 0 if it is."""
        return self._attendance.away_s

    async def leave(self) -> None:
        """Leave the room and free the tracks. Once is enough, twice does no harm."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._room.disconnect()
        for source in self._sources:
            await source.aclose()
        self._sources.clear()

    async def _publish(self, party: str) -> None:
        # No queue: a frame captured is encoded at once, and the pump keeps the time.
        source = rtc.AudioSource(SAMPLE_RATE_HZ, 1, queue_size_ms=0)
        track = rtc.LocalAudioTrack.create_audio_track(party, source)
        options = rtc.TrackPublishOptions(dtx=False, red=False)
        options.audio_encoding.max_bitrate = AUDIO_BITRATE_BPS
        await self._room.local_participant.publish_track(track, options)
        self._sources.append(source)
        self._outlets.append(outlet(source))

    def sound(self, due_s: float, *, missed: bool) -> list[Sending]:
        """Return what is to be sent at `due_s`, or was `missed` then: called by the pump.

        The block is taken to go out from 10 ms before that on, as if its frames were sent apart.
        """
        next_block = self._player.missed_block if missed else self._player.next_block
        block = next_block(due_s - FRAME_S)
        if self._mixes:
            block = mixed(block)
        return [
            (send, block[at : at + FRAME_FRAMES, channel])
            for channel, send in enumerate(self._outlets)
            for at in range(0, BLOCK_FRAMES, FRAME_FRAMES)
        ]

    def lose(self, now_s: float) -> None:
        """Catch up with a live call after a time without sound: called by the pump."""
        self._player.skip(now_s)

    def fail(self, error: Exception) -> None:
        """End the stream: its sound cannot be read any more."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _send_statuses(self) -> None:
        """Send every status that is queued, and one by the clock when there is none."""
        while True:
            interval_s = STATUS_PAUSED_S if self._player.paused else STATUS_PLAYING_S
            try:
                async with asyncio.timeout(interval_s):
                    status = await self._statuses.get()
            except TimeoutError:
                status = self._player.status(time.monotonic())
            if self._attendance.is_here:
                await self._send(status)

    async def _listen(self) -> None:
        """Obey what has come in, in its order."""
        while True:
            await self._message_came.wait()
            self._message_came.clear()
            while self._messages:
                message = self._messages.popleft()
                if message.sender == self._listener or (
                    message.sender is None and await self._attendance.refresh()
                ):
                    self._obey(message.payload)
                else:
                    calm_log.info("stream %s: data of another participant ignored", self._name)

    def _obey(self, payload: bytes) -> None:
        try:
            command = decode_command(payload)
        except WireError as error:
            calm_log.info("stream %s: ignored %s", self._name, error)
            return
        now_s = time.monotonic()
        self._queue_status(self._player.obey(command, now_s))
        self._attendance.commanded(moved=isinstance(command, Scrub | ScrubToEnd))
        self._moved(command)

    def _came(self) -> None:
        now_s = time.monotonic()
        self._player.skip(now_s)
        self._pump.add(self)
        self._queue_status(self._player.status(now_s))

    def _went(self, heard_frames: int | None) -> None:
        """Put the cursor where the listener certainly heard it: rather a word twice than none."""
        self._pump.remove(self)
        if heard_frames is not None:
            self._player.go_back(heard_frames)
        self._moved(None)

    async def _send(self, status: Status) -> None:
        try:
            # publish_data waits for as long as the SDK reconnects.
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._room.local_participant.publish_data(
                    encode_status(status), reliable=True, destination_identities=[self._listener]
                )
        except (TimeoutError, PublishDataError):
            log.warning("stream %s: a status could not be sent", self._name)

    async def _wait_until_idle(self) -> None:
        await self._attendance.until_idle(self._idle_s)
        self._is_leaving = True

    def _queue_status(self, status: Status) -> None:
        if self._statuses.full():
            self._statuses.get_nowait()
        self._statuses.put_nowait(status)

    def _on_others_changed(self, _: object) -> None:
        self._attendance.poll_now()

    def _on_data_received(self, packet: rtc.DataPacket) -> None:
        if len(self._messages) >= MAX_QUEUED_MESSAGES:
            calm_log.warning("stream %s: too many commands at once, one ignored", self._name)
            return
        sender = packet.participant.identity if packet.participant is not None else None
        self._messages.append(_DataMessage(packet.data, sender))
        self._message_came.set()

    def _on_disconnected(self, _reason: object) -> None:
        self._room_ended.set()
