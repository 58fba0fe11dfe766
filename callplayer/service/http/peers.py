"""Requests passed on to the service of the library that has what they are about."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
from starlette.requests import Request
from starlette.responses import Response

from callplayer.recordings.recording import Recording

PASSED_ON = "x-callplayer-passed-on"
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 2.0
MAX_ANSWER_BYTES = 65_536
PASSED_HEADERS = ("content-type", "retry-after", "cache-control")

FindPeer = Callable[[str, Recording, str | None], str | None]
"""The address of another service that has the stream of (client, recording, participant)."""

log = logging.getLogger("callplayer.service")


class Peers:
    """The other services of the library. `find` returns which one a stream is at, None: none."""

    def __init__(self, find: FindPeer, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._find = find
        timeout = httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._client = httpx.AsyncClient(timeout=timeout, transport=transport, trust_env=False)

    async def answer(
        self, request: Request, body: bytes, client_id: str, recording: Recording, who: str | None
    ) -> Response | None:
        """Return what another service answers; None if this one has to.

        So it is if no other has the stream or the live call, or if that one does not answer.
        """
        url = None if PASSED_ON in request.headers else self._find(client_id, recording, who)
        if url is None:
            return None
        headers = {
            "Authorization": request.headers["authorization"],
            "Content-Type": "application/json",
            PASSED_ON: "1",
        }
        try:
            async with self._client.stream(
                "POST", url + request.url.path, content=body, headers=headers
            ) as answer:
                content = bytearray()
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_ANSWER_BYTES:
                        raise httpx.DecodingError("the answer is too large")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the service at %s does not answer: %s", url, type(error).__name__)
            return None
        kept = {name: answer.headers[name] for name in PASSED_HEADERS if name in answer.headers}
        return Response(bytes(content), answer.status_code, kept)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
