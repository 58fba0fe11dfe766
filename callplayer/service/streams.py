"""The streams that are open: for each token given out a room, a cursor and a bot of its own."""

from __future__ import annotations

import asyncio
import logging
import secrets

from callplayer.errors import CallplayerError, ServiceError
from callplayer.service.bot import DEFAULT_IDLE_S, ReplayBot
from callplayer.service.library import Library
from callplayer.service.livekit_process import RoomServer
from callplayer.service.player import StreamPlayer
from callplayer.service.recordings import AudioCache, Recording
from callplayer.service.roster import Roster
from callplayer.service.tokens import RoomTokens
from callplayer.wire import StreamGrant

MAX_STREAMS = 16

log = logging.getLogger("callplayer.service")


class TooManyStreamsError(ServiceError):
    """As many streams are open as this service plays at once."""


class Streams:
    """Opens streams of the library's recordings on `room_server`, and ends what is left of them."""

    def __init__(
        self,
        library: Library,
        room_server: RoomServer,
        tokens: RoomTokens,
        roster: Roster,
        *,
        idle_s: float = DEFAULT_IDLE_S,
    ) -> None:
        self._library = library
        self._room_server = room_server
        self._tokens = tokens
        self._roster = roster
        self._idle_s = idle_s
        self._cache = AudioCache()
        self._running: set[asyncio.Task[None]] = set()
        self._opening = 0

    async def open(
        self, incident_id: str, *, autoplay: bool, participant_id: str | None = None
    ) -> StreamGrant:
        """Return the token of a new stream, whose bot has joined its room already.

        Raise KeyError for no such incident, TooManyStreamsError, ServiceError if the bot cannot
        join, UsageError if the recording cannot be decoded.
        """
        recording = self._library.get(incident_id)
        if recording is None:
            raise KeyError(incident_id)
        if len(self._running) + self._opening >= MAX_STREAMS:
            raise TooManyStreamsError(
                f"{MAX_STREAMS} streams are open; more are not played at once.",
                "Close a player and try again a minute later.",
            )
        self._opening += 1
        try:
            return await self._open(recording, autoplay, participant_id)
        finally:
            self._opening -= 1

    async def close(self) -> None:
        """End all streams: every bot leaves its room."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(
        self, recording: Recording, autoplay: bool, participant_id: str | None
    ) -> StreamGrant:
        audio = await asyncio.to_thread(self._cache.get, recording.path)
        player = StreamPlayer(audio, recording.timeline(audio), autoplay=autoplay)
        room = f"call-{secrets.token_urlsafe(24)}"
        listener = participant_id or f"listener-{secrets.token_hex(8)}"
        name = secrets.token_hex(3)
        bot = ReplayBot(
            player, self._roster, room=room, listener=listener, name=name, idle_s=self._idle_s
        )
        bot_token = self._tokens.for_bot(room, f"replay-{secrets.token_hex(8)}")
        await bot.join(self._room_server.url, bot_token)
        log.info("stream %s: open, incident %s", name, recording.id)
        task = asyncio.create_task(bot.run())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return StreamGrant(self._tokens.for_listener(room, listener), self._room_server.url)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        expected = isinstance(error, CallplayerError)
        log.error("a stream broke off: %s", error, exc_info=None if expected else error)
