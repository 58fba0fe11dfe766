"""The streams that are open: for each token given out a room, a cursor and a bot of its own."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callplayer.errors import DrainingError, TooManyStreamsError
from callplayer.playback.player import Place
from callplayer.playback.turns import Turn, turns_of
from callplayer.recordings.recording import Recording
from callplayer.service.bots.decoder import DecodedCache
from callplayer.service.bots.owners import Owner, ParticipantClaims
from callplayer.service.bots.process import BotWorker, WorkerDiedError, Workers
from callplayer.service.bots.protocol import (
    DEFAULT_IDLE_S,
    AnnounceListener,
    Decoded,
    Growing,
    ListParticipants,
    Open,
    Report,
)
from callplayer.service.bots.stats import StreamStats, WorkerStats, stats_of
from callplayer.service.catalog import Catalog
from callplayer.service.livekit.process import RoomServer
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.http import StreamGrant

STREAMS_A_CORE = 12.5
"""As many as played at once in the benchmark, room server and listeners on the same cores."""

YIELD_S = 10.0
"""Players that lost their streams, all at once, are not to be refused for the old ones."""

UNCLAIMED_S = 15.0
"""How long a stream whose opener gave up waits for the participant to ask for it again."""

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class _Stream:
    name: str
    room: str
    listener: str
    worker: BotWorker
    incident_id: str
    client_id: str

    @property
    def away_s(self) -> float:
        return self.worker.report.away_s.get(self.name, 0.0)


async def _is_wanted() -> bool:
    return True


def most_streams(cpus: int) -> int:
    """Return how many streams a machine of so many cores plays at once."""
    return max(int(STREAMS_A_CORE * cpus), 16)


class Streams:
    """Opens streams of recordings on `room_server`, and ends what is left of them.

    A participant that asks again while its bot is there, which waits for it for `idle_s`, gets that
    one back: cursor, pause and gains are as it left them. So they are when the bot's process died.
    `most` streams are played at once; None leaves that to the machine. Where that many are open,
    one whose listener has been away for `yield_s` ends for a new one. `mixes`: all parties are one
    track. `clock` is monotonic, in s.
    """

    def __init__(
        self,
        catalog: Catalog,
        workers: Workers,
        room_server: RoomServer,
        tokens: RoomTokens,
        roster: RoomServiceClient,
        *,
        claims: ParticipantClaims,
        mixes: bool = False,
        idle_s: float = DEFAULT_IDLE_S,
        most: int | None = None,
        yield_s: float = YIELD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._room_server = room_server
        self._tokens = tokens
        self._roster = roster
        self._idle_s = idle_s
        self._clock = clock
        self._claims = claims
        self._mixes = mixes
        self.drains = False
        """Set it to have no new stream opened, while those that are open go on."""
        self._yield_s = yield_s
        self._most = most or most_streams(os.cpu_count() or 1)
        self._sounds = DecodedCache()
        self._workers = workers
        workers.died, workers.ended, workers.answer = self._lost, self._ended, self._answer
        self._dead: list[Report] = []
        self._streams: dict[str, _Stream] = {}
        self._owned: dict[Owner, str] = {}
        self._left: dict[Owner, tuple[Place, float]] = {}
        self._unclaimed: dict[str, float] = {}
        self._locks: weakref.WeakValueDictionary[Owner, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._opening = 0
        self._closing_rooms: set[asyncio.Task[None]] = set()

    async def open(
        self,
        recording: Recording,
        *,
        autoplay: bool,
        participant_id: str | None = None,
        client_id: str = "",
        is_wanted: Callable[[], Awaitable[bool]] = _is_wanted,
    ) -> StreamGrant:
        """Return the token of a stream whose bot has joined its room already.

        It is a new one, or what `participant_id` of the same client has of that incident. A new one
        that is not wanted any more by then is ended, if a participant is named after UNCLAIMED_S.
        Raise ParticipantTakenError, TooManyStreamsError, DrainingError, SoundNotReadyError,
        ServiceError if the bot cannot join, UsageError if the recording cannot be decoded.
        """
        if participant_id is None:
            listener = f"listener-{secrets.token_hex(8)}"
            stream = await self._open(recording, autoplay, listener, client_id)
            if not await is_wanted():
                self._unclaimed[stream.name] = self._clock()
            return self._grant(stream)
        owner = (client_id, recording.id, participant_id)
        lock = self._locks.setdefault(owner, asyncio.Lock())
        with self._claims.owned(*owner, self._tokens.listener_ttl_s):
            async with lock:
                there = await self._again(owner)
                stream = there or await self._open(
                    recording, autoplay, participant_id, client_id, owner
                )
                if await is_wanted():
                    self._unclaimed.pop(stream.name, None)
                elif there is None:
                    self._unclaimed[stream.name] = self._clock() + UNCLAIMED_S
                return self._grant(stream)

    @property
    def count(self) -> int:
        """How many streams are open, or are being opened."""
        self._forget_ended()
        return len(self._streams) + self._opening

    def stats(self) -> StreamStats:
        """Return what the bots do; cheap."""
        workers = tuple(
            WorkerStats(worker.process.pid, worker.load, worker.report)
            for worker in self._workers.running
        )
        return stats_of(workers, self._dead)

    def end_unwanted(self, may_listen: Callable[[str], bool]) -> None:
        """End streams whose incident is gone, whose client `may_listen` denies, or left unclaimed.

        Call it about once a second. Their rooms end, too: tokens given out before open nothing.
        """
        self._forget_ended()
        streams = self._streams.values()
        there = self._catalog.existing(
            self._sounds.incidents.union(stream.incident_id for stream in streams)
        )
        self._sounds.forget_removed(there)
        allowed = {name for name in {each.client_id for each in streams} if may_listen(name)}
        for stream in streams:
            if stream.incident_id not in there or stream.client_id not in allowed:
                log.info("stream %s: its incident or client was removed", stream.name)
                self._close_room(stream)
            elif self._unclaimed.get(stream.name, math.inf) <= self._clock():
                log.info("stream %s: who asked for it has gone", stream.name)
                self._close_room(stream)

    async def close(self) -> None:
        """End all streams: every bot leaves its room."""
        await self._workers.close()
        await asyncio.gather(*self._closing_rooms, return_exceptions=True)
        await self._sounds.close()

    async def _again(self, owner: Owner) -> _Stream | None:
        """Return the stream that `owner` has, None if there is none any more."""
        stream = self._streams.get(self._owned.get(owner, ""))
        if stream is None:
            return None
        try:
            if not await stream.worker.keep(stream.name):
                return None
        except WorkerDiedError:
            return None
        return stream

    async def _open(
        self,
        recording: Recording,
        autoplay: bool,
        listener: str,
        client_id: str,
        owner: Owner | None = None,
    ) -> _Stream:
        if self.drains:
            raise DrainingError("This service is about to end.", "Ask another one.")
        if self.count >= self._most and not self._end_longest_away():
            raise TooManyStreamsError(
                f"{self._most} streams are open; more are not played at once.",
                "Close a player and try again a minute later.",
            )
        stream = await self._have_played(
            recording, autoplay, listener, client_id, self._place(owner)
        )
        if owner is not None:
            self._owned[owner] = stream.name
            self._left.pop(owner, None)
        log.info("stream %s: open, incident %s", stream.name, recording.id)
        return stream

    async def _have_played(
        self,
        recording: Recording,
        autoplay: bool,
        listener: str,
        client_id: str,
        place: Place | None,
    ) -> _Stream:
        self._opening += 1
        try:
            worker = await self._workers.pick()
            sound, files = await self._sound(recording)  # last: the files are ours to close
        finally:
            self._opening -= 1
        name, room = secrets.token_hex(3), f"call-{secrets.token_urlsafe(24)}"
        order = Open(
            id=name,
            url=self._room_server.url,
            listener=listener,
            token=self._tokens.for_bot(room, f"replay-{secrets.token_hex(8)}"),
            parties=recording.parties,
            sound=sound,
            autoplay=autoplay,
            idle_s=self._idle_s,
            place=place,
            turns=self._turns(recording),
            mixes=self._mixes,
        )
        stream = self._streams[name] = _Stream(
            name, room, listener, worker, recording.id, client_id
        )
        try:
            await worker.open(order, files)
        finally:
            for file in files:
                os.close(file)
            self._forget_ended()
        return stream

    def _turns(self, recording: Recording) -> tuple[Turn, ...]:
        """Return which party speaks when, where that decides how loud the sound is."""
        return turns_of(self._catalog.words(recording.id)) if "call" in recording.parties else ()

    async def _sound(self, recording: Recording) -> tuple[Decoded | Growing, tuple[int, ...]]:
        if recording.growing:
            return Growing(str(recording.path.resolve())), ()
        decoded = await self._sounds.get(recording)
        return Decoded(decoded.frames, recording.live_from_s), (os.dup(decoded.fd),)

    async def _answer(self, question: ListParticipants | AnnounceListener) -> Mapping[str, str]:
        """Ask the room server for what a bot needs to know of its room."""
        stream = self._streams.get(question.id)
        if stream is None:
            return {}
        if isinstance(question, ListParticipants):
            return await self._roster.sessions(stream.room)
        await self._roster.announce(stream.room, stream.listener)
        return {}

    def _grant(self, stream: _Stream) -> StreamGrant:
        token = self._tokens.for_listener(stream.room, stream.listener)
        return StreamGrant(token, self._room_server.url)

    def _place(self, owner: Owner | None) -> Place | None:
        """Return where `owner` was when its bot died, if that was not long ago."""
        place, at_s = self._left.get(owner, (None, 0.0)) if owner else (None, 0.0)
        return place if self._clock() - at_s <= self._idle_s else None

    def _end_longest_away(self) -> bool:
        """End the stream whose listener has been away for longest; return whether there is one."""
        longest = max(self._streams.values(), key=lambda each: each.away_s, default=None)
        if longest is None or longest.away_s < self._yield_s:
            return False
        log.info("stream %s: ends for another one", longest.name)
        longest.worker.places.pop(longest.name, None)
        self._close_room(longest)
        return True

    def _close_room(self, stream: _Stream) -> None:
        task = asyncio.create_task(self._roster.close_room(stream.room))
        self._closing_rooms.add(task)
        task.add_done_callback(self._closing_rooms.discard)

    def _forget_ended(self) -> None:
        self._streams = {
            name: stream for name, stream in self._streams.items() if name in stream.worker.places
        }
        self._owned = {owner: name for owner, name in self._owned.items() if name in self._streams}
        self._unclaimed = {n: at_s for n, at_s in self._unclaimed.items() if n in self._streams}

    def _ended(self, name: str) -> None:
        """Close the room that a bot has left: a listener that has just come would hear nothing."""
        stream = self._streams.get(name)
        if stream is not None:
            self._close_room(stream)

    def _lost(self, worker: BotWorker) -> None:
        """Close the rooms of a worker that died, so that its listeners come for new ones."""
        now_s = self._clock()
        self._dead.append(worker.report)
        self._left = {
            owner: (place, at_s)
            for owner, (place, at_s) in self._left.items()
            if now_s - at_s <= self._idle_s
        }
        for owner, name in self._owned.items():
            place = worker.places.get(name)
            if place is not None:
                self._left[owner] = (place, now_s)
        for stream in self._streams.values():
            if stream.worker is worker:
                self._close_room(stream)
        worker.places.clear()
        self._forget_ended()
