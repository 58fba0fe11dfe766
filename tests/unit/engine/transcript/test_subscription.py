"""The engine's reader of words, against our own cable and against servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from callplayer.config import Secret, Settings
from callplayer.engine.transcript import subscription as subject
from callplayer.engine.transcript.subscription import TranscriptSubscription
from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.retry import Backoff
from callplayer.vendor.client import ApiClient
from callplayer.vendor.transcript import Transcript as Words
from callplayer.vendor.transcript import encode_transcript
from tests.rig.cable import TOKEN_S, WORDS, Served, said, serving

SignIn = Callable[[httpx.Request], httpx.Response]


class Reader:
    """A transcript being read, and what it reported; nothing is taken while `is_slow`."""

    def __init__(self) -> None:
        self.states: list[m.TranscriptEvent] = []
        self.words = Words()
        self.lines = 0
        self.is_slow = False

    def take(self, event: m.Event) -> bool:
        if self.is_slow:
            return False
        if isinstance(event, m.TranscriptEvent):
            self.states.append(event)
        else:
            assert isinstance(event, m.WordsEvent)
            assert len(codec.encode_line(event)) < codec.MAX_EVENT_BYTES
            self.lines += 1
            self.words = self.words.apply(event.words)
        return True

    def texts(self) -> list[str]:
        return [word.word for word in self.words.in_order()]

    async def until(self, is_true: Callable[[Reader], bool], timeout_s: float = 15.0) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not is_true(self):
                    await asyncio.sleep(0.01)
        assert is_true(self), (self.states, self.texts()[-5:])

    async def until_state(self, state: str) -> m.TranscriptEvent:
        await self.until(lambda each: bool(each.states) and each.states[-1].state == state)
        return self.states[-1]


@contextlib.asynccontextmanager
async def reading(
    url: str,
    incident: str,
    new_token: Callable[[], str],
    sign_in: SignIn | None = None,
    **options: Any,
) -> AsyncIterator[Reader]:
    """Read while the block lasts; the API's sign-in gives what `new_token` returns, or `sign_in`
    answers it."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": new_token(), "expires_in": 7200})

    settings = Settings(
        api_url="http://127.0.0.1:1", cable_url=url, client_id="a", client_secret=Secret("b")
    )
    reader = Reader()
    async with ApiClient(settings, httpx.MockTransport(sign_in or answer)) as access:
        task = asyncio.create_task(
            TranscriptSubscription(settings, incident, access, reader.take, **options).run()
        )
        try:
            yield reader
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def reads(served: Served, incident: str, **options: Any) -> Any:
    return reading(served.url, incident, served.token, **options)


async def test_all_words_of_a_recorded_call_come() -> None:
    async with serving() as served, reads(served, "recorded") as reader:
        await reader.until(lambda each: len(each.words) == len(WORDS))
        assert reader.words == Words().apply(WORDS)
        assert [each.state for each in reader.states] == ["connecting", "open"]
        assert reader.lines >= 3


async def test_live_words_are_replaced() -> None:
    async with serving() as served, reads(served, "live") as reader:
        await reader.until_state("open")
        served.say("live", said(1.0, "won"), said(1.5, "to"))
        await reader.until(lambda each: each.texts() == ["won", "to"])
        served.say("live", said(1.0, "one"), said(1.4, "two"))
        await reader.until(lambda each: each.texts() == ["one", "two"])


async def test_a_call_without_a_transcript_is_no_error() -> None:
    async with serving() as served, reads(served, "nobody") as reader:
        assert (await reader.until_state("none")).detail == subject.NO_TRANSCRIPT


async def test_a_lost_line_is_made_again_and_goes_on() -> None:
    async with serving() as served, reads(served, "live") as reader:
        served.say("live", said(1.0, "a"))
        await reader.until(lambda each: each.texts() == ["a"])
        await served.drop_all()
        await reader.until_state("reconnecting")
        served.say("live", said(2.0, "b"))
        await reader.until(lambda each: each.texts() == ["a", "b"])
        assert reader.lines == 2  # the first one was not reported again
        assert reader.states[-1].state == "open"


async def test_an_expired_token_is_renewed() -> None:
    given: list[str] = []
    async with serving(ping_s=0.1) as served:

        def new_token() -> str:
            given.append(served.token())
            return given[-1]

        async with reading(served.url, "live", new_token) as reader:
            await reader.until_state("open")
            await asyncio.sleep(1.2)
            served.clock.now_s += TOKEN_S + 1
            await reader.until(lambda _: len(given) == 2 and served.cable.connections == 1)
            served.say("live", said(1.0, "a"))
            await reader.until(lambda each: each.texts() == ["a"])
            assert not any(each.state == "none" for each in reader.states)


async def test_a_client_that_is_rejected_has_no_transcript() -> None:
    async with serving() as served, reading(served.url, "live", lambda: "guess") as reader:
        assert (await reader.until_state("none")).detail == subject.NOT_ALLOWED


async def test_a_slow_client_gets_what_holds_in_the_end() -> None:
    async with serving() as served, reads(served, "live") as reader:
        await reader.until_state("open")
        reader.is_slow = True
        for n in range(50):
            served.say("live", said(1.0, f"guess{n}"))
        served.say("live", said(1.0, "sure"))
        await asyncio.sleep(0.3)
        reader.is_slow = False
        await reader.until(lambda each: each.texts() == ["sure"])
        assert reader.lines <= 3


async def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "the-secret-token-of-this-test"
    async with serving() as served, reading(served.url, "live", lambda: secret) as reader:
        await reader.until_state("none")
    async with reading("ws://127.0.0.1:9/cable", "live", lambda: secret) as reader:
        await reader.until(lambda each: bool(each.states) and each.states[-1].detail != "")
    assert secret not in caplog.text


# --- servers that misbehave -----------------------------------------------------------------------

Handler = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def misbehaving(
    handler: Handler, sign_in: SignIn | None = None, **options: Any
) -> AsyncIterator[Reader]:
    """Read from a server of that behaviour."""
    options = {"subprotocols": ["actioncable-v1-json"], **options}
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/cable"
        async with reading(url, "i1", lambda: "t", sign_in, stale_s=0.5) as reader:
            yield reader


async def welcome(socket: ServerConnection, answer: str = "confirm_subscription") -> str:
    """Play a proper server until the client has subscribed; return the identifier."""
    await socket.send('{"type":"welcome"}')
    asked = json.loads(await socket.recv())
    await socket.send(json.dumps({"type": answer, "identifier": asked["identifier"]}))
    return str(asked["identifier"])


async def test_nonsense_is_passed_over() -> None:
    async def handler(socket: ServerConnection) -> None:
        named = await welcome(socket)
        for payload in (
            5, "x", [], {}, {"type": "transcript"}, {"type": "transcript", "words": [1, None, {}]},
            {"type": "other", "words": []}, {"type": "transcript", "words": [{"word": "\x1b[2J"}]},
        ):  # fmt: skip
            await socket.send(json.dumps({"identifier": named, "message": payload}))
        for raw in ("", "{", "[" * 5000, "null", b"\xff\x00"):
            await socket.send(raw)
        good = json.loads(encode_transcript([said(1.0, "good")]))
        await socket.send(json.dumps({"identifier": named, "message": good}))
        while socket.close_code is None:
            await socket.send('{"type":"ping","message":1}')
            await asyncio.sleep(0.1)

    async with misbehaving(handler) as reader:
        await reader.until(lambda each: each.texts() == ["good"])
        assert reader.states[-1].state == "open"


async def test_silence_is_noticed() -> None:
    times = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal times
        times += 1
        await welcome(socket)
        await socket.wait_closed()

    async with misbehaving(handler) as reader:
        await reader.until(lambda _: times >= 2)
        assert "reconnecting" in [each.state for each in reader.states]


async def test_a_frame_that_is_too_long_ends_the_line_only() -> None:
    times = 0

    async def handler(socket: ServerConnection) -> None:
        nonlocal times
        times += 1
        await welcome(socket)
        if times == 1:
            await socket.send("x" * 3_000_000)
        await socket.wait_closed()

    async with misbehaving(handler) as reader:
        await reader.until(lambda _: times >= 2)


@pytest.mark.parametrize(
    ("status", "detail"),
    [(404, subject.NO_CABLE), (403, subject.NOT_ALLOWED), (503, subject.UNREACHABLE),
     (302, subject.UNREACHABLE)],
)  # fmt: skip
async def test_a_server_without_a_cable(status: int, detail: str) -> None:
    asked: list[str] = []

    def refuse(socket: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        answer = socket.respond(status, "no\n")
        answer.headers["Location"] = "/elsewhere"
        return answer

    async def handler(_: ServerConnection) -> None: ...

    async with misbehaving(handler, process_request=refuse) as reader:
        await reader.until(lambda each: bool(each.states) and each.states[-1].detail == detail)
        assert all(path.startswith("/cable?token=") for path in asked)


@pytest.mark.parametrize("how", ["404", "501", "rejected"])
async def test_a_cable_that_was_there_is_waited_for(how: str) -> None:
    times = 0

    def refuse(socket: ServerConnection, _: Request) -> Response | None:
        nonlocal times
        times += 1
        is_gone = times == 2 and how != "rejected"
        return socket.respond(int(how), "no backend\n") if is_gone else None

    async def handler(socket: ServerConnection) -> None:
        await welcome(socket, "reject_subscription" if times == 2 else "confirm_subscription")
        if times > 2:
            await socket.wait_closed()

    async with misbehaving(handler, process_request=refuse) as reader:
        await reader.until(lambda each: len(each.states) > 2 and each.states[-1].state == "open")
        assert "none" not in [each.state for each in reader.states]


@pytest.mark.parametrize("who", ["sign-in", "cable"])
async def test_a_server_that_asks_for_patience_gets_it(
    who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    class Waits(Backoff):
        def next_s(self, chance: float, asked_s: float = 0.0) -> float:
            asked.append(asked_s)
            return 0.01

    def refuse(socket: ServerConnection, _: Request) -> Response | None:
        if who != "cable" or asked:
            return None
        answer = socket.respond(503, "busy\n")
        answer.headers["Retry-After"] = "40"
        return answer

    def sign_in(_: httpx.Request) -> httpx.Response:
        if who == "sign-in" and not asked:
            return httpx.Response(429, headers={"Retry-After": "40"})
        return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})

    async def handler(socket: ServerConnection) -> None:
        await welcome(socket)
        await socket.wait_closed()

    monkeypatch.setattr(subject, "Backoff", Waits)
    async with misbehaving(handler, sign_in, process_request=refuse) as reader:
        await reader.until_state("open")
        assert asked == [40.0]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_takes_the_token_of_the_cable_to_another_host(status: int) -> None:
    stolen: list[str] = []
    asked: list[str] = []

    def note(_: ServerConnection, request: Request) -> None:
        stolen.append(request.path)

    async def handler(_: ServerConnection) -> None: ...

    async with serve(handler, "127.0.0.1", 0, process_request=note) as elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]

        def move(socket: ServerConnection, request: Request) -> Response:
            asked.append(request.path)
            answer = socket.respond(status, "moved\n")
            answer.headers["Location"] = f"ws://127.0.0.1:{port}{request.path}"
            return answer

        async with misbehaving(handler, process_request=move) as reader:
            await reader.until(lambda _: len(asked) > 1)
    assert stolen == []


async def test_a_server_that_hangs_up_for_good_is_believed() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send('{"type":"disconnect","reason":"invalid_request","reconnect":false}')

    async with misbehaving(handler) as reader:
        assert (await reader.until_state("none")).detail == subject.NO_CABLE
