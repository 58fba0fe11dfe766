"""The parts of a service, put together: each begins after those it needs and ends before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from callplayer.service import credentials
from callplayer.service.anycable import from_environment as anycable_from_environment
from callplayer.service.api import Api
from callplayer.service.cable_start import open_cable
from callplayer.service.clients import Access
from callplayer.service.health import Health
from callplayer.service.http_server import Tls, http_server, listen, url_of
from callplayer.service.library import Library
from callplayer.service.livekit_process import OwnServer
from callplayer.service.metrics import Metrics
from callplayer.service.opening import open_library
from callplayer.service.room_server import room_server
from callplayer.service.roster import Roster
from callplayer.service.serve_options import ServeOptions
from callplayer.service.sources.calls import growing
from callplayer.service.sources.ingest import Ingest
from callplayer.service.sources.start import live_calls
from callplayer.service.streams import Streams
from callplayer.service.tokens import BearerTokens, RoomTokens
from callplayer.service.workers import Workers


@dataclass(frozen=True)
class Assembled:
    """A service that runs. `http_ended` ends when its HTTP server does."""

    library: Library
    incidents: tuple[str, ...]
    api_url: str
    stream_url: str
    config_file: Path | None
    own_server: OwnServer | None
    http_ended: asyncio.Task[None]
    streams: Streams
    access: Access

    def look(self, now_s: float) -> None:
        """See what other processes did in the library: call it about once a second.

        `now_s` is the monotonic clock.
        """
        self.library.look(now_s)
        self.streams.end_revoked(self.access.may_listen)


@contextlib.asynccontextmanager
async def assembled(options: ServeOptions, live_from_s: float | None) -> AsyncIterator[Assembled]:
    """Run a service while the block lasts; raise CallplayerError if a part cannot begin.

    `live_from_s` is when recordings that are played as if live begin, by the monotonic clock.
    """
    anycable = anycable_from_environment(os.environ)
    async with AsyncExitStack() as stack:
        library, incidents = stack.enter_context(open_library(options, live_from_s))
        metrics = Metrics()
        metrics.watch_library(library)
        listening = stack.enter_context(listen(options.host, options.port))
        workers = await stack.enter_async_context(Workers(options.workers))
        rooms, own = await stack.enter_async_context(room_server(options))
        tokens = RoomTokens(rooms.api_key, rooms.api_secret, options.stream_token_ttl_s)
        roster = await stack.enter_async_context(Roster(rooms))
        streams = Streams(library, workers, rooms, tokens, roster, idle_s=options.idle_s)
        stack.push_async_callback(streams.close)
        metrics.watch_streams(streams.stats)
        api_url = options.public_url or url_of(listening, tls=options.has_tls)
        access, config_file = stack.enter_context(_access(options, library, api_url))
        sources = options.live_sources
        calls = await stack.enter_async_context(live_calls(sources, library))
        ingest = Ingest(calls, rooms, tokens, end_after_s=sources.end_after_s)
        stack.push_async_callback(ingest.close)
        cable, cable_routes = await stack.enter_async_context(
            open_cable(library, access.token_state, anycable)
        )
        metrics.watch(
            "cable_clients", "Web sockets of the transcript cable", lambda: cable.connections
        )
        health = Health(library, rooms.url)
        stack.push_async_callback(health.close)
        api = Api(
            access,
            library,
            streams,
            routes=cable_routes,
            open_ingest=ingest.open_call if sources.ingest else None,
            metrics=metrics,
            health=health.check,
            api_url=api_url,
            stream_ttl_s=options.stream_token_ttl_s,
        )
        http_ended = await stack.enter_async_context(
            http_server(
                api.app(), listening, _tls(options), behind_proxy=options.public_url is not None
            )
        )
        await stack.enter_async_context(contextlib.aclosing(cable))
        live = [call.id for call in growing(library)]
        ids = tuple(dict.fromkeys([*incidents, *live]))
        yield Assembled(
            library, ids, api_url, rooms.url, config_file, own, http_ended, streams, access
        )


@contextlib.contextmanager
def _access(
    options: ServeOptions, library: Library, api_url: str
) -> Iterator[tuple[Access, Path | None]]:
    """Give who may use the service; generated credentials, in a file, if there is nobody else."""
    with contextlib.ExitStack() as stack:
        fixed, file = credentials.from_environment(), None
        if fixed is None and not library.clients.rows():
            fixed, file = stack.enter_context(credentials.generated(api_url))
        bearer = BearerTokens(options.token_ttl_s)
        yield Access(bearer, fixed=fixed, clients=library.clients), file


def _tls(options: ServeOptions) -> Tls | None:
    if options.tls_cert is None or options.tls_key is None:
        return None
    return Tls(options.tls_cert, options.tls_key)
