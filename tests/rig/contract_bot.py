"""A vendor's side that can be made to misbehave: a small API, and a bot in a real LiveKit room.

Run as `python -m tests.rig.contract_bot SECONDS` with LIVEKIT_URL, LIVEKIT_API_KEY and
LIVEKIT_API_SECRET set. It says `{"ready": true, "api_url": …, "incident": …}`, then takes commands
on stdin, a line of JSON each, and answers each with a line:

- `{"status": false}`, `{"sound": false}`: send no status, send no sound, while the cursor goes on;
- `{"tracks": false}`: unpublish both tracks, or publish them again, as new ones;
- `{"here": false}`: leave the room, or come back as a new bot, paused at 0 and without gains;
- `{"close_room": true}`: end the room for everybody;
- `{"access_s": 2}`, `{"stream_s": 2}`: how long the tokens last that are made from now on;
- `{"bad_tokens": 1}`: sign so many of the next stream tokens with a wrong key;
- `{"report": true}`: what the bot was asked, where it is, and how often tokens were made.

The call is the position sweep (signals.py). The bot speaks the contract by callplayer.vendor.http;
it is not the service's, which does none of this: vendor.py has that one, and hostile answers around
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from datetime import timedelta
from typing import Any

import numpy as np
from aiohttp import web
from livekit import api, rtc

from callplayer.playback import cursor as cursors
from callplayer.service.bots.track_output import FRAME_FRAMES, Outlet, outlet
from callplayer.vendor.commands import SetGain, decode_command, encode_command
from callplayer.vendor.status import encode_status
from callplayer.vendor.values import WireError
from tests.rig.signals import RATE_HZ, position_sweep

PARTIES = ("caller", "callTaker")
INCIDENT = "11111111-2222-3333-4444-555555555555"
STATUS_S = 0.25
BLOCK = cursors.BLOCK_FRAMES


class Call:
    """What is played, and who may have it."""

    def __init__(self, duration_s: float) -> None:
        self.sound = [
            (position_sweep(duration_s, party) * 32767).astype(np.int16) for party in PARTIES
        ]
        self.extent = cursors.CallExtent(len(self.sound[0]))


class Bot:
    """One bot in the room, from joining to leaving."""

    def __init__(self, call: Call, asked: list[dict[str, Any]]) -> None:
        self._call = call
        self._asked = asked
        self._room = rtc.Room()
        self._cursor = cursors.Cursor()
        self._gains = dict.fromkeys(PARTIES, 1.0)
        self._sources: list[rtc.AudioSource] = []
        self._outlets: list[Outlet] = []
        self._sids: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.sends_status = self.sounds = True
        self.ended = False

    async def join(self, url: str, token: str) -> None:
        self._room.on("data_received", self._on_data)
        self._room.on("disconnected", self._on_disconnected)
        await self._room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        await self.publish()
        self._tasks = [asyncio.create_task(work()) for work in (self._play, self._report)]

    async def publish(self) -> None:
        for party in PARTIES:
            # No queue: with one the SDK sends silence by itself when it is given nothing.
            source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=0)
            track = rtc.LocalAudioTrack.create_audio_track(party, source)
            options = rtc.TrackPublishOptions(dtx=False, red=False)
            done = await self._room.local_participant.publish_track(track, options)
            self._sources.append(source)
            self._outlets.append(outlet(source))
            self._sids.append(done.sid)

    async def unpublish(self) -> None:
        sources, self._sources, self._outlets = self._sources, [], []
        for sid in self._sids:
            await self._room.local_participant.unpublish_track(sid)
        self._sids.clear()
        for source in sources:
            await source.aclose()

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        sources, self._sources = self._sources, []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._room.disconnect()
        for source in sources:
            await source.aclose()

    def where(self) -> dict[str, Any]:
        status = cursors.status(self._cursor, self._call.extent, time.monotonic())
        return {"position_ms": status.position, "paused": status.paused, "gains": self._gains}

    async def _play(self) -> None:
        due_s = time.monotonic()
        while True:
            frames = cursors.playable_frames(self._cursor, self._call.extent)
            first = self._cursor.position_frames
            self._cursor = cursors.advance(self._cursor, frames, due_s)
            for sound, party, send in zip(
                self._call.sound, PARTIES, tuple(self._outlets), strict=False
            ):
                block = np.zeros(BLOCK, np.int16)
                block[:frames] = sound[first : first + frames] * self._gains[party]
                for at in range(0, BLOCK if self.sounds else 0, FRAME_FRAMES):
                    send(block[at : at + FRAME_FRAMES])
            due_s = max(due_s + cursors.BLOCK_S, time.monotonic() - 0.2)
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))

    async def _report(self) -> None:
        while True:
            await self._send_status()
            await asyncio.sleep(STATUS_S)

    async def _send_status(self) -> None:
        if not self.sends_status:
            return
        status = cursors.status(self._cursor, self._call.extent, time.monotonic())
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await self._room.local_participant.publish_data(
                    encode_status(status), reliable=True
                )

    def _on_disconnected(self, _reason: object) -> None:
        self.ended = True

    def _on_data(self, packet: rtc.DataPacket) -> None:
        try:
            command = decode_command(packet.data)
        except WireError:
            return
        self._asked.append(json.loads(encode_command(command)))
        if isinstance(command, SetGain):
            self._gains[command.callerType] = 10 ** (command.gain / 20)
        self._cursor = cursors.apply(self._cursor, command, self._call.extent)
        self._tasks.append(asyncio.create_task(self._send_status()))


class Vendor:
    """API, tokens and bot."""

    def __init__(self, duration_s: float) -> None:
        self._url = os.environ["LIVEKIT_URL"]
        self._key, self._secret = os.environ["LIVEKIT_API_KEY"], os.environ["LIVEKIT_API_SECRET"]
        self._call = Call(duration_s)
        self._room = f"faults-{secrets.token_hex(8)}"
        self._bot: Bot | None = None
        self._access: dict[str, float] = {}
        self._access_s, self._stream_s = 7200.0, 3600.0
        self._bad_tokens = 0
        self._asked: list[dict[str, Any]] = []
        self._counts = {"sign_ins": 0, "grants": 0, "refused": 0}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth/token", self._sign_in)
        app.router.add_get("/v1/incident_events/{id}", self._incident)
        app.router.add_post("/v1/incident_events/{id}/stream_token", self._stream_token)
        return app

    async def _sign_in(self, request: web.Request) -> web.Response:
        await request.read()
        token = secrets.token_urlsafe(16)
        self._access[token] = time.monotonic() + self._access_s
        self._counts["sign_ins"] += 1
        return web.json_response({"access_token": token, "expires_in": self._access_s})

    def _refusal(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._access.get(token, 0.0) > time.monotonic():
            return None
        self._counts["refused"] += 1
        return web.json_response({"error": "invalid_token"}, status=401)

    async def _incident(self, request: web.Request) -> web.Response:
        return self._refusal(request) or web.json_response({"id": INCIDENT})

    async def _stream_token(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self._bot is None or self._bot.ended:
            await self._go()
            await self._come()
        self._counts["grants"] += 1
        is_bad, self._bad_tokens = self._bad_tokens > 0, max(self._bad_tokens - 1, 0)
        secret = secrets.token_urlsafe(36) if is_bad else self._secret
        token = self._token(f"listener-{secrets.token_hex(4)}", self._stream_s, secret)
        return web.json_response({"token": token, "url": self._url})

    def _token(self, identity: str, lasts_s: float, secret: str) -> str:
        grants = api.VideoGrants(room_join=True, room_create=True, room=self._room)
        token = api.AccessToken(self._key, secret).with_identity(identity)
        return token.with_ttl(timedelta(seconds=lasts_s)).with_grants(grants).to_jwt()

    async def _come(self) -> None:
        self._bot = Bot(self._call, self._asked)
        await self._bot.join(
            self._url, self._token(f"replay-{secrets.token_hex(4)}", 600.0, self._secret)
        )

    async def _go(self) -> None:
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.leave()

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        match command:
            case {"status": sends_status} if self._bot:
                self._bot.sends_status = sends_status
            case {"sound": sounds} if self._bot:
                self._bot.sounds = sounds
            case {"tracks": there} if self._bot:
                await (self._bot.publish() if there else self._bot.unpublish())
            case {"here": there}:
                await (self._come() if there else self._go())
            case {"close_room": _}:
                await self._close_room()
            case {"access_s": seconds}:
                self._access_s = seconds
            case {"stream_s": seconds}:
                self._stream_s = seconds
            case {"bad_tokens": count}:
                self._bad_tokens = count
            case {"report": _}:
                where = self._bot.where() if self._bot else {}
                return {"asked": self._asked, **self._counts, **where}
        return {"done": True}

    async def _close_room(self) -> None:
        await self._go()
        url = self._url.replace("ws", "http", 1)
        async with api.LiveKitAPI(url, self._key, self._secret) as server:
            await server.room.delete_room(api.DeleteRoomRequest(room=self._room))

    async def close(self) -> None:
        await self._go()


async def main() -> None:
    """Serve until stdin ends."""
    vendor = Vendor(float(sys.argv[1]))
    runner = web.AppRunner(vendor.app(), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(json.dumps({"ready": True, "api_url": api_url, "incident": INCIDENT}), flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await vendor.obey(json.loads(line))), flush=True)
    await vendor.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
