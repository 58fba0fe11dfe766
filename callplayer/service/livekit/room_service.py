"""The participants in a room, from the room server itself.

A server announces a participant that may not publish only every 3 s; until then the SDK
cannot name the sender of data. The room server's own API knows at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import aiohttp
from livekit import api

from callplayer.service.livekit.process import RoomServer

ASK_TIMEOUT_S = 3.0

log = logging.getLogger("callplayer.service")


class RoomServiceClient:
    """A client of one room server's API. Use as `async with Roster(room_server) as roster:`."""

    def __init__(self, room_server: RoomServer) -> None:
        self._room_server = room_server
        self._api: api.LiveKitAPI | None = None

    async def __aenter__(self) -> RoomServiceClient:
        server = self._room_server
        self._api = api.LiveKitAPI(server.url, server.api_key, server.api_secret.reveal())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._api is not None
        await self._api.aclose()

    async def sessions(self, room: str) -> Mapping[str, str]:
        """Return the id of each participant's connection in `room`, "" while it is being made.

        None of them if the server does not answer.
        """
        assert self._api is not None
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                answer = await self._api.room.list_participants(
                    api.ListParticipantsRequest(room=room)
                )
        except (TimeoutError, aiohttp.ClientError, api.TwirpError):
            log.warning("the room server does not list a room's participants")
            return {}
        return {
            each.identity: each.sid if each.state == api.ParticipantInfo.ACTIVE else ""
            for each in answer.participants
            if each.state != api.ParticipantInfo.DISCONNECTED
        }

    async def announce(self, room: str, identity: str) -> None:
        """Have the server announce a participant to `room` now: a change of metadata does."""
        assert self._api is not None
        request = api.UpdateParticipantRequest(room=room, identity=identity, metadata="listener")
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._api.room.update_participant(request)
        except (TimeoutError, aiohttp.ClientError, api.TwirpError):
            log.warning("the room server does not announce a listener")

    async def close_room(self, room: str) -> None:
        """End `room`, if it is there: its participants leave it, and can ask for another."""
        assert self._api is not None
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await self._api.room.delete_room(api.DeleteRoomRequest(room=room))
        except (TimeoutError, aiohttp.ClientError, api.TwirpError) as error:
            if getattr(error, "code", "") != api.TwirpErrorCode.NOT_FOUND:
                log.warning("the room server does not close a room")
