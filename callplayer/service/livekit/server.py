"""Which LiveKit server the rooms are on: one that is there already, or one of our own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from callplayer.config import Secret, check_url, is_loopback
from callplayer.errors import UsageError
from callplayer.paths import log_path
from callplayer.progress import now_and_then
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import OwnServer, RoomServer, own_server

MIN_API_SECRET_CHARS = 32
DEV_KEYS = frozenset({"devkey"})

log = logging.getLogger("callplayer.service")


def room_server_from_environment(url: str, variables: Mapping[str, str]) -> RoomServer:
    """Return the LiveKit server at `url` with the API key of the environment.

    Raise UsageError if the key is missing, or if a development key would guard a server that others
    can reach.
    """
    schemes = {"wss": True, "https": True, "ws": False, "http": False}
    url = check_url(url, schemes, "livekit_url", "--livekit-url")
    key = variables.get("CALLPLAYER_LIVEKIT_API_KEY", "")
    secret = variables.get("CALLPLAYER_LIVEKIT_API_SECRET", "")
    if not key or not secret:
        raise UsageError(
            "--livekit-url needs the server's API key.",
            "Set CALLPLAYER_LIVEKIT_API_KEY and CALLPLAYER_LIVEKIT_API_SECRET.",
        )
    local = is_loopback(url.split("://", 1)[1].split("/")[0].rsplit(":", 1)[0].strip("[]"))
    if not local and (key in DEV_KEYS or len(secret) < MIN_API_SECRET_CHARS):
        raise UsageError(
            "The LiveKit server's API key is a development key, and others can reach the server.",
            "Give it a random secret of 32 characters or more.",
        )
    return RoomServer(url, key, Secret(secret))


@contextlib.asynccontextmanager
async def room_server(
    url: str | None, binary: Path | None
) -> AsyncIterator[tuple[RoomServer, OwnServer | None]]:
    """Give the server at `url`; without one, run `binary`, or one that is found or built.

    A server that is run ends with the block.
    """
    if url is not None:
        yield room_server_from_environment(url, os.environ), None
        return
    binary = await asyncio.to_thread(ensure_binary, now_and_then(log.info), binary)
    async with own_server(binary, log_path("livekit-server.log")) as server:
        yield server.room_server, server
