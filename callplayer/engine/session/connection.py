"""The room of one call: joined, made ready, left, and joined again for as long as it takes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callplayer.config import Settings, check_url
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.liveness import Liveness
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.room.room import Room, RoomListener
from callplayer.errors import (
    IncidentNotFoundError,
    NotReadyError,
    StreamTokenRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.retry import LONGEST_S, Backoff
from callplayer.vendor.client import ApiClient
from callplayer.vendor.parties import BOTH
from callplayer.vendor.status import StatusUpdate


@dataclass(frozen=True)
class RoomLimits:
    """How long a room is waited for, in s."""

    first_tries_s: float = 20.0
    """A server that fails at the first start is tried again until then."""

    first_status_s: float = 2.0
    tracks_quiet_s: float = 0.3
    """If no other track has come for this long, those that are there are all."""

    packets_s: float = 1.5
    """How long packets of all tracks are waited for, once the tracks are there."""

    prime_s: float = 2.0
    """A server that has published nothing after this time may do so only after a resume."""

    not_yet_s: float = 4.0
    """A call whose server reports its place, and publishes nothing for this long, has no sound."""

    report_s: float = 8.0
    """How often it is reported that no sound has come."""

    sound_s: float = 20.0
    """How long the sound of a new room is waited for; then another room is joined."""

    give_up_s: float = 5.0
    """The SDK tries for half a minute to get its room back, and a server that fell silent may
    speak again by itself; a new room is joined sooner. Where only the way for words is cut, sound
    comes on for 5 s, too: then the SDK begins anew and drops its tracks."""

    lasts_s: float = LONGEST_S
    """A room that is lost sooner than that counts as one more try that failed."""


REFUSALS = 2
"""A stream token may end between its making and its use; one that is refused again never was
good."""

STREAM_SCHEMES = {"wss": True, "https": True, "ws": False, "http": False}


class RoomConnection:
    """Holds the room, and what came in of it (`flow`). What comes from the room goes to `listener`.

    `known` is what the server has said of its cursor in this room.

    `sounded` is whether any track has ever come: a call may have no sound yet. `up` is whether the
    SDK has its connection; `closed` is set once the room is gone for good,
    `first_status` once a status has come.
    `say` is given what is being tried, in words. `prime` is called while no track has come: it has
    the server send sound, and returns whether sound is wanted at all. `chance` returns 0 to 1: it
    spreads players out.
    """

    def __init__(
        self,
        settings: Settings,
        incident_id: str,
        *,
        call: PlaybackState,
        channels: ChannelBank,
        path: ReceivePath,
        listener: RoomListener,
        say: Callable[[str], None],
        prime: Callable[[], bool],
        limits: RoomLimits = RoomLimits(),
        make_room: Callable[[RoomListener], Room] = Room,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._incident_id = incident_id
        self._call = call
        self._channels = channels
        self._path = path
        self._listener = listener
        self._say = say
        self._prime = prime
        self.limits = limits
        self._make_room = make_room
        self._chance = chance
        self._retry = asyncio.Event()
        self._backoff = Backoff()
        self._rejoined_s = float("-inf")
        self._track_s = 0.0
        self.flow = Liveness()
        self.known = StatusUpdate()
        self.room: Room | None = None
        self.sounded = False
        self.up = False
        self.closed = asyncio.Event()
        self.first_status = asyncio.Event()

    async def join(self, access: ApiClient) -> None:
        """Get a token and join its room; the last room is left first."""
        await self.leave()
        grant = await access.stream_grant(self._incident_id, autoplay=False)
        url = self._room_url(grant.url)
        self._say("joining the room")
        self.closed.clear()
        self.first_status.clear()
        self.flow = Liveness()
        self.known = StatusUpdate()
        self.room = self._make_room(self._listener)
        await self.room.connect(url, grant.token)
        self.up = True

    async def join_first(self, access: ApiClient) -> None:
        """Join the first room, however long the API says "not yet"; raise what else goes wrong.

        A server that fails or does not answer is tried for a while: it may be starting just now.
        """
        self._backoff = Backoff()
        since = f"{datetime.now().astimezone():%H:%M:%S}"
        failing_s: float | None = None
        tries = 0
        refused: UnreachableError
        while True:
            self._retry.clear()
            began_s = time.monotonic()
            try:
                await self.join(access)
                return
            except NotReadyError as error:
                failing_s, tries = None, 0
                refused, why = error, f"Waiting for {error.wanted}"
            except UnreachableError as error:
                failing_s, tries = began_s if failing_s is None else failing_s, tries + 1
                next_s = time.monotonic() + self._backoff.least_s
                is_late = next_s > failing_s + self.limits.first_tries_s
                if not error.may_pass or (is_late and not error.retry_after_s):
                    error.what += f" It was tried {tries} times." if tries > 1 else ""
                    raise
                refused, why = error, "Trying again"
            why = f"{why} since {since}: {refused.what}"
            await self._wait_to_retry(why, refused.retry_after_s, then=why)

    async def rejoin(self, access: ApiClient) -> None:
        """Be in a new room with its sound there, however long it takes.

        Raise SignInRefusedError if the API or the room server will not have us any more.
        """
        refused = 0
        self._call.join_anew()
        await self.leave()
        if time.monotonic() - self._rejoined_s > self.limits.lasts_s:
            self._backoff = Backoff()
        else:
            await self._wait_to_retry("The new room was lost soon after it was joined.")
        while True:
            self._retry.clear()
            try:
                self._call.join_anew()
                await self.join(access)
                refused = 0
                await self._until_sound()
            except StreamTokenRefusedError as error:
                refused += 1
                if refused >= REFUSALS:
                    raise
                await self._wait_to_retry(error.what)
            except (UnreachableError, IncidentNotFoundError, UsageError) as error:
                await self._wait_to_retry(error.what, getattr(error, "retry_after_s", 0.0))
            else:
                self._rejoined_s = time.monotonic()
                return

    def retry_now(self) -> None:
        """Do not wait for the next try, nor any longer for the sound of a new room."""
        self._retry.set()

    async def leave(self) -> None:
        """Leave the room, if there is one."""
        room, self.room, self.up = self.room, None, False
        self._path.forget()
        if room is not None:
            await room.close()

    def add_track(self, track_id: str) -> None:
        """A track has come."""
        self._track_s = time.monotonic()
        self.sounded = True
        self.flow.add(track_id, self._track_s)

    def renew_track(self, track_id: str) -> None:
        """A track has a new subscription: its packets are counted from 0 again."""
        now_s = time.monotonic()
        self.flow.remove(track_id, now_s)
        self.flow.add(track_id, now_s)
        self._path.renew(track_id)

    def remove_track(self, track_id: str) -> None:
        """A track has ended."""
        self.flow.remove(track_id, time.monotonic())
        self._path.remove(track_id)

    def all_tracks_here(self) -> bool:
        """Two named parties are all there are; else wait until no more tracks turn up."""
        if self.room is None or not self._channels.track_ids:
            return False
        if self._channels.layout.own == BOTH:
            return True
        quiet = time.monotonic() - self._track_s > self.limits.tracks_quiet_s
        return quiet and len(self._channels.track_ids) >= self.room.audio_tracks_announced()

    def receives(self, track_id: str) -> bool:
        """Return whether packets of that track come and are played out."""
        return self._path.flows(track_id)

    async def read_counters(self) -> None:
        """Look at what the receive path has done."""
        room = self.room
        if room is None:
            return
        for track_id in self._channels.track_ids:
            counters = await room.counters(track_id)
            # Room and track may have gone while the SDK counted.
            is_here = room is self.room and track_id in self._channels.track_ids
            if counters is not None and is_here:
                self._path.take(track_id, counters)
                self.flow.take(track_id, counters, time.monotonic())

    async def newest_packet_s(self) -> float | None:
        """Return when the newest packet of any track came, looked at now; None if not known."""
        room = self.room
        if room is None:
            return None
        looks = [await room.counters(track_id) for track_id in self._channels.track_ids]
        known = [look.last_packet_s for look in looks if look is not None]
        return max((came_s for came_s in known if came_s is not None), default=None)

    async def until_ready(self) -> None:
        """Return when a status has come and every announced track really receives packets.

        Where the server publishes no track, a call that is to begin paused is ready without one.
        So is one that has had no sound so far, once a status says where it is.
        """
        self._say("waiting for the call's sound")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.first_status_s):
                await self.first_status.wait()
        since_s = time.monotonic()
        joined_s = since_s
        while not self.all_tracks_here():
            unpublished = self.room is not None and not self.room.audio_tracks_announced()
            waited_s = time.monotonic() - joined_s
            if unpublished and waited_s > self.limits.prime_s and not self._prime():
                return
            is_known = self.first_status.is_set() and not self.sounded
            if unpublished and waited_s > self.limits.not_yet_s and is_known:
                return
            if time.monotonic() - since_s > self.limits.report_s:
                since_s = time.monotonic()
                self._say("No sound of the call has come yet; still waiting.")
            self._check_open()
            if self._call.rejoining and self._retry.is_set():
                raise UnreachableError("No sound of the call has come yet.")
            await asyncio.sleep(0.01)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.packets_s):
                while not await self._packets_flow():
                    await asyncio.sleep(0.02)
        self._check_open()

    async def _until_sound(self) -> None:
        try:
            async with asyncio.timeout(self.limits.sound_s):
                await self.until_ready()
        except TimeoutError:
            raise UnreachableError("No sound of the call came in the new room.") from None

    def _check_open(self) -> None:
        if self.closed.is_set():
            raise UnreachableError(
                "The room was closed before its sound came.", "Try again in a moment."
            )

    async def _packets_flow(self) -> bool:
        await self.read_counters()
        return all(self._path.flows(track_id) for track_id in self._channels.track_ids)

    async def _wait_to_retry(
        self, why: str, asked_s: float = 0.0, *, then: str = "joining again"
    ) -> None:
        """Wait for the next try's turn, or until it is asked for; `asked_s` as in Backoff.

        `why` is reported during the wait, `then` after it.
        """
        wait_s = self._backoff.next_s(self._chance(), asked_s)
        self._call.retry_at_s = time.monotonic() + wait_s
        self._say(why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._retry.wait()
        self._call.retry_at_s = None
        self._say(then)

    def _room_url(self, granted: str | None) -> str:
        if granted:
            try:
                return check_url(granted, STREAM_SCHEMES, "stream_url")
            except UsageError:
                raise UnreachableError(
                    "The API names a room server that cannot be used safely.", "Ask the vendor."
                ) from None
        if not self._settings.stream_url:
            raise UsageError(
                "The API names no room server and none is set.",
                "Set CALLPLAYER_STREAM_URL to the address the vendor gave you.",
            )
        return check_url(self._settings.stream_url, STREAM_SCHEMES, "stream_url")
