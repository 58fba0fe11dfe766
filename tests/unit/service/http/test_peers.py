"""A request about another service's stream is passed on, and answered here if that one is gone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callplayer.recordings.recording import Recording
from callplayer.service.http.peers import MAX_ANSWER_BYTES, PASSED_ON, Peers

CALL = Recording("a", Path("a.flac"), ("call",), 60.0, datetime(2026, 3, 14, tzinfo=UTC))
BODY = b'{"participant_id": "desk 7"}'


def request(**headers: str) -> Request:
    lines = {"authorization": "Bearer token"} | headers
    scope = {"type": "http", "path": "/v1/incident_events/a/stream_token", "headers": []}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in lines.items()]
    return Request(scope | {"query_string": b"", "server": ("this", 80), "scheme": "http"})


class Peer:
    """Another service, in this process."""

    def __init__(self, answer: Response) -> None:
        self.asked: list[tuple[str, str, bytes, bool]] = []
        self._answer = answer
        app = Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])
        self.transport = httpx.ASGITransport(app)

    async def _take(self, request: Request) -> Response:
        headers = request.headers
        body = await request.body()
        self.asked.append((request.url.path, headers["authorization"], body, PASSED_ON in headers))
        return self._answer


async def answered(
    peer: Peer, request: Request, url: str | None = "http://other"
) -> Response | None:
    peers = Peers(lambda *_: url, peer.transport)
    try:
        return await peers.answer(request, BODY, "desk", CALL, "desk 7")
    finally:
        await peers.close()


async def test_the_other_services_answer_is_given_as_it_is():
    peer = Peer(JSONResponse({"token": "jwt"}, 429, {"Retry-After": "60", "X-Inner": "no"}))
    answer = await answered(peer, request())
    assert answer is not None
    assert (answer.status_code, answer.body) == (429, b'{"token":"jwt"}')
    assert answer.headers["retry-after"] == "60"
    assert "x-inner" not in answer.headers
    path = "/v1/incident_events/a/stream_token"
    assert peer.asked == [(path, "Bearer token", BODY, True)]


async def test_what_was_passed_on_is_not_passed_on_again():
    peer = Peer(JSONResponse({}))
    assert await answered(peer, request(**{PASSED_ON: "1"})) is None
    assert await answered(peer, request(), url=None) is None
    assert peer.asked == []


@pytest.mark.parametrize("url", ["http://other", "http://["])
async def test_a_service_that_does_not_answer_is_not_waited_for(url):
    peer = Peer(Response(b"x" * (MAX_ANSWER_BYTES + 1)))
    assert await answered(peer, request(), url) is None
