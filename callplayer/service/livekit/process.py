"""A livekit-server of our own: on this machine only, with a secret of its own.

It dies with the service, also when the service is killed. Its settings go by environment, so no
secret is ever in argv or in a file. Media goes over one UDP port of the machine's own addresses:
the LiveKit SDKs gather no candidates on the loopback interface. There is no TCP port for media,
because the server would open it to all networks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx

from callplayer.config import Secret
from callplayer.errors import ServiceError
from callplayer.paths import make_private_folder
from callplayer.retry import RESTARTS, RestartBudget
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.supervise import ChildProcess, EndLimits

START_TIMEOUT_S = 10.0
START_ATTEMPTS = 3
MAX_LOG_BYTES = 5_000_000

# Where there is no setpriv: a shell that kills the server when the service's end of a pipe closes.
_GUARD = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
trap 'kill -KILL $server' TERM INT
( while read -r _ <&3; do :; done; kill -KILL $server ) & guard=$!
exec 3<&-
wait $server; code=$?
kill $guard 2>/dev/null
exit $code
"""

END_LIMITS = EndLimits(leave_s=0.0, terminate_s=(0.05, 0.5))
"""After one SIGTERM it would wait for the listeners to leave; after the second it ends at once."""

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class RoomServer:
    """A room server to use: its URL for listeners and bots, and the API key that signs tokens."""

    url: str
    api_key: str
    api_secret: Secret


@dataclass(frozen=True)
class ServerAddress:
    """Where a server listens and with which key: the same again after a restart."""

    http_port: int
    udp_port: int
    api_key: str
    api_secret: Secret

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.http_port}"


class OwnServer:
    """The child, started by `own_server`; `keep` starts it again when it ends by itself."""

    def __init__(
        self,
        binary: Path,
        log_file: Path,
        place: ServerAddress,
        process: ChildProcess,
    ) -> None:
        self._binary = binary
        self._log_file = log_file
        self._place = place
        self._process = process

    @property
    def room_server(self) -> RoomServer:
        """How to reach it; this stays as it is for as long as the server is kept."""
        return RoomServer(self._place.url, self._place.api_key, self._place.api_secret)

    async def keep(self, budget: RestartBudget = RESTARTS) -> NoReturn:
        """Start the server again each time it ends, on the same ports and with the same key.

        All rooms went with it, but URL and tokens are still good: the SDKs of bots and listeners
        reconnect, and a bot's token makes its room anew. Raise ServiceError when the server ended
        too often for the `budget`.
        """
        restarts_s: list[float] = []
        while True:
            code = await self._process.ended()
            await self._process.end()
            log.warning("livekit-server has ended by itself (exit code %d)", code)
            delay_s = budget.delay_s(restarts_s, time.monotonic())
            if delay_s is None:
                raise ServiceError(
                    "livekit-server has ended by itself again and again.",
                    f"Read why in {self._log_file}.",
                )
            await asyncio.sleep(delay_s)
            restarts_s.append(time.monotonic())
            self._process = _launch(self._binary, self._log_file, self._place)
            if await _comes_up(self._process, self._place):
                log.info("livekit-server runs again")
            else:
                await self._process.end()

    async def stop(self) -> None:
        """End the server."""
        await self._process.end()


@asynccontextmanager
async def own_server(binary: Path, log_file: Path) -> AsyncIterator[OwnServer]:
    """Run `binary` for as long as the block lasts; its warnings go to `log_file`.

    Raise ServiceError if it does not come up.
    """
    for attempt in range(START_ATTEMPTS):
        place = free_address()
        process = _launch(binary, log_file, place)
        try:
            if await _comes_up(process, place):
                break
            log.warning("livekit-server did not start (attempt %d)", attempt + 1)
        except BaseException:
            await process.end()
            raise
        await process.end()
    else:
        raise ServiceError("livekit-server does not start.", f"Read why in {log_file}.")
    server = OwnServer(binary, log_file, place, process)
    try:
        yield server
    finally:
        await server.stop()


def server_settings(http_port: int, udp_port: int, api_key: str, api_secret: str) -> str:
    """Return the server's whole configuration as JSON, which is YAML too."""
    settings = {
        "port": http_port,
        "bind_addresses": ["127.0.0.1"],
        "keys": {api_key: api_secret},
        "rtc": {
            "udp_port": udp_port,
            "tcp_port": 0,
            "use_external_ip": False,
            # An empty list would send every client to public STUN servers.
            "stun_servers": [f"127.0.0.1:{udp_port}"],
        },
        # Only a bot makes rooms, and a room ends with its bot: a token alone opens nothing.
        "room": {"auto_create": False, "empty_timeout": 60, "departure_timeout": 1},
        "logging": {"level": "warn"},
    }
    return json.dumps(settings)


def _launch(binary: Path, log_file: Path, place: ServerAddress) -> ChildProcess:
    settings = server_settings(
        place.http_port, place.udp_port, place.api_key, place.api_secret.reveal()
    )
    environment = {
        "LIVEKIT_CONFIG": settings,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
    }
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        command = [setpriv, "--pdeathsig", "KILL", str(binary)]
    else:
        command = ["/bin/sh", "-c", _GUARD, "livekit-guard", str(binary)]
    return ChildProcess(
        command,
        environment,
        _open_log(log_file),
        stdin=subprocess.DEVNULL if setpriv else subprocess.PIPE,
        log_stdout=True,
        limits=END_LIMITS,
    )


async def _comes_up(process: ChildProcess, place: ServerAddress) -> bool:
    """Return whether this server runs now, not another one that has taken its port."""
    tokens = RoomTokens(place.api_key, place.api_secret)
    headers = {"Authorization": f"Bearer {tokens.for_asking()}"}
    asked = f"{place.url.replace('ws://', 'http://', 1)}/twirp/livekit.RoomService/ListRooms"
    deadline_s = asyncio.get_running_loop().time() + START_TIMEOUT_S
    async with httpx.AsyncClient(timeout=1.0, trust_env=False, headers=headers) as client:
        while asyncio.get_running_loop().time() < deadline_s:
            if process.exit_status() is not None:
                return False
            try:
                answer = await client.post(asked, json={})
                if answer.status_code in (200, 401):
                    return answer.status_code == 200
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.02)
    return False


def free_address() -> ServerAddress:
    """Return ports that are free at the moment, with a new key."""
    http_port, udp_port = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM)
    secret = Secret(secrets.token_urlsafe(36))
    return ServerAddress(http_port, udp_port, f"key{secrets.token_hex(6)}", secret)


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1" if kind == socket.SOCK_STREAM else "", 0))
        return int(probe.getsockname()[1])


def _open_log(path: Path) -> int:
    make_private_folder(path.parent)
    too_long = path.exists() and path.stat().st_size > MAX_LOG_BYTES
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if too_long else os.O_APPEND)
    return os.open(path, mode, 0o600)
