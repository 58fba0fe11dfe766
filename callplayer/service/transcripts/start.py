"""The transcript cable with all its parts: our own endpoint, and AnyCable's where it is set up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.routing import BaseRoute

from callplayer.service.catalog import Catalog
from callplayer.service.http.bearer import TokenState
from callplayer.service.transcripts.anycable import AnyCableRpc, AnyCableSettings, Broadcaster
from callplayer.service.transcripts.cable import Cable
from callplayer.service.transcripts.word_stream import WordStreams


@contextlib.asynccontextmanager
async def open_cable(
    catalog: Catalog,
    token_state: Callable[[str], TokenState],
    anycable: AnyCableSettings | None,
    **options: Any,
) -> AsyncIterator[tuple[Cable, list[BaseRoute]]]:
    """Give the endpoint, and the routes of everything, while the block lasts.

    `options` are those of `Cable`.
    """
    async with contextlib.AsyncExitStack() as stack:
        broadcaster = None
        if anycable is not None:
            broadcaster = await stack.enter_async_context(
                contextlib.aclosing(Broadcaster(anycable))
            )
        streams = WordStreams(catalog, broadcaster.send if broadcaster else None)
        stack.push_async_callback(streams.close)
        cable = Cable(streams, token_state, **options)
        routes = cable.routes()
        if anycable is not None and broadcaster is not None:
            routes += AnyCableRpc(anycable, streams, token_state, broadcaster).routes()
        yield cable, routes
