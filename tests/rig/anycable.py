"""A real AnyCable server, built once with Go and kept in the cache; its telemetry is always off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.rig.go_program import go_program

VERSION = "1.5.6"
PROGRAM = "github.com/anycable/anycable-go/cmd/anycable-go"
NO_TELEMETRY = {"ANYCABLE_DISABLE_TELEMETRY": "true"}


def anycable_server() -> Path:
    """Return the server's program, built now if it is not there: that takes a minute or more."""
    return go_program(PROGRAM, VERSION)


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def running_anycable(
    port: int, rpc_url: str, rpc_secret: str, broadcast_key: str, *, keeps_history: bool = True
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the server on `port` while the block lasts, as docs/transcripts.md says."""
    process = await asyncio.create_subprocess_exec(
        str(await asyncio.to_thread(anycable_server)),
        f"--port={port}",
        f"--rpc_host={rpc_url}",
        "--broadcast_adapter=http",
        *(["--broker=memory"] if keeps_history else []),
        "--log_level=error",
        env=os.environ
        | NO_TELEMETRY
        | {"ANYCABLE_HTTP_RPC_SECRET": rpc_secret, "ANYCABLE_BROADCAST_KEY": broadcast_key},
    )
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(500):
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{port}/health")).is_success:
                        break
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
