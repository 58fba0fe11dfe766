"""The HTTP server under the API: uvicorn on a socket of ours, leaving signals and logs to us."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.errors import ServiceError

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_WEB_SOCKETS = 500
MAX_FRAME_BYTES = 65_536
UNREAD_TIMEOUT_MS = 30_000
"""How long a client may leave what it was sent unread; then the system cuts it off."""


@dataclass(frozen=True)
class Tls:
    """A certificate with its chain, and its key, as PEM files."""

    cert: Path
    key: Path


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on `host`, an address of this machine; raise ServiceError if that cannot be."""
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
                f"Port {port} of {host} cannot be used: {error.strerror or error}.",
                "Choose another with --port or --host.",
            ) from None
        yield listening


def url_of(listening: socket.socket, *, tls: bool = False) -> str:
    """Return the address that clients use: the machine's name where it listens on all its own."""
    host, port = listening.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextlib.asynccontextmanager
async def http_server(
    app: Starlette,
    listening: socket.socket,
    tls: Tls | None = None,
    *,
    behind_proxy: bool = False,
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve the ASGI `app` while the block lasts; give the task that ends if the server does.

    With `behind_proxy` the client addresses that a proxy on this machine names are believed.
    """
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
        proxy_headers=behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
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
