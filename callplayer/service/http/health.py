"""Whether the parts of the service work, asked no more often than every 2 s."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import httpx

from callplayer.service.catalog import Catalog, LibraryError

KEEP_S = 2.0
TIMEOUT_S = 2.0


class Health:
    """Asks the library and the room server at `room_server_url` (ws or http); end with `close`.

    `drains` returns whether no new streams are opened any more.
    """

    def __init__(
        self, catalog: Catalog, room_server_url: str, drains: Callable[[], bool] = lambda: False
    ) -> None:
        self._catalog = catalog
        self._drains = drains
        is_socket = room_server_url.startswith("ws")
        self._url = room_server_url.replace("ws", "http", 1) if is_socket else room_server_url
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)
        self._lock = asyncio.Lock()
        self._last: tuple[float, Mapping[str, bool]] = (-KEEP_S, {})

    async def check(self) -> Mapping[str, bool]:
        """Return of each part whether it works."""
        async with self._lock:
            if time.monotonic() - self._last[0] >= KEEP_S or not self._last[1]:
                works = {"library": self._library_works(), "room_server": await self._rooms_work()}
                self._last = (time.monotonic(), works)
            return {**self._last[1], "new_streams": not self._drains()}

    async def close(self) -> None:
        """Close what asks."""
        await self._client.aclose()

    def _library_works(self) -> bool:
        try:
            self._catalog.get("")
        except LibraryError:
            return False
        return True

    async def _rooms_work(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._client.stream("GET", self._url) as answer:
                return answer.status_code < 500
        except (TimeoutError, httpx.HTTPError):
            return False
