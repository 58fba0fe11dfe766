"""A real HTTP server whose every answer is up to the test, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.rig.processes import CLIENT_ID, CLIENT_SECRET, soon

START_S = 10.0


@dataclass(frozen=True)
class Asked:
    """One request, and when it came (monotonic, s)."""

    at_s: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Answer = Callable[[Asked], Response]


@dataclass
class ScriptedApi:
    """Answers each request with `answer`; `asked` keeps them all."""

    answer: Answer
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a player use it."""
        return {
            "CALLPLAYER_API_URL": self.url,
            "CALLPLAYER_CLIENT_ID": CLIENT_ID,
            "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
        }

    def times(self, path_end: str) -> list[float]:
        """Return when requests came whose path ends so."""
        return [each.at_s for each in self.asked if each.path.endswith(path_end)]

    async def handle(self, request: Request) -> Response:
        asked = Asked(
            time.monotonic(),
            request.method,
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
        )
        self.asked.append(asked)
        return self.answer(asked)


def signed_in() -> Response:
    """Return the answer to a sign-in that succeeds."""
    return JSONResponse({"access_token": "an-access-token", "expires_in": 7200})


@contextlib.contextmanager
def scripted_api(answer: Answer) -> Iterator[ScriptedApi]:
    """Serve `answer` on a free port of the loopback interface for as long as the block lasts."""
    api = ScriptedApi(answer)
    methods = ["GET", "POST", "PUT"]
    app = Starlette(routes=[Route("/{path:path}", api.handle, methods=methods)])
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        api.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listening],), name="api", daemon=True)
        thread.start()
        assert soon(lambda: server.started, START_S), "the API does not start"
        try:
            yield api
        finally:
            server.should_exit = True
            thread.join(START_S)
