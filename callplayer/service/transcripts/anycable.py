"""The cable behind an AnyCable server: it holds the sockets and asks over HTTP what a client
may do (its HTTP RPC); live words are handed to it by its HTTP broadcasting.

Between our answer to a subscription and AnyCable's registering it, a word could be lost. So what
came in the first second after an answer is broadcast once more: words that come twice replace
themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from callplayer.config import Secret, check_url
from callplayer.errors import UsageError
from callplayer.retry import Backoff
from callplayer.service.catalog import Catalog
from callplayer.service.http.bearer import TokenState
from callplayer.service.http.problems import read_body
from callplayer.service.transcripts import frames as wire
from callplayer.service.transcripts.cable import Cable
from callplayer.service.transcripts.word_stream import WordStream, WordStreams

RPC_SECRET = "CALLPLAYER_SERVE_ANYCABLE_RPC_SECRET"  # noqa: S105 - the variable's name
BROADCAST_URL = "CALLPLAYER_SERVE_ANYCABLE_BROADCAST_URL"
BROADCAST_KEY = "CALLPLAYER_SERVE_ANYCABLE_BROADCAST_KEY"
MIN_SECRET_CHARS = 16
MAX_RPC_BYTES = 1_000_000
MAX_WAITING = 10_000
MESSAGES_A_POST = 50
AGAIN_AFTER_S = 1.0
POST_TIMEOUT_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
NEVER_TAKEN = frozenset({400, 413, 422})
"""It will refuse the same message again, so the next ones do not wait for it."""

_SUCCESS, _FAILURE = 1, 2

log = logging.getLogger("callplayer.service")


@dataclass(frozen=True)
class AnyCableSettings:
    """Where AnyCable takes broadcasts, and the secrets of both ways."""

    broadcast_url: str
    broadcast_key: Secret
    rpc_secret: Secret


def from_environment(variables: Mapping[str, str]) -> AnyCableSettings | None:
    """Return how AnyCable is reached, None if it is not used; raise UsageError for half of it."""
    names = (BROADCAST_URL, BROADCAST_KEY, RPC_SECRET)
    url, key, secret = (variables.get(name, "") for name in names)
    if not (url or key or secret):
        return None
    if not (url and key and secret) or min(len(key), len(secret)) < MIN_SECRET_CHARS:
        raise UsageError(
            "AnyCable is set up in part only, or with a secret that is too short.",
            f"Set {', '.join(names)}; secrets have {MIN_SECRET_CHARS} characters or more.",
        )
    url = check_url(url, {"https": True, "http": False}, BROADCAST_URL)
    return AnyCableSettings(url, Secret(key), Secret(secret))


class Broadcaster:
    """Hands messages to AnyCable, in order, again and again until it takes them.

    Those that it takes for malformed or too large are dropped.
    """

    def __init__(
        self, settings: AnyCableSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(
            timeout=POST_TIMEOUT_S, transport=transport, trust_env=False
        )
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Stop; what waits is dropped."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    def send(self, stream: str, payload: bytes, *, keep: bool = True) -> None:
        """Have a message broadcast; `keep`: AnyCable gives it to clients that come back later."""
        publication: dict[str, Any] = {"stream": stream, "data": payload.decode()}
        if not keep:
            publication["meta"] = {"transient": True}
        self._waiting.append(publication)
        self._news.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                count = min(len(self._waiting), MESSAGES_A_POST)
                batch = [self._waiting.popleft() for _ in range(count)]
                backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
                while not await self._post(batch):
                    await asyncio.sleep(backoff.next_s(random.random()))  # noqa: S311 - no secret

    async def _post(self, batch: list[dict[str, Any]]) -> bool:
        try:
            answer = await self._client.post(
                self._settings.broadcast_url,
                content=msgspec.json.encode(batch),
                headers={"Authorization": f"Bearer {self._settings.broadcast_key.reveal()}"},
            )
        except httpx.HTTPError as error:
            log.warning("AnyCable does not take words: %s", type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("AnyCable does not take words: it answers %d", answer.status_code)
        return answer.is_success or answer.status_code in NEVER_TAKEN


class _Env(msgspec.Struct, frozen=True):
    url: str = ""


class _RpcRequest(msgspec.Struct, frozen=True):
    command: str = ""
    identifier: str = ""
    env: _Env = _Env()


Handler = Callable[[_RpcRequest, Request], dict[str, Any]]


class AnyCableRpc:
    """What AnyCable asks: whether a client may connect, and what it may subscribe to."""

    def __init__(
        self,
        settings: AnyCableSettings,
        streams: WordStreams,
        token_state: Callable[[str], TokenState],
        broadcaster: Broadcaster,
    ) -> None:
        self._secret = settings.rpc_secret
        self._streams = streams
        self._token_state = token_state
        self._broadcaster = broadcaster

    def routes(self) -> list[BaseRoute]:
        """Return the three routes."""
        handlers: dict[str, Handler] = {
            "connect": self._connect,
            "command": self._command,
            "disconnect": lambda _call, _request: {"status": _SUCCESS},
        }
        return [
            Route(f"/_anycable/{name}", self._checked(handler), methods=["POST"])
            for name, handler in handlers.items()
        ]

    def _checked(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode("utf-8", "replace")
            right = f"Bearer {self._secret.reveal()}".encode()
            if not hmac.compare_digest(given, right):
                return Response(status_code=401)
            body = await read_body(request, MAX_RPC_BYTES)
            try:
                call = msgspec.json.decode(body, type=_RpcRequest)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                return Response(status_code=422)
            content = msgspec.json.encode(handler(call, request))
            return Response(content, media_type="application/json")

        return answer

    def _connect(self, call: _RpcRequest, request: Request) -> dict[str, Any]:
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal
        sid = request.headers.get("x-anycable-meta-sid", "")
        welcome = wire.welcome(sid).decode()
        return {"status": _SUCCESS, "identifiers": sid or "client", "transmissions": [welcome]}

    def _command(self, call: _RpcRequest, _request: Request) -> dict[str, Any]:
        if call.command == "unsubscribe":
            return {"status": _SUCCESS, "stop_streams": True}
        if call.command != "subscribe":
            return {"status": _SUCCESS}
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal | {"disconnect": True}
        identifier = msgspec.json.encode(call.identifier)
        head = wire.head(identifier)
        incident_id = wire.incident_of(identifier)
        stream = self._streams.open(incident_id) if incident_id is not None else None
        if stream is None:
            return {"status": _FAILURE, "transmissions": [(head + wire.REJECT).decode()]}
        frames = [wire.CONFIRM, *(wire.of_payload(each.payload) for each in stream.all())]
        loop = asyncio.get_running_loop()
        loop.call_later(AGAIN_AFTER_S, self._say_again, stream, stream.offset)
        return {
            "status": _SUCCESS,
            "streams": [stream.name],
            "transmissions": [(head + frame).decode() for frame in frames],
        }

    def _say_again(self, stream: WordStream, since_offset: int) -> None:
        for message in stream.since(stream.epoch, since_offset) or ():
            self._broadcaster.send(stream.name, message.payload, keep=False)

    def _refusal(self, call: _RpcRequest) -> dict[str, Any] | None:
        query: dict[str, list[str]] = {}
        with contextlib.suppress(ValueError):
            query = parse_qs(urlsplit(call.env.url).query)
        state = self._token_state(query.get("token", [""])[0])
        if state == "good":
            return None
        reason: wire.Reason = "token_expired" if state == "expired" else "unauthorized"
        return {"status": _FAILURE, "transmissions": [wire.disconnect(reason).decode()]}


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
