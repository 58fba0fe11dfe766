"""`callplayer serve`: the HTTP API, the LiveKit server and the bots, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from callplayer.config import is_loopback
from callplayer.errors import EXIT_DONE, CallplayerError, ServiceError
from callplayer.logs import RedactingFormatter
from callplayer.service.catalog import LibraryError
from callplayer.service.next_steps import next_steps
from callplayer.service.options import ServeOptions, check

if TYPE_CHECKING:
    from callplayer.service.app import Service

LIVE_FROM = "CALLPLAYER_SERVE_LIVE_FROM_S"
LOOK_S = 1.0
NEWS_S = 0.1

__all__ = ["LIVE_FROM", "ServeOptions", "live_start_s", "serve"]

log = logging.getLogger("callplayer.service")


def serve(options: ServeOptions) -> int:
    """Serve until a signal or the end of stdin; return the exit code.

    When ready it prints one line of JSON on stdout: `ready`, `api_url`, `stream_url`, `incidents`
    (ids: all that were named, or the newest of the library) and `config` (the path of generated
    credentials, or null). If it cannot start or go on it prints `ready` false, `what`, `hint` and
    `exit_code`, and raises that error. All else goes to stderr.
    """
    with _logging_to_stderr():
        try:
            check(options)
            return asyncio.run(_serve(options))
        except CallplayerError as error:
            refusal = {"what": error.what, "hint": error.hint, "exit_code": error.exit_code}
            _print_json({"ready": False, **refusal})
            raise


async def _serve(options: ServeOptions) -> int:
    from callplayer.service.app import running_service

    stop = asyncio.Event()
    drain = asyncio.Event()
    with _stop_signals(stop, drain if options.drain_s else stop):
        if options.exit_with_stdin:
            _stop_with_stdin(stop)
        live_from_s = live_start_s(os.environ, time.monotonic()) if options.live else None
        async with running_service(options, live_from_s) as service:
            # A full collection of all that was imported would hold the sound up for 10s of ms.
            gc.collect()
            gc.freeze()
            _print_json(
                {
                    "ready": True,
                    "api_url": service.api_url,
                    "stream_url": service.stream_url,
                    "incidents": list(service.incidents),
                    "config": str(service.config_file) if service.config_file else None,
                }
            )
            _log_start(options, service)
            draining = asyncio.create_task(drain_streams(drain, service, options.drain_s, stop))
            try:
                await _wait_for_end(stop, service)
            finally:
                draining.cancel()
            log.info("closing")
    return EXIT_DONE


@contextlib.contextmanager
def _logging_to_stderr() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def _log_start(options: ServeOptions, service: Service) -> None:
    log.info("serving %d incidents at %s", service.library.count()[0], service.api_url)
    if options.recordings:
        for recording in service.library.list().recordings:
            log.info("incident %s is %s", recording.id, recording.path.name)
    if service.config_file:
        log.info("the credentials are in %s", service.config_file)
    if not options.exit_with_stdin:
        steps = next_steps(
            options.public_url or service.api_url,
            next(iter(service.incidents), None),
            config_file=service.config_file,
            client_id=os.environ.get("CALLPLAYER_SERVE_CLIENT_ID") or None,
        )
        print(*steps, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - to be copied as it is
    if not is_loopback(options.host) and options.livekit_url is None:
        log.warning("%s is for this machine only: others need --livekit-url", service.stream_url)


async def drain_streams(
    drain: asyncio.Event, service: Service, drain_s: float, stop: asyncio.Event
) -> None:
    """Once `drain` is set, set `stop` when no stream is open any more, or after `drain_s`."""
    await drain.wait()
    log.info("no new streams are opened; %d go on", service.streams.count)
    service.streams.drains = True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(drain_s):
            while service.streams.count:
                await asyncio.sleep(LOOK_S / 4)
    stop.set()


async def take_news(service: Service) -> None:
    """Publish what other services of the library send, as soon as it comes."""
    while service.library.is_shared:
        await asyncio.sleep(NEWS_S)
        with contextlib.suppress(LibraryError):  # a look says so, once a second
            service.library.take_news()


async def look_at_library(service: Service, every_s: float = LOOK_S) -> None:
    """Look for what other processes did in the library, each `every_s`, whatever a look raises."""
    while True:
        await asyncio.sleep(every_s)
        try:
            service.look(time.monotonic())
        except LibraryError as error:
            log.warning("the library cannot be looked at: %s", error.what)
        except Exception:  # calls go on all the same
            log.exception("a change of the library cannot be published")


def live_start_s(variables: Mapping[str, str], now_s: float) -> float:
    """Return when live calls begin, by the monotonic clock: now, or earlier as LIVE_FROM says.

    So a service that is started again takes the calls up where they would be.
    """
    try:
        start_s = float(variables.get(LIVE_FROM, ""))
    except ValueError:
        return now_s
    return start_s if start_s <= now_s else now_s


def _print_json(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _wait_for_end(stop: asyncio.Event, service: Service) -> None:
    """Return when asked to stop; raise ServiceError if a part of the service ended for good."""
    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(stop.wait()),
        asyncio.create_task(look_at_library(service)),
    ]
    if service.library.is_shared:
        tasks.append(asyncio.create_task(take_news(service)))
    if service.own_server is not None:
        tasks.append(asyncio.create_task(service.own_server.keep()))
    try:
        await asyncio.wait([*tasks, service.http_ended], return_when=asyncio.FIRST_COMPLETED)
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
def _stop_signals(stop: asyncio.Event, drain: asyncio.Event) -> Iterator[None]:
    """Set `stop` at a signal; at the first SIGTERM `drain`, which may be the same."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def terminate() -> None:
        (stop if drain.is_set() else drain).set()

    for number in signals:
        loop.add_signal_handler(number, terminate if number == signal.SIGTERM else stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _stop_with_stdin(stop: asyncio.Event) -> None:
    """Set `stop` when stdin ends: the holder of its other end has gone."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
