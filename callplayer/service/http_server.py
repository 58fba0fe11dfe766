"""The HTTP server under the API: uvicorn on a socket of ours, leaving signals and logs to us."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from callplayer.errors import ServiceError

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_WEB_SOCKETS = 500
MAX_FRAME_BYTES = 65_536
UNREAD_TIMEOUT_MS = 30_000
"""A client that takes nothing of what it was sent for so long is cut off by the system."""


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on `host`, a loopback address; raise ServiceError if the port is taken."""
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_TIMEOUT_MS)
        try:
            listening.bind((address, port))
            listening.listen(64)
        except OSError as error:
            raise ServiceError(
                f"Port {port} cannot be used: {error.strerror}.", "Choose another with --port."
            ) from None
        yield listening


def url_of(listening: socket.socket) -> str:
    """Return the address that clients use."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def http_server(
    app: Starlette, listening: socket.socket
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve the ASGI `app` while the block lasts; give the task that ends if the server does."""
    import uvicorn

    class Server(uvicorn.Server):
        """One that leaves the signals to us."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        limit_concurrency=200 + MAX_WEB_SOCKETS,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield task
    finally:
        server.should_exit = True
        await task
