"""The parts of a service, put together: each begins after those it needs and ends before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from callplayer.recordings.recording import Recording, find_recordings
from callplayer.recordings.words import CallTimes, words_beside
from callplayer.service.bots.metrics import BotMetrics
from callplayer.service.bots.process import Workers
from callplayer.service.bots.streams import Streams
from callplayer.service.catalog import LibraryError
from callplayer.service.http.auth import (
    Authenticator,
    credentials_from_environment,
    generated_credentials,
)
from callplayer.service.http.bearer import BearerTokens
from callplayer.service.http.health import Health
from callplayer.service.http.metrics import Metrics
from callplayer.service.http.peers import FindPeer, Peers
from callplayer.service.http.routes import Api
from callplayer.service.http.server import Tls, http_server, listen, url_of
from callplayer.service.library import folder
from callplayer.service.library.library import Library
from callplayer.service.live.ingest import Ingest
from callplayer.service.live.live_calls import growing
from callplayer.service.live.sources import live_calls
from callplayer.service.livekit.process import OwnServer, RoomServer
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.server import room_server
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.service.options import ServeOptions
from callplayer.service.transcripts.anycable import from_environment as anycable_from_environment
from callplayer.service.transcripts.anycable import open_cable


@contextlib.contextmanager
def open_library(
    options: ServeOptions, live_from_s: float | None
) -> Iterator[tuple[Library, tuple[str, ...]]]:
    """Give the library, of a folder for this service alone, and the ids of its incidents.

    Of files all ids, in their order; of a folder those of the first page. Raise UsageError for a
    file that cannot be served, ServiceError for a folder that cannot be used.
    """
    with contextlib.ExitStack() as stack:
        library = stack.enter_context(Library.open(options.library))
        if options.library is not None:
            if isinstance(options.library, Path):
                stack.enter_context(folder.serving(options.library))
                assert library.recordings_folder is not None
                folder.sweep(library.recordings_folder, library.paths, live_too=True)
            if library.bucket is not None:
                library.bucket.check()
            yield library, tuple(recording.id for recording in library.list().recordings)
            return
        found = {}
        if options.recordings or not options.live_sources:
            found = find_recordings(
                options.recordings, live_from_s=live_from_s, strict=options.strict
            )
        library.add_all(
            [
                (each, words_beside(each.path, CallTimes(each.created_at, each.duration_s)))
                for each in found.values()
            ]
        )
        yield library, tuple(found)


@dataclass(frozen=True)
class Service:
    """A service that runs. `http_ended` ends when its HTTP server does."""

    library: Library
    incidents: tuple[str, ...]
    api_url: str
    stream_url: str
    config_file: Path | None
    own_server: OwnServer | None
    http_ended: asyncio.Task[None]
    streams: Streams
    access: Authenticator
    peer_url: str

    def look(self, now_s: float) -> None:
        """See what other processes did in the library: call it about once a second.

        `now_s` is the monotonic clock.
        """
        if self.library.is_shared:
            self.library.instances.beat(self.peer_url)
        self.library.look(now_s)
        self.streams.end_unwanted(self.access.may_listen)


@contextlib.asynccontextmanager
async def running_service(
    options: ServeOptions, live_from_s: float | None
) -> AsyncIterator[Service]:
    """Run a service while the block lasts; raise CallplayerError if a part cannot begin.

    `live_from_s` is when recordings that are played as if live begin, by the monotonic clock.
    """
    anycable = anycable_from_environment(os.environ)
    async with AsyncExitStack() as stack:
        library, incidents = stack.enter_context(open_library(options, live_from_s))
        metrics = Metrics()
        metrics.watch_library(library)
        listening = stack.enter_context(listen(options.host, options.port))
        playing = await stack.enter_async_context(_open_streams(options, library))
        streams, rooms, tokens = playing.streams, playing.rooms, playing.tokens
        metrics.register(BotMetrics(streams.stats))
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
        health = Health(library, rooms.url, lambda: streams.drains)
        stack.push_async_callback(health.close)
        peers = Peers(peer_finder(library)) if library.is_shared else None
        if peers is not None:
            stack.push_async_callback(peers.close)
            stack.callback(_leave, library)
        api = Api(
            access,
            library,
            streams,
            routes=cable_routes,
            open_ingest=ingest.open_call if sources.ingest else None,
            metrics=metrics,
            health=health.check,
            peers=peers,
            api_url=api_url,
        )
        http_ended = await stack.enter_async_context(
            http_server(
                api.app(), listening, _tls(options), behind_proxy=options.public_url is not None
            )
        )
        await stack.enter_async_context(contextlib.aclosing(cable))
        live = [call.id for call in growing(library)]
        ids = tuple(dict.fromkeys([*incidents, *live]))
        service = Service(
            library=library,
            incidents=ids,
            api_url=api_url,
            stream_url=rooms.url,
            config_file=config_file,
            own_server=playing.own_server,
            http_ended=http_ended,
            streams=streams,
            access=access,
            peer_url=options.peer_url or url_of(listening, tls=options.has_tls),
        )
        service.look(time.monotonic())
        yield service


@dataclass(frozen=True)
class _Playing:
    """What plays calls: streams, in rooms of a room server that may be the service's own."""

    streams: Streams
    rooms: RoomServer
    tokens: RoomTokens
    own_server: OwnServer | None


@contextlib.asynccontextmanager
async def _open_streams(options: ServeOptions, library: Library) -> AsyncIterator[_Playing]:
    async with (
        Workers(options.workers) as workers,
        room_server(options.livekit_url, options.livekit_binary) as (rooms, own_server),
        RoomServiceClient(rooms) as roster,
    ):
        tokens = RoomTokens(rooms.api_key, rooms.api_secret, options.stream_token_ttl_s)
        streams = Streams(
            library,
            workers,
            rooms,
            tokens,
            roster,
            claims=library.claims,
            mixes=options.mixes,
            idle_s=options.idle_s,
        )
        try:
            yield _Playing(streams, rooms, tokens, own_server)
        finally:
            await streams.close()


@contextlib.contextmanager
def _access(
    options: ServeOptions, library: Library, api_url: str
) -> Iterator[tuple[Authenticator, Path | None]]:
    """Give the clients that may use the service; without any, credentials are generated.

    Those are in a file for the player, whose path is given too.
    """
    with contextlib.ExitStack() as stack:
        fixed, file = credentials_from_environment(), None
        if fixed is None and not library.clients.rows():
            fixed, file = stack.enter_context(generated_credentials(api_url))
        bearer = BearerTokens(options.token_ttl_s, library.instances.signing_key())
        access = Authenticator(bearer, fixed=fixed, clients=library.clients, clock=library.now_s)
        yield access, file


def peer_finder(library: Library) -> FindPeer:
    """Return what finds the service that has a participant's stream, or takes a live call in.

    A call whose sound can be read here is played here: that of a live call, and of one that is not
    in the bucket yet, is on the machine that takes it in.
    """

    def find(client_id: str, recording: Recording, participant_id: str | None) -> str | None:
        if not recording.is_here:
            return library.instances.owner(recording.id)
        if participant_id is None:
            return None
        return library.claims.holder(client_id, recording.id, participant_id)

    return find


def _leave(library: Library) -> None:
    with contextlib.suppress(LibraryError):
        library.instances.leave()


def _tls(options: ServeOptions) -> Tls | None:
    if options.tls_cert is None or options.tls_key is None:
        return None
    return Tls(options.tls_cert, options.tls_key)
