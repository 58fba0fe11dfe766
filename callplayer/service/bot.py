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
from livekit.rtc import DisconnectReason
from livekit.rtc.participant import PublishDataError, PublishTrackError

from callplayer.errors import ServiceError
from callplayer.service.capture import FRAME_FRAMES, FRAME_S, Outlet, outlet
from callplayer.service.player import Place, StreamPlayer
from callplayer.service.playhead import BLOCK_FRAMES, SAMPLE_RATE_HZ
from callplayer.service.presence import NOTED_S, Heard, RoomRoster
from callplayer.service.pump import Pump, Sending
from callplayer.wire import Command, Status, WireError, decode_command, encode_status

STATUS_PLAYING_S = 0.25
STATUS_PAUSED_S = 1.0
PUBLISH_TIMEOUT_S = 2.0
JOIN_TIMEOUT_S = 10.0
MAX_QUEUED_STATUSES = 64
MAX_QUEUED_MESSAGES = 64
DEFAULT_IDLE_S = 60.0
LOOK_AWAY_S = 0.4
LOST_REASONS = frozenset({DisconnectReason.CONNECTION_TIMEOUT, DisconnectReason.SIGNAL_CLOSE})
AUDIO_BITRATE_BPS = 80_000
"""From 72 kbit/s on Opus codes speech as it does music: less than half the work of 64 kbit/s."""


log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class _Message:
    """Data that came in; `sender` is None while the SDK has not been told of the participant."""

    payload: bytes
    sender: str | None


class ReplayBot:
    """Plays `player` to the participant `listener` of its room, and obeys that one only.

    `name` is for the log. The clock is `time.monotonic`, in s. Call `join`, then `run` to its end.
    Sound goes out while the listener is there; without one the cursor waits where it was when the
    room server last told that the listener was there. `moved` is called with each command that was
    obeyed, and with None when the listener has gone.
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
    ) -> None:
        self._player = player
        self._roster = roster
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
        self._messages: deque[_Message] = deque()
        self._message_came = asyncio.Event()
        self._meeting = asyncio.Lock()
        self._look_now = asyncio.Event()
        self._listener_here = asyncio.Event()
        self._was_lost = False
        self._heard = Heard()
        self._presence_changed = asyncio.Event()
        self._room_ended = asyncio.Event()

    async def join(self, url: str, token: str) -> None:
        """Enter the room and publish the tracks; raise ServiceError if that fails."""
        self._room.on("participant_connected", self._on_others_changed)
        self._room.on("participant_disconnected", self._on_participant_disconnected)
        self._room.on("local_track_subscribed", self._on_others_changed)
        self._room.on("data_received", self._on_data_received)
        self._room.on("disconnected", self._on_disconnected)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                await self._room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
                for party in self._player.parties:
                    await self._publish(party)
        except (TimeoutError, rtc.ConnectError, PublishTrackError) as error:
            await self.leave()
            raise ServiceError(
                "The replay bot cannot join its room.",
                "Check the LiveKit server, and that a network other than loopback is up.",
            ) from error

    async def run(self) -> None:
        """Play until the listener is gone for good or the room ends; then leave the room."""
        self._player.begin(time.monotonic())
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(self._tell()),
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._wait_until_idle()),
            asyncio.create_task(self._room_ended.wait()),
            self._failed,
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._pump.remove(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.leave()
            log.info("stream %s: the bot has left", self._name)

    def keep(self) -> None:
        """Wait for the listener from now on as long as if it had just gone."""
        self._presence_changed.set()

    @property
    def place(self) -> Place:
        """Where the listener is in the call."""
        return self._player.place

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

    def sound(self, due_s: float) -> list[Sending]:
        """Return what is to be sent at `due_s`: called by the pump.

        The block is taken to go out from 10 ms before that on, as if its frames were sent apart.
        """
        block = self._player.next_block(due_s - FRAME_S)
        return [
            (send, block[at : at + FRAME_FRAMES, channel])
            for channel, send in enumerate(self._outlets)
            for at in range(0, BLOCK_FRAMES, FRAME_FRAMES)
        ]

    def lose(self, now_s: float) -> None:
        """Catch up with a live call after a time without sound: called by the pump."""
        self._player.skip(now_s)

    def fail(self, error: Exception) -> None:
        """End the stream: its sound cannot be had any more."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _tell(self) -> None:
        """Send every status that is queued, and one by the clock when there is none."""
        while True:
            interval_s = STATUS_PAUSED_S if self._player.paused else STATUS_PLAYING_S
            try:
                async with asyncio.timeout(interval_s):
                    status = await self._statuses.get()
            except TimeoutError:
                status = self._player.status(time.monotonic())
            if self._listener_here.is_set():
                await self._send(status)

    async def _listen(self) -> None:
        """Obey what has come in, in its order."""
        while True:
            await self._message_came.wait()
            self._message_came.clear()
            while self._messages:
                message = self._messages.popleft()
                if message.sender == self._listener or (
                    message.sender is None and await self._meet()
                ):
                    self._obey(message.payload)
                else:
                    log.info("stream %s: data of another participant ignored", self._name)

    def _obey(self, payload: bytes) -> None:
        try:
            command = decode_command(payload)
        except WireError as error:
            log.info("stream %s: ignored %s", self._name, error)
            return
        now_s = time.monotonic()
        self._queue_status(self._player.obey(command, now_s))
        self._heard.begin(now_s, self._player.position_frames)
        self._moved(command)

    async def _watch(self) -> None:
        """Keep asking who is here: a server may tell of who comes or goes only after 3 s."""
        while True:
            self._look_now.clear()
            await self._meet()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    NOTED_S if self._listener_here.is_set() else LOOK_AWAY_S
                ):
                    await self._look_now.wait()

    async def _meet(self) -> bool:
        """See whether the listener has come or gone; tell whether it is here and nobody else."""
        me = self._room.local_participant.identity
        async with self._meeting:
            present = await self._roster.identities()
            if self._listener in present:
                await self._note_here()
            elif me in present:  # else the server did not answer
                self._note_gone()
        return present == {me, self._listener}

    async def _note_here(self) -> None:
        now_s = time.monotonic()
        self._was_lost = False
        if not self._listener_here.is_set():
            self._listener_here.set()
            self._presence_changed.set()
            self._player.skip(now_s)
            self._pump.add(self)
            self._queue_status(self._player.status(now_s))
            self._heard.begin(now_s, self._player.position_frames)
            # The SDK is told of it then, and can say who sent what.
            await self._roster.announce()
        else:
            self._heard.note(now_s, self._player.position_frames)

    def _note_gone(self) -> None:
        if self._listener_here.is_set():
            self._listener_here.clear()
            self._presence_changed.set()
            self._pump.remove(self)
            self._go_back()

    def _go_back(self) -> None:
        """Put the cursor where the listener certainly heard it: rather a word twice than none."""
        heard_frames = self._heard.until(lost=self._was_lost)
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
        """Return when the listener has not been there for `idle_s`."""
        while True:
            self._presence_changed.clear()
            try:
                async with asyncio.timeout(None if self._listener_here.is_set() else self._idle_s):
                    await self._presence_changed.wait()
            except TimeoutError:
                return

    def _queue_status(self, status: Status) -> None:
        if self._statuses.full():
            self._statuses.get_nowait()
        self._statuses.put_nowait(status)

    def _on_others_changed(self, _: object) -> None:
        self._look_now.set()

    def _on_participant_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._listener:
            self._was_lost = participant.disconnect_reason in LOST_REASONS
            if not self._listener_here.is_set():
                self._go_back()
            self._look_now.set()

    def _on_data_received(self, packet: rtc.DataPacket) -> None:
        if len(self._messages) >= MAX_QUEUED_MESSAGES:
            log.warning("stream %s: too many commands at once, one ignored", self._name)
            return
        sender = packet.participant.identity if packet.participant is not None else None
        self._messages.append(_Message(packet.data, sender))
        self._message_came.set()

    def _on_disconnected(self, _reason: object) -> None:
        self._room_ended.set()
