"""A LiveKit room as the source of a call: sign-in, room, recovery, commands and transcript."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
from collections.abc import Callable, Sequence

from callplayer.config import Settings
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.command_queue import CommandQueue
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.room.room import Room, RoomListener
from callplayer.engine.room.swelling import Swelling
from callplayer.engine.session.connection import RoomConnection, RoomLimits
from callplayer.engine.session.reconnect import Reconnector
from callplayer.engine.session.renewal import BufferRenewal
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import SourceHost
from callplayer.engine.transcript.subscription import TranscriptSubscription
from callplayer.errors import CallplayerError, UnreachableError
from callplayer.retry import Backoff
from callplayer.vendor.client import ApiClient
from callplayer.vendor.commands import Command, Resume, Scrub
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import StatusUpdate, complete_status, merge_updates

LOG = logging.getLogger(__name__)

OVERTAKE_S = 0.005
"""How much earlier a status may come than a packet that was sent before it."""


class RoomSource:
    """The room of one incident, joined again for as long as it takes. It listens to that room."""

    def __init__(
        self,
        settings: Settings,
        incident_id: str,
        *,
        call: PlaybackState,
        channels: ChannelBank,
        reporter: Reporter,
        path: ReceivePath,
        delays: Callable[[], Delays],
        host: SourceHost,
        limits: RoomLimits | None = None,
        make_room: Callable[[RoomListener], Room] = Room,
        make_client: Callable[[Settings], ApiClient] = ApiClient,
        swelling: Swelling | None = None,
    ) -> None:
        self._settings = settings
        self._make_client = make_client
        self._incident_id = incident_id
        self._call = call
        self._channels = channels
        self._reporter = reporter
        self._delays = delays
        self._host = host
        self.path = path
        self.on_frame = host.on_frame
        self._queue = CommandQueue()
        self._link = RoomConnection(
            settings,
            incident_id,
            call=call,
            channels=channels,
            path=path,
            listener=self,
            say=host.say,
            prime=self.prime,
            limits=limits or RoomLimits(),
            make_room=make_room,
        )
        self._recovery = Reconnector(
            call=call,
            channels=channels,
            link=self._link,
            queue=self._queue,
            delays=delays,
            host=host,
        )
        self._renewal = BufferRenewal(
            call, path, room=lambda: self._link.room, obey=host.obey, swelling=swelling
        )
        self._access: ApiClient | None = None
        self._sending: asyncio.Task[None] | None = None
        self._beside: list[asyncio.Task[None]] = []

    # --- as a source ------------------------------------------------------------------------------

    @property
    def accepts_commands(self) -> bool:
        """Whether there is a room to send to, and nothing waits for new subscriptions."""
        return self._queue.open and not self._renewal.runs

    @property
    def watchful(self) -> bool:
        """Whether to look at the packets often."""
        return self._recovery.watchful

    async def open(self) -> None:
        """Sign in and join the room."""
        self._host.say("signing in")
        self._access = access = await self._make_client(self._settings).__aenter__()
        self._sending = asyncio.create_task(self._queue.run())
        self._beside = [self._sending, asyncio.create_task(self._describe(access))]
        await self._link.join_first(access)
        self._recovery.joined()
        transcript = TranscriptSubscription(
            self._settings, self._incident_id, access, self._reporter.emit
        )
        self._reporter.said = lambda: transcript.transcript
        self._beside.append(asyncio.create_task(transcript.run()))

    async def until_ready(self) -> None:
        """Return when the call can begin, in another room if this one closes before that."""
        assert self._access is not None
        try:
            await self._link.until_ready()
        except UnreachableError as error:
            LOG.warning("the call has not begun: %s", error.what)
            await self._link.rejoin(self._access)
            self._recovery.joined()
            self._call.rejoining = False

    async def run(self) -> None:
        """Come back to the call whenever its room is gone."""
        assert self._access is not None
        assert self._sending is not None
        await asyncio.gather(self._sending, self._keep_room(self._access))

    async def close(self) -> None:
        """Leave the room."""
        self._recovery.stop()
        self._renewal.stop()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        self._queue.use(None)
        if self._access is not None:
            await self._access.__aexit__(None, None, None)
        await self._link.leave()

    def prime(self) -> bool:
        """Have a server send its sound that publishes only after a resume.

        Return whether sound is wanted. Nothing of it is heard: the call goes back to its start
        once sound flows.
        """
        if not self._host.wants_sound():
            return False
        call = self._call
        if not call.primed and self._link.known.paused is not False:  # by this room
            LOG.info("no track has come: resuming to have one")
            call.primed = True
            self._queue.use(self._link.room)
            self._queue.offer(Resume())
        return True

    def send(self, commands: Sequence[Command]) -> None:
        """Put commands on their way to the room, paced.

        At a jump or a pause, when nothing is heard anyhow, a swollen jitter buffer is replaced; in
        a silence of the call `tick` makes a jump for it.
        Until that is done what has the server play at a new place waits: none of it is missed.
        """
        if self._queue.open:
            self._renewal.begin_at(commands)
        for command in commands:
            if self._renewal.holds(command):
                continue
            self._link.flow.note_command()
            self._queue.offer(command)

    def tick(self) -> None:
        """Use a silence of the call for a swollen jitter buffer; note a standstill."""
        now_s = time.monotonic()
        self._renewal.tick(now_s)
        if self._queue.open and self._renewal.may_use_silence(now_s, self._reporter.sounded_s):
            self._host.obey(Scrub(self._call.shown_ms(now_s, self._delays())))

    async def measure(self) -> None:
        """Read the SDK's counters."""
        await self._link.read_counters()
        self._renewal.measure()

    async def sends_since(self, since_s: float) -> bool:
        """Return whether a packet has come since then, or that cannot be known."""
        came_s = await self._link.newest_packet_s()
        return came_s is None or came_s > since_s + OVERTAKE_S

    def check(self, now_s: float) -> None:
        """See what came since the last look."""
        self._recovery.look(now_s)

    def retry_now(self) -> bool:
        """Have the next try, or a new room, at once."""
        self._recovery.retry_now()
        self._link.retry_now()
        return True

    def excerpt(self, _start_ms: int, _end_ms: int) -> None:
        """Return None: a server has to play it."""

    # --- what the room reports --------------------------------------------------------------------

    def on_track(self, track_id: str, names: TrackNames) -> None:
        """A track has come."""
        self._link.add_track(track_id)
        self._channels.add(track_id, names)
        self._host.on_tracks()

    def on_track_renewed(self, track_id: str) -> None:
        """A track has a new jitter buffer."""
        self._link.renew_track(track_id)
        self._channels.expect_gap(track_id)

    def on_track_names(self, track_id: str, names: TrackNames) -> None:
        """What the publisher of a track says of it has changed."""
        if self._channels.rename(track_id, names):
            self._host.on_tracks()

    def on_track_gone(self, track_id: str) -> None:
        """A track has ended."""
        self._channels.remove(track_id)
        if not self._channels.track_ids:
            self._recovery.tracks_gone()
        self._link.remove_track(track_id)
        self._host.on_tracks()

    def on_senders_left(self) -> None:
        """All participants that have sent sound have left."""
        self._recovery.senders_left()

    def on_statuses(self, updates: Sequence[StatusUpdate]) -> None:
        """Take what the server says of its cursor, maybe in parts."""
        now_s = time.monotonic()
        for update in updates:
            head = self._call.head
            self._link.known = merge_updates(self._link.known, update)
            status = complete_status(
                self._link.known,
                update,
                position_ms=head.confirmed_ms(now_s),
                paused=head.wants_paused(),
            )
            self._link.flow.take_status(now_s)
            self._host.on_status(status, now_s)
        self._link.first_status.set()

    def on_link(self, up: bool) -> None:
        """The SDK lost the connection, or has it back."""
        if up:
            self._recovery.link_back()
        else:
            self._recovery.link_lost()

    def on_closed(self, reason: str) -> None:
        """The room is gone; `run` comes back by itself."""
        self._recovery.closed(reason)

    # --- within -----------------------------------------------------------------------------------

    async def _keep_room(self, access: ApiClient) -> None:
        while True:
            await self._link.closed.wait()
            await self._come_back(access)

    async def _come_back(self, access: ApiClient) -> None:
        """Have a new room, and the call in it where it was."""
        await self._link.rejoin(access)
        gc.collect()  # the room that was left is held by its callbacks; nothing is heard just now
        self._recovery.joined()
        # Under one lock: a frame that comes between the two would be heard, of whatever place.
        with self._channels.lock:
            back = self._call.resume_from(time.monotonic(), self._delays(), stays=False)
            self._host.restore(back)

    async def _describe(self, access: ApiClient) -> None:
        """Publish what the incident is; the call plays without it if the API does not give it."""
        await access.signed_in.wait()
        backoff = Backoff()
        while True:
            try:
                self._reporter.incident(await access.incident(self._incident_id))
            except CallplayerError as error:
                if not (isinstance(error, UnreachableError) and error.may_pass):
                    LOG.info("no incident details: %s", error.what)
                    return
                await asyncio.sleep(backoff.next_s(random.random(), error.retry_after_s))  # noqa: S311
            else:
                return
