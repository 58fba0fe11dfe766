"""A call vendor of the tests' own: what its API, cable and room send is up to the test.

`python -m tests.rig.vendor` runs it on a real livekit-server, with the replay service's own bot in
the room. It takes a Script as one line of JSON on stdin and prints its addresses on stdout; each
line after that is a Flood, answered by how many messages went out. It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callplayer.playback.audio_source import DecodedSound
from callplayer.playback.player import StreamPlayer
from callplayer.service.bots.bot import ReplayBot
from callplayer.service.bots.clock import Pump
from callplayer.service.http.server import http_server, listen, url_of
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import OwnServer, own_server
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.status import Status, encode_status
from tests.rig.processes import CLIENT_ID, CLIENT_SECRET, clean_environment
from tests.rig.room_flood import Flood, flood, sender
from tests.rig.signals import position_sweep

ROOT = Path(__file__).resolve().parents[2]
PING_S = 3.0


class Script(msgspec.Struct, kw_only=True):
    """What the vendor sends.

    `incident` is the answer for any incident's id, `listed` those of the list; `frames` are sent on
    the cable once a client has subscribed, with IDENTIFIER in the place of the client's own.
    `tracks` names the room's tracks, caller first; each is `sound_s` of a sweep. If it `rejects`,
    there is no transcript; unless it `names_room`, clients have to know where that is.
    """

    folder: str
    incident: dict[str, Any] = msgspec.field(default_factory=lambda: {"id": "i1"})
    listed: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []
    tracks: tuple[str, ...] = ("caller", "callTaker")
    sound_s: float = 60.0
    rejects: bool = False
    names_room: bool = True


class _Bridge:
    """What a bot asks of its room's server."""

    def __init__(self, roster: RoomServiceClient, room: str, listener: str) -> None:
        self._roster, self._room, self._listener = roster, room, listener

    async def sessions(self) -> Mapping[str, str]:
        return await self._roster.sessions(self._room)

    async def announce(self) -> None:
        await self._roster.announce(self._room, self._listener)


class _FloodingBot(ReplayBot):
    """Its statuses go the way of a flood: their answers stay outside, with those to a flood."""

    @functools.cached_property
    def _sender(self) -> Callable[[bytes], None]:
        return sender(self._room)

    async def _send(self, status: Status) -> None:
        self._sender(encode_status(status))

    async def flood(self, asked: Flood, status: Callable[[], bytes]) -> int:
        """Send what is asked for; return how many messages went out."""
        return await flood(self._room, asked, status)


class _Vendor:
    def __init__(
        self, script: Script, server: OwnServer, roster: RoomServiceClient, pump: Pump
    ) -> None:
        self._script = script
        self._server = server.room_server
        self._tokens = RoomTokens(self._server.api_key, self._server.api_secret)
        self._roster = roster
        self._pump = pump
        parties = ("caller", "callTaker")[: len(script.tracks)]
        sweeps = [position_sweep(script.sound_s, party) for party in parties]
        self._samples = (np.stack(sweeps, axis=1) * 32_767).astype(np.int16)
        self._tasks: set[asyncio.Task[None]] = set()
        self.player: StreamPlayer | None = None
        self.bot: _FloodingBot | None = None
        self.room = ""

    def app(self) -> Starlette:
        incident = "/v1/incident_events/{incident_id}"
        return Starlette(
            routes=[
                Route("/oauth/token", self._sign_in, methods=["POST"]),
                Route("/v1/incident_events", self._list),
                Route(incident, self._incident),
                Route(f"{incident}/stream_token", self._stream, methods=["POST"]),
                WebSocketRoute("/cable", self._cable),
            ]
        )

    async def _sign_in(self, request: Request) -> Response:
        asked = await request.json()
        if (asked["client_id"], asked["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({}, 401)
        return JSONResponse({"access_token": secrets.token_urlsafe(16), "expires_in": 7200})

    async def _list(self, _request: Request) -> Response:
        return JSONResponse(self._script.listed)

    async def _incident(self, _request: Request) -> Response:
        return JSONResponse(self._script.incident)

    async def _stream(self, _request: Request) -> Response:
        self.room, listener = f"room-{secrets.token_hex(4)}", "listener"
        player = StreamPlayer(
            self._script.tracks,  # type: ignore[arg-type]
            DecodedSound(self._samples),
            autoplay=False,
        )
        bot = _FloodingBot(
            player,
            _Bridge(self._roster, self.room, listener),
            self._pump,
            listener=listener,
            name="vendor",
        )
        await bot.join(self._server.url, self._tokens.for_bot(self.room, "replay-bot"))
        task = asyncio.create_task(bot.run())
        self._tasks.add(task)
        self.player, self.bot = player, bot
        token = self._tokens.for_listener(self.room, listener)
        where = {"url": self._server.url} if self._script.names_room else {}
        return JSONResponse({"token": token, **where})

    def stranger_token(self) -> str:
        """Return what lets another participant into the room, to hear and to send data."""
        return self._tokens.for_listener(self.room, "stranger")

    async def _cable(self, socket: WebSocket) -> None:
        await socket.accept(subprotocol="actioncable-v1-json")
        try:
            await socket.send_json({"type": "welcome"})
            identifier = (await socket.receive_json())["identifier"]
            answer = "reject_subscription" if self._script.rejects else "confirm_subscription"
            await socket.send_json({"type": answer, "identifier": identifier})
            for frame in self._script.frames:
                await socket.send_text(
                    json.dumps(frame, ensure_ascii=False).replace(
                        '"IDENTIFIER"', json.dumps(identifier)
                    )
                )
            while True:
                await asyncio.sleep(PING_S)
                await socket.send_json({"type": "ping", "message": round(time.time())})
        except (WebSocketDisconnect, RuntimeError):
            pass

    async def obey(self, asked: Flood) -> dict[str, Any]:
        """Send what was asked for, from the bot itself or from a stranger in its room."""
        assert self.bot is not None
        assert self.player is not None
        player = self.player
        status = lambda: encode_status(player.status(time.monotonic()))  # noqa: E731
        if not asked.by_stranger:
            return {"sent": await self.bot.flood(asked, status)}
        from livekit import rtc

        room = rtc.Room()
        await room.connect(self._server.url, self.stranger_token())
        try:
            sent = await flood(room, asked, status)
            await asyncio.sleep(0.2)
        finally:
            await room.disconnect()
        return {"sent": sent}


@contextlib.asynccontextmanager
async def _serving(script: Script) -> AsyncIterator[tuple[_Vendor, dict[str, str]]]:
    log = Path(script.folder) / "vendor-livekit.log"
    binary = await asyncio.to_thread(ensure_binary, lambda _stage, _text: None)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(own_server(binary, log))
        roster = await stack.enter_async_context(RoomServiceClient(server.room_server))
        pump = Pump()
        pumping = asyncio.create_task(pump.run())
        stack.callback(pumping.cancel)
        vendor = _Vendor(script, server, roster, pump)
        listening = stack.enter_context(listen("127.0.0.1", 0))
        await stack.enter_async_context(http_server(vendor.app(), listening))
        addresses = {"api_url": url_of(listening), "stream_url": server.room_server.url}
        yield vendor, addresses


async def _run() -> None:
    reader = asyncio.StreamReader(limit=8_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    script = msgspec.json.decode(await reader.readline(), type=Script)
    async with _serving(script) as (vendor, addresses):
        print(json.dumps(addresses), flush=True)
        while line := await reader.readline():
            reported = await vendor.obey(msgspec.json.decode(line, type=Flood))
            print(json.dumps(reported), flush=True)


class Vendor:
    """The vendor in a process of its own, ready to be asked."""

    def __init__(self, folder: Path, script: Script) -> None:
        self._log = (folder / "vendor.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.vendor"],
            env=clean_environment(folder) | {"PYTHONPATH": str(ROOT), "RUST_LOG": "error"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        reported = self._talk(msgspec.json.encode(script))
        self.stream_url: str = reported["stream_url"]
        self.environment = {
            "CALLPLAYER_API_URL": reported["api_url"],
            "CALLPLAYER_CLIENT_ID": CLIENT_ID,
            "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
        }

    def flood(self, asked: Flood) -> int:
        """Have messages sent; return how many went out, once they all have."""
        return int(self._talk(msgspec.json.encode(asked))["sent"])

    def _talk(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self._log.flush()
            raise RuntimeError(f"the vendor has ended: {Path(self._log.name).read_text()}")
        reported: dict[str, Any] = json.loads(answer)
        return reported

    def stop(self) -> None:
        """End it by the end of its stdin."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self._log.close()


if __name__ == "__main__":
    asyncio.run(_run())
