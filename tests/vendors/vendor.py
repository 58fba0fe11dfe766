"""A vendor that is any valid one: a small API around `VendorBot`s in a real livekit-server.

Run as `python -m tests.vendors.vendor` with LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. It
says `{"ready": true, "api_url": …, "incident": …}`, then takes commands on stdin, a line of JSON
each, and answers each with a line:

- `{"variant": {…}}`: what those who ask from now on meet (see variant.py);
- `{"stall_s": 0.5}`: the newest bot feeds its tracks nothing for so long;
- `{"block_s": 0.5}`: the whole process does nothing for so long;
- `{"report": true}`: what the newest bot was asked and where it is.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import msgspec
from livekit import api
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callplayer.service.http.server import http_server, listen, url_of
from tests.vendors.bot import VendorBot
from tests.vendors.call_sound import CallSound
from tests.vendors.variant import Variant

INCIDENT = "11111111-2222-3333-4444-555555555555"
GONE_S = 1.0
"""So long after the listener has left its bot leaves, too."""


class Vendor:
    """API, tokens and bots."""

    def __init__(self) -> None:
        self._url = os.environ["LIVEKIT_URL"]
        self._key, self._secret = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
        self._sound = CallSound()
        self._variant = Variant()
        self._asked_s: float | None = None
        self._bots: dict[str, VendorBot] = {}
        self._newest: VendorBot | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._grants = 0

    def app(self) -> Starlette:
        """Return the API."""
        incident = "/v1/incident_events/{id}"
        return Starlette(
            routes=[
                Route("/oauth/token", self._sign_in, methods=["POST"]),
                Route("/v1/incident_events", self._list),
                Route(incident, self._incident),
                Route(f"{incident}/stream_token", self._stream_token, methods=["POST"]),
            ]
        )

    async def _sign_in(self, _request: Request) -> Response:
        return JSONResponse({"access_token": secrets.token_urlsafe(16), "expires_in": 7200})

    async def _list(self, _request: Request) -> Response:
        return JSONResponse([{"id": INCIDENT}])

    async def _incident(self, request: Request) -> Response:
        return JSONResponse({"id": request.path_params["id"], "is_audio_live": False})

    async def _stream_token(self, _request: Request) -> Response:
        now_s = time.monotonic()
        self._asked_s = now_s if self._asked_s is None else self._asked_s
        variant = self._variant
        if variant.refuses and now_s - self._asked_s < variant.refuses_s:
            headers = {"Retry-After": variant.retry_after} if variant.retry_after else {}
            return JSONResponse({"error": "not ready"}, variant.refuses, headers)
        token = await self._open(variant)
        return JSONResponse(_answer(variant.answer, token, self._url), variant.created)

    async def _open(self, variant: Variant) -> str:
        """Have a bot in a new room; return the listener's token."""
        room, listener = f"vendors-{secrets.token_hex(8)}", f"listener-{secrets.token_hex(4)}"
        bot = VendorBot(variant, self._sound)
        identities = dict.fromkeys(("", *(track.identity for track in variant.tracks)))
        await bot.join(
            self._url, {name: self._token(room, name or "replay-bot") for name in identities}
        )
        bot.when_alone(listener, lambda: self._close_soon(room))
        self._bots[room] = self._newest = bot
        if variant.closes_first_s and not self._grants:
            self._do(self._delete(room, variant.closes_first_s))
        self._grants += 1
        return self._token(room, listener)

    def _token(self, room: str, identity: str) -> str:
        grants = api.VideoGrants(
            room_join=True, room_create=True, room=room, can_update_own_metadata=True
        )
        token = api.AccessToken(self._key, self._secret).with_identity(identity)
        return token.with_ttl(timedelta(hours=1)).with_grants(grants).to_jwt()

    def _close_soon(self, room: str) -> None:
        async def close() -> None:
            bot = self._bots.pop(room, None)
            if bot is not None:
                await asyncio.sleep(GONE_S)
                await bot.leave()

        self._do(close())

    async def _delete(self, room: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        async with api.LiveKitAPI(self._url, self._key, self._secret) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=room))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do what a test says."""
        match command:
            case {"variant": described}:
                self._variant = msgspec.convert(described, Variant)
                self._asked_s, self._grants = None, 0
            case {"stall_s": stall_s} if self._newest:
                self._newest.stall(stall_s)
            case {"block_s": block_s}:
                time.sleep(block_s)
            case {"report": _} if self._newest:
                return {**self._newest.report(), "grants": self._grants}
        return {"done": True}

    async def close(self) -> None:
        """Have all bots leave."""
        await asyncio.gather(*(bot.leave() for bot in self._bots.values()))


def _answer(form: str, token: str, url: str) -> Any:
    match form:
        case "livekit":
            return {"server_url": url, "participant_token": token}
        case "nested":
            attributes = {"credentials": {"jwt": token}, "room": {"ws_url": url}}
            return {"data": {"type": "stream_token", "attributes": attributes}}
        case "bare":
            return token
    return {"token": token, "url": url}


async def main() -> None:
    """Serve until stdin ends."""
    vendor = Vendor()
    with listen("127.0.0.1", 0) as listening:
        async with http_server(vendor.app(), listening):
            ready = {"ready": True, "api_url": url_of(listening), "incident": INCIDENT}
            print(json.dumps(ready), flush=True)
            reader = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
            )
            while line := await reader.readline():
                print(json.dumps(vendor.obey(json.loads(line))), flush=True)
            await vendor.close()


if __name__ == "__main__":
    asyncio.run(main())
