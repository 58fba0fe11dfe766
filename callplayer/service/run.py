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
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callplayer.config import Secret, check_url, is_loopback, log_path
from callplayer.errors import EXIT_DONE, CallplayerError, ServiceError, UsageError
from callplayer.service.http_server import http_server, listen, url_of
from callplayer.service.livekit_process import OwnServer, RoomServer, own_server
from callplayer.service.livekit_server import ensure_binary
from callplayer.service.packages import require_packages
from callplayer.service.sources.options import LiveSources
from callplayer.service.tokens import (
    DEFAULT_BEARER_TTL_S,
    DEFAULT_STREAM_TTL_S,
    BearerTokens,
    ClientCredentials,
    RoomTokens,
)

MIN_API_SECRET_CHARS = 32
LIVE_FROM = "CALLPLAYER_SERVE_LIVE_FROM_S"
DEV_KEYS = frozenset({"devkey"})

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class ServeOptions:
    """What to serve and where; times in s.

    `recordings` are files and folders. `port` 0 takes a free one. Without `livekit_url` a
    livekit-server of our own is started: `livekit_binary`, or one that is found or built.
    `live` plays every recording as a live call that begins now. `exit_with_stdin` ends the service
    when its standard input does. `live_sources` are calls that come in as they happen.
    """

    recordings: tuple[Path, ...]
    host: str = "127.0.0.1"
    port: int = 8911
    livekit_url: str | None = None
    livekit_binary: Path | None = None
    live: bool = False
    exit_with_stdin: bool = False
    token_ttl_s: float = DEFAULT_BEARER_TTL_S
    stream_token_ttl_s: float = DEFAULT_STREAM_TTL_S
    idle_s: float = 60.0
    live_sources: LiveSources = field(default_factory=LiveSources)


def serve(options: ServeOptions) -> int:
    """Serve until a signal or the end of stdin; return the exit code.

    When ready it prints one line of JSON on stdout: `ready`, `api_url`, `stream_url`, `incidents`
    (ids) and `config` (the path of generated credentials, or null). If it cannot start or go on it
    prints `ready` false, `what`, `hint` and `exit_code`, and raises that error. All else goes to
    stderr.
    """
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
    try:
        _check(options)
        return asyncio.run(_serve(options))
    except CallplayerError as error:
        refusal = {"what": error.what, "hint": error.hint, "exit_code": error.exit_code}
        _tell({"ready": False, **refusal})
        raise


async def _serve(options: ServeOptions) -> int:
    from callplayer.service.api import Api
    from callplayer.service.cable import Cable
    from callplayer.service.clients import Access
    from callplayer.service.library import Library
    from callplayer.service.recordings import find_recordings
    from callplayer.service.roster import Roster
    from callplayer.service.sources.calls import growing
    from callplayer.service.sources.ingest import Ingest
    from callplayer.service.sources.start import live_calls
    from callplayer.service.streams import Streams
    from callplayer.service.word_streams import WordStreams

    stop = asyncio.Event()
    with _stop_signals(stop):
        if options.exit_with_stdin:
            _stop_with_stdin(stop)
        live_from_s = live_start_s(os.environ, time.monotonic()) if options.live else None
        recordings = (
            find_recordings(options.recordings, live_from_s=live_from_s)
            if options.recordings or not options.live_sources
            else {}
        )
        async with contextlib.AsyncExitStack() as stack:
            library = stack.enter_context(Library.open(None))
            for recording in recordings.values():
                library.add(recording)
            listening = stack.enter_context(listen(options.host, options.port))
            room_server, own = await stack.enter_async_context(_room_server(options))
            tokens = RoomTokens(
                room_server.api_key, room_server.api_secret, options.stream_token_ttl_s
            )
            roster = await stack.enter_async_context(Roster(room_server))
            streams = Streams(library, room_server, tokens, roster, idle_s=options.idle_s)
            stack.push_async_callback(streams.close)
            api_url = url_of(listening)
            credentials, config_file = stack.enter_context(_credentials(api_url))
            access = Access(BearerTokens(options.token_ttl_s), fixed=credentials)
            sources = options.live_sources
            calls = await stack.enter_async_context(live_calls(sources, library))
            ingest = Ingest(
                calls, room_server, tokens, access.is_good, end_after_s=sources.end_after_s
            )
            stack.push_async_callback(ingest.close)
            word_streams = WordStreams(library)
            stack.push_async_callback(word_streams.close)
            cable = Cable(word_streams, access.token_state)
            routes = [*cable.routes(), *([ingest.route] if sources.ingest else [])]
            api = Api(access, library, streams, routes=routes)
            async with (
                http_server(api.app(), listening) as http_ended,
                contextlib.aclosing(cable),
            ):
                # A full collection of all that was imported would hold the sound up for 10s of ms.
                gc.collect()
                gc.freeze()
                _tell(
                    {
                        "ready": True,
                        "api_url": api_url,
                        "stream_url": room_server.url,
                        "incidents": [*recordings, *(call.id for call in growing(library))],
                        "config": str(config_file) if config_file else None,
                    }
                )
                log.info("serving %d incidents at %s", len(recordings), api_url)
                for recording in recordings.values():
                    log.info("incident %s is %s", recording.id, recording.path.name)
                if config_file:
                    log.info("the credentials are in %s", config_file)
                await _wait_for_end(stop, http_ended, own)
                log.info("closing")
    return EXIT_DONE


def _check(options: ServeOptions) -> None:
    if not is_loopback(options.host):
        raise UsageError(
            f"The service would listen on {options.host}, beyond this machine.",
            "Leave --host out: this version serves this machine only.",
        )
    if not 0 <= options.port <= 65_535:
        raise UsageError(f"{options.port} is no port.", "Give --port a number from 0 to 65535.")
    require_packages()
    options.live_sources.check(exit_with_stdin=options.exit_with_stdin)


def live_start_s(variables: Mapping[str, str], now_s: float) -> float:
    """Return when live calls begin, by the monotonic clock: now, or earlier as LIVE_FROM says.

    So a service that is started again takes the calls up where they would be.
    """
    try:
        told_s = float(variables.get(LIVE_FROM, ""))
    except ValueError:
        return now_s
    return told_s if told_s <= now_s else now_s


def room_server_from_environment(url: str, variables: Mapping[str, str]) -> RoomServer:
    """Return the LiveKit server at `url` with the API key of the environment.

    Raise UsageError if the key is missing, or if a development key would guard a server that others
    can reach.
    """
    schemes = {"wss": True, "https": True, "ws": False, "http": False}
    url = check_url(url, schemes, "livekit_url")
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
async def _room_server(options: ServeOptions) -> AsyncIterator[tuple[RoomServer, OwnServer | None]]:
    if options.livekit_url is not None:
        yield room_server_from_environment(options.livekit_url, os.environ), None
        return
    binary = await asyncio.to_thread(ensure_binary, log.info, options.livekit_binary)
    async with own_server(binary, log_path("livekit-server.log")) as server:
        yield server.room_server, server


@contextlib.contextmanager
def _credentials(api_url: str) -> Iterator[tuple[ClientCredentials, Path | None]]:
    """Give the environment's credentials, or new ones in a file that is removed at the end."""
    client_id = os.environ.get("CALLPLAYER_SERVE_CLIENT_ID", "")
    client_secret = os.environ.get("CALLPLAYER_SERVE_CLIENT_SECRET", "")
    if client_id and client_secret:
        yield ClientCredentials(client_id, Secret(client_secret)), None
        return
    if client_id or client_secret:
        raise UsageError(
            "Only one of the client id and the client secret is set.",
            "Set CALLPLAYER_SERVE_CLIENT_ID and CALLPLAYER_SERVE_CLIENT_SECRET, or neither.",
        )
    credentials = ClientCredentials.generate()
    with tempfile.TemporaryDirectory(prefix="callplayer-serve-") as folder:
        path = Path(folder) / "config.toml"
        path.touch(mode=0o600)
        path.write_text(
            f'api_url = "{api_url}"\n'
            f'client_id = "{credentials.client_id}"\n'
            f'client_secret = "{credentials.client_secret.reveal()}"\n'
        )
        yield credentials, path


def _tell(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _wait_for_end(
    stop: asyncio.Event, http_ended: asyncio.Task[None], own: OwnServer | None
) -> None:
    """Return when asked to stop; raise ServiceError if a part of the service ended for good."""
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
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
