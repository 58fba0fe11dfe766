"""Ingest over HTTP: a client asks for a room in which the parties of a new call publish.

`POST /ingest/calls` is no part of the vendor's contract. The room server's tokens that it answers
may publish sound in that one room, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from typing import TYPE_CHECKING

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from callplayer.errors import CallplayerError
from callplayer.recordings.facts import E164
from callplayer.service.clients import Client
from callplayer.service.http.bodies import IngestAnswer, IngestRequest
from callplayer.service.http.problems import NO_STORE, json_answer, read_body
from callplayer.service.livekit.process import RoomServer
from callplayer.service.livekit.tokens import RoomTokens

if TYPE_CHECKING:
    from callplayer.service.live.live_calls import LiveCalls
    from callplayer.vendor.parties import Channel

MAX_ROOMS = 8

log = logging.getLogger("callplayer.service")


class Ingest:
    """Opens ingest rooms on `room_server`, for clients that may listen, and keeps the calls."""

    def __init__(
        self,
        calls: LiveCalls,
        room_server: RoomServer,
        tokens: RoomTokens,
        *,
        end_after_s: float,
    ) -> None:
        self._calls = calls
        self._room_server = room_server
        self._tokens = tokens
        self._end_after_s = end_after_s
        self._running: set[asyncio.Task[None]] = set()
        self._opening = 0

    async def close(self) -> None:
        """Leave all rooms: their calls end."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def open_call(self, request: Request, client: Client) -> Response:
        """Answer a client that is signed in: a new room, or an HTTPException that says why not."""
        if not client.may_listen:  # a room made by it would be sound that it has brought in
            raise HTTPException(403, "this client may not open an ingest room")
        try:
            asked = msgspec.json.decode(await read_body(request) or b"{}", type=IngestRequest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise HTTPException(422, "parties is two or mixed, incident an object") from None
        number = asked.incident.caller_phone_number
        if number and E164.fullmatch(number) is None:
            raise HTTPException(422, "caller_phone_number is written as +15555550142")
        if len(self._running) + self._opening >= MAX_ROOMS:
            raise HTTPException(429, f"{MAX_ROOMS} ingest rooms are open", {"Retry-After": "60"})
        self._opening += 1
        try:
            answer = await self._open(asked)
        except CallplayerError as error:
            log.error("no ingest room: %s %s", error.what, error.hint)
            raise HTTPException(503, "the ingest room cannot be opened now") from error
        finally:
            self._opening -= 1
        return json_answer(answer, 201, headers=NO_STORE)

    async def _open(self, asked: IngestRequest) -> IngestAnswer:
        # Only this needs the SDK of rooms in the service's own process.
        from callplayer.service.live.ingest_room import PUBLISH_WITHIN_S, IngestRoom

        parties: tuple[Channel, ...] = ("call",) if asked.parties == "mixed" else _TWO
        incident_id = str(uuid.uuid4())
        room_name = f"ingest-{secrets.token_urlsafe(24)}"
        room = IngestRoom(parties, secrets.token_hex(3))
        recorder = self._tokens.for_recorder(room_name, f"recorder-{secrets.token_hex(8)}")
        await room.join(self._room_server.url, recorder)
        task = asyncio.create_task(
            room.run(self._calls, asked.incident, incident_id, self._end_after_s)
        )
        self._running.add(task)
        task.add_done_callback(self._ended)
        return IngestAnswer(
            incident_id=incident_id,
            url=self._room_server.url,
            room=room_name,
            tokens={party: self._tokens.for_publisher(room_name, party) for party in parties},
            publish_within_s=PUBLISH_WITHIN_S,
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            expected = isinstance(error, CallplayerError)
            log.error("an ingest room broke off: %s", error, exc_info=None if expected else error)


_TWO: tuple[Channel, ...] = ("caller", "callTaker")
