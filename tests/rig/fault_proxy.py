"""An HTTP proxy in front of a real API, which can be made to answer wrongly.

It runs in a thread of its own. A setting counts from the next request on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

HOP_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding"})
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Fault:
    """What a request gets instead of the API's answer, if its path ends with `path`.

    `hangs`: no answer at all; `breaks_off`: half of one.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "{}"
    content_type: str = "application/json"
    hangs: bool = False
    breaks_off: bool = False
    path: str = "/stream_token"


class FaultProxy:
    """Passes requests on to `target`, but for those that `fault` is for.

    `requests` are the times (monotonic, s) and paths of all that came.
    """

    def __init__(self, target: str, tls: ssl.SSLContext | None) -> None:
        self._target = target
        self._tls = tls
        self.fault: Fault | None = None
        self.requests: list[tuple[float, str]] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def asked(self, path: str, since_s: float = 0.0) -> list[float]:
        """Return when requests whose path ends with `path` came."""
        return [at_s for at_s, asked in self.requests if at_s >= since_s and asked.endswith(path)]

    async def serve(self, ready: threading.Event, end: asyncio.Event) -> None:
        """Serve until `end`."""
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def answer(request: web.Request) -> web.StreamResponse:
                self.requests.append((time.monotonic(), request.path))
                fault = self.fault
                if fault is not None and request.path.endswith(fault.path):
                    reported = await _wrong(request, fault)
                else:
                    reported = await self._pass_on(request, session)
                reported.force_close()  # so that each request needs a connection of its own
                return reported

            app = web.Application(client_max_size=MAX_BYTES)
            app.router.add_route("*", "/{tail:.*}", answer)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self._tls)
            await site.start()
            self.port = runner.addresses[0][1]
            ready.set()
            try:
                await end.wait()
            finally:
                await runner.cleanup()

    async def _pass_on(
        self, request: web.Request, session: aiohttp.ClientSession
    ) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_HEADERS}
        try:
            async with session.request(
                request.method,
                self._target + str(request.rel_url),
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as reported:
                kept = {k: v for k, v in reported.headers.items() if k.lower() not in HOP_HEADERS}
                return web.Response(
                    status=reported.status, headers=kept, body=await reported.read()
                )
        except aiohttp.ClientError:
            return web.Response(status=502)


async def _wrong(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.hangs:
        await asyncio.Event().wait()
    if fault.breaks_off:
        half = web.StreamResponse(headers={"Content-Length": "400"})
        await half.prepare(request)
        await half.write(b'{"token": "eyJh')
        if request.transport is not None:
            request.transport.close()
        return half
    return web.Response(
        status=fault.status,
        headers=dict(fault.headers),
        text=fault.body,
        content_type=fault.content_type,
    )


@contextlib.contextmanager
def fault_proxy(target: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultProxy]:
    """Run a proxy in front of `target` for as long as the block lasts."""
    proxy = FaultProxy(target, tls)
    loop = asyncio.new_event_loop()
    ready, end = threading.Event(), asyncio.Event()

    def run() -> None:
        # It also ends the requests that were never to be answered.
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(proxy.serve(ready, end))

    thread = threading.Thread(target=run, name="fault proxy", daemon=True)
    thread.start()
    try:
        assert ready.wait(10), "the fault proxy does not start"
        yield proxy
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
