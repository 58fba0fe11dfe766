"""A real livekit-server of the tests' own, whose keys they know: killed, started again, asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from livekit import api

from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import server_settings
from tests.rig.processes import soon

START_S = 15.0

_T = TypeVar("_T")


def _outside(work: Callable[[], _T]) -> _T:
    return work()


class LiveKit:
    """livekit-server, each time on the same ports with the same keys.

    `prefix` goes before the program; `inside` runs a piece of work where the server can be reached.
    With `tcp` media may go over TCP, too.
    """

    def __init__(
        self,
        home: Path,
        *,
        prefix: Sequence[str] = (),
        inside: Callable[[Callable[[], None]], None] = _outside,
        tcp: bool = False,
    ) -> None:
        self._command = [*prefix, str(ensure_binary(print))]
        self._inside = inside
        self._log_path = home / "livekit-server.log"
        self.api_key, self.api_secret = "faults", secrets.token_urlsafe(36)
        ports = [_free_port(kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        self._http_port = ports[0]
        settings = json.loads(server_settings(*ports, self.api_key, self.api_secret))
        settings["rtc"]["tcp_port"] = _free_port(socket.SOCK_STREAM) if tcp else 0
        self._settings = json.dumps(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it takes web sockets."""
        return f"ws://127.0.0.1:{self._http_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What gives a service the keys."""
        return {
            "CALLPLAYER_LIVEKIT_API_KEY": self.api_key,
            "CALLPLAYER_LIVEKIT_API_SECRET": self.api_secret,
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=os.environ | {"LIVEKIT_CONFIG": self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        soon(lambda: self._process.poll() is not None or self._answers(), START_S)
        assert self._process.poll() is None, self._log_path.read_text()
        assert self._answers(), "livekit-server does not come up"

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self._inside(lambda: socket.create_connection(("127.0.0.1", self._http_port)).close())
            return True
        return False

    def end_rooms(self) -> None:
        """End all rooms for everybody who is in one."""
        asyncio.run(self._end_rooms())

    async def _end_rooms(self) -> None:
        url = self.url.replace("ws", "http", 1)
        async with api.LiveKitAPI(url, self.api_key, self.api_secret) as server:
            for room in (await server.room.list_rooms(api.ListRoomsRequest())).rooms:
                await server.room.delete_room(api.DeleteRoomRequest(room=room.name))

    def kill(self) -> None:
        """End it at once, as a crash does. Twice does no harm."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
