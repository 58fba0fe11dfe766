"""`callplayer serve`: the HTTP API, the LiveKit server and the bots, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.config import is_loopback
from callplayer.errors import EXIT_DONE, CallplayerError, ServiceError
from callplayer.service import credentials
from callplayer.service.http_server import Tls, http_server, listen, url_of
from callplayer.service.livekit_process import OwnServer
from callplayer.service.room_server import room_server
from callplayer.service.serve_options import ServeOptions, check, webhook_secret
from callplayer.service.tokens import BearerTokens, RoomTokens

if TYPE_CHECKING:
    from callplayer.service.clients import Access
    from callplayer.service.library import Library
    from callplayer.service.metrics import Metrics

LIVE_FROM = "CALLPLAYER_SERVE_LIVE_FROM_S"
LOOK_S = 1.0

__all__ = ["LIVE_FROM", "ServeOptions", "live_start_s", "serve"]

log = logging.getLogger("callplayer.service")


def serve(options: ServeOptions) -> int:
    """Serve until a signal or the end of stdin; return the exit code.

    When ready it prints one line of JSON on stdout: `ready`, `api_url`, `stream_url`, `incidents`
    (ids: all that were named, or the newest of the library) and `config` (the path of generated
    credentials, or null). If it cannot start or go on it prints `ready` false, `what`, `hint` and
    `exit_code`, and raises that error. All else goes to stderr.
    """
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    try:
        check(options)
        return asyncio.run(_serve(options))
    except CallplayerError as error:
        refusal = {"what": error.what, "hint": error.hint, "exit_code": error.exit_code}
        _tell({"ready": False, **refusal})
        raise


async def _serve(options: ServeOptions) -> int:
    from callplayer.service.anycable import from_environment as anycable_from_environment
    from callplayer.service.api import Api
    from callplayer.service.cable_start import open_cable
    from callplayer.service.health import Health
    from callplayer.service.metrics import Metrics
    from callplayer.service.opening import open_library
    from callplayer.service.roster import Roster
    from callplayer.service.sources.calls import growing
    from callplayer.service.sources.ingest import Ingest
    from callplayer.service.sources.start import live_calls
    from callplayer.service.streams import Streams
    from callplayer.service.workers import Workers

    stop = asyncio.Event()
    anycable = anycable_from_environment(os.environ)
    with _stop_signals(stop):
        if options.exit_with_stdin:
            _stop_with_stdin(stop)
        live_from_s = live_start_s(os.environ, time.monotonic()) if options.live else None
        async with contextlib.AsyncExitStack() as stack:
            library, incidents = stack.enter_context(open_library(options, live_from_s))
            metrics = Metrics()
            await stack.enter_async_context(_webhooks(options, library, metrics))
            listening = stack.enter_context(listen(options.host, options.port))
            workers = await stack.enter_async_context(Workers(options.workers))
            rooms, own = await stack.enter_async_context(room_server(options))
            tokens = RoomTokens(rooms.api_key, rooms.api_secret, options.stream_token_ttl_s)
            roster = await stack.enter_async_context(Roster(rooms))
            streams = Streams(library, workers, rooms, tokens, roster, idle_s=options.idle_s)
            stack.push_async_callback(streams.close)
            api_url = options.public_url or url_of(listening, tls=options.has_tls)
            access, config_file = stack.enter_context(_access(options, library, api_url))
            sources = options.live_sources
            calls = await stack.enter_async_context(live_calls(sources, library))
            ingest = Ingest(calls, rooms, tokens, access.is_good, end_after_s=sources.end_after_s)
            stack.push_async_callback(ingest.close)
            cable, routes = await stack.enter_async_context(
                open_cable(library, access.token_state, anycable)
            )
            metrics.watch_library(library)
            metrics.watch(
                "cable_clients", "Web sockets of the transcript cable", lambda: cable.connections
            )
            metrics.watch_streams(streams.stats)
            api = Api(
                access,
                library,
                streams,
                routes=[*routes, *([ingest.route] if sources.ingest else [])],
                metrics=metrics,
                health=Health(library, rooms.url).check,
                api_url=api_url,
                stream_ttl_s=options.stream_token_ttl_s,
            )
            serving = http_server(
                api.app(), listening, _tls(options), behind_proxy=options.public_url is not None
            )
            async with serving as http_ended, contextlib.aclosing(cable):
                # A full collection of all that was imported would hold the sound up for 10s of ms.
                gc.collect()
                gc.freeze()
                live = [call.id for call in growing(library)]
                _tell(
                    {
                        "ready": True,
                        "api_url": api_url,
                        "stream_url": rooms.url,
                        "incidents": list(dict.fromkeys([*incidents, *live])),
                        "config": str(config_file) if config_file else None,
                    }
                )
                _log_start(options, library, api_url, rooms.url, config_file)
                await _wait_for_end(stop, http_ended, own, _looking(library))
                log.info("closing")
    return EXIT_DONE


@contextlib.contextmanager
def _access(
    options: ServeOptions, library: Library, api_url: str
) -> Iterator[tuple[Access, Path | None]]:
    """Give who may use the service; generated credentials, in a file, if there is nobody else."""
    from callplayer.service.clients import Access

    with contextlib.ExitStack() as stack:
        fixed, file = credentials.from_environment(), None
        if fixed is None and not library.clients.rows():
            fixed, file = stack.enter_context(credentials.generated(api_url))
        bearer = BearerTokens(options.token_ttl_s)
        yield Access(bearer, fixed=fixed, clients=library.clients), file


@contextlib.asynccontextmanager
async def _webhooks(
    options: ServeOptions, library: Library, metrics: Metrics
) -> AsyncIterator[None]:
    from callplayer.service.library import Created
    from callplayer.service.webhooks import Webhooks

    if options.webhook is None:
        yield
        return
    webhooks = Webhooks(options.webhook, webhook_secret(os.environ), metrics)
    unsubscribe = library.subscribe(webhooks.told)
    for recording in library.list(is_audio_live=True).recordings:
        if recording.live_from_s is not None:  # it began with this service
            webhooks.told(Created(recording))
    try:
        yield
    finally:
        unsubscribe()
        await webhooks.close()


def _tls(options: ServeOptions) -> Tls | None:
    if options.tls_cert is None or options.tls_key is None:
        return None
    return Tls(options.tls_cert, options.tls_key)


def _log_start(
    options: ServeOptions, library: Library, api_url: str, stream_url: str, config: Path | None
) -> None:
    log.info("serving %d incidents at %s", library.count()[0], api_url)
    if options.recordings:
        for recording in library.list().recordings:
            log.info("incident %s is %s", recording.id, recording.path.name)
    if config:
        log.info("the credentials are in %s", config)
    if not is_loopback(options.host) and options.livekit_url is None:
        log.warning("%s is for this machine only: others need --livekit-url", stream_url)


async def _looking(library: Library) -> None:
    """Have the library see what other processes did in it."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            library.look(time.monotonic())
        except sqlite3.Error as error:
            log.warning("the library cannot be looked at: %s", error)


def live_start_s(variables: Mapping[str, str], now_s: float) -> float:
    """Return when live calls begin, by the monotonic clock: now, or earlier as LIVE_FROM says.

    So a service that is started again takes the calls up where they would be.
    """
    try:
        told_s = float(variables.get(LIVE_FROM, ""))
    except ValueError:
        return now_s
    return told_s if told_s <= now_s else now_s


def _tell(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _wait_for_end(
    stop: asyncio.Event,
    http_ended: asyncio.Task[None],
    own: OwnServer | None,
    looking: Coroutine[object, object, None],
) -> None:
    """Return when asked to stop; raise ServiceError if a part of the service ended for good."""
    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(stop.wait()),
        asyncio.create_task(looking),
    ]
    if own is not None:
        tasks.append(asyncio.create_task(own.keep()))
    try:
        await asyncio.wait([*tasks, http_ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if stop.is_set():
        return
    for result in results:
        if isinstance(result, Exception):
            raise result
    raise ServiceError("The HTTP server has ended by itself.", "Start again; the log says more.")


@contextlib.contextmanager
def _stop_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _stop_with_stdin(stop: asyncio.Event) -> None:
    """Set `stop` when stdin ends: whoever holds its other end has gone."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
