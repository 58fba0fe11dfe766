"""The cable as it stands on the wire: a real HTTP server, a plain web socket, frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from callplayer.service.http.server import MAX_FRAME_BYTES
from callplayer.vendor.transcript import Transcript, Word, iter_words
from tests.rig.cable import RECORDED, TOKEN_S, WORDS, Served, identifier, said, serving

EXTENDED = "actioncable-v1-ext-json"
PLAIN = "actioncable-v1-json"
Frame = dict[str, Any]


class Client:
    """A web socket, and the frames that are no pings."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, command: str, named: str = identifier(), **more: Any) -> None:
        await self.socket.send(json.dumps({"command": command, "identifier": named, **more}))

    async def frame(self) -> Frame:
        while True:
            async with asyncio.timeout(10):
                frame: Frame = json.loads(await self.socket.recv())
            if frame.get("type") != "ping":
                return frame

    async def quiet(self, for_s: float = 0.3) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                raise AssertionError(await self.frame())


def words_of(frame: Frame) -> tuple[Word, ...]:
    """The words that a message carries."""
    return tuple(iter_words(json.dumps(frame["message"]).encode()))


@contextlib.asynccontextmanager
async def joined(
    served: Served, *, token: str | None = None, protocol: str | None = EXTENDED, query: str = ""
) -> AsyncIterator[Client]:
    """A client of the cable while the block lasts."""
    async with connect(
        f"{served.url}?token={served.token() if token is None else token}{query}",
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        max_size=None,
        proxy=None,
    ) as socket:
        yield Client(socket)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as made:
        yield made


async def subscribed(client: Client, named: str, **more: Any) -> None:
    """Let the client be welcomed and subscribe."""
    assert (await client.frame())["type"] == "welcome"
    await client.send("subscribe", named, **more)
    assert await client.frame() == {"identifier": named, "type": "confirm_subscription"}


@pytest.mark.parametrize("protocol", [PLAIN, EXTENDED, None])
async def test_a_recorded_calls_words_come_at_once(served: Served, protocol: str | None) -> None:
    async with joined(served, protocol=protocol) as client:
        assert client.socket.subprotocol == protocol
        welcome = await client.frame()
        assert welcome["type"] == "welcome"
        assert len(welcome["sid"]) >= 16
        await client.send("subscribe")
        assert (await client.frame())["type"] == "confirm_subscription"
        frames = [await client.frame() for _ in range(4)]
        transcript = Transcript()
        for frame in frames:
            assert frame["identifier"] == identifier()
            assert len(words_of(frame)) <= 200
            assert len({word.speaker for word in words_of(frame)}) == 1
            transcript = transcript.apply(words_of(frame))
        assert transcript == Transcript().apply(WORDS)
        assert "offset" not in frames[0]
        assert set(frames[-1]) == {"identifier", "message", "stream_id", "epoch", "offset"}
        await client.quiet()


async def test_live_words_come_as_they_are_put(served: Served) -> None:
    async with joined(served) as first, joined(served, protocol=PLAIN) as second:
        for client in (first, second):
            await subscribed(client, identifier("live"))
            await client.quiet(0.1)
        served.say("live", said(1.0, "one"), said(1.5, "too"))
        served.say("live", said(1.5, "two"), said(2.0, "three"))
        for client in (first, second):
            frames = [await client.frame(), await client.frame()]
            assert [[w.word for w in words_of(f)] for f in frames] == [
                ["one", "too"], ["two", "three"]
            ]  # fmt: skip
            assert frames[1]["offset"] == frames[0]["offset"] + 1
        async with joined(served) as late:
            await subscribed(late, identifier("live"))
            assert [word.word for word in words_of(await late.frame())] == ["one", "two", "three"]


async def test_an_identifier_comes_back_byte_for_byte(served: Served) -> None:
    literal = r'"{ \"channel\":\"PartnerEventsChannel\" ,\u0022incident_id\":\"recorded\"}"'
    async with joined(served) as client:
        await client.frame()
        await client.socket.send('{"command":"subscribe","identifier":' + literal + "}")
        for _ in range(2):
            assert f'"identifier":{literal}' in str(await client.socket.recv())


@pytest.mark.parametrize(
    "named",
    [
        identifier("nobody"),
        json.dumps({"channel": "OtherChannel", "incident_id": "recorded"}),
        json.dumps({"channel": "PartnerEventsChannel"}),
        json.dumps({"channel": "PartnerEventsChannel", "incident_id": 5}),
        "no JSON",
        "[]",
    ],
)
async def test_what_names_no_call_is_rejected(served: Served, named: str) -> None:
    async with joined(served) as client:
        await client.frame()
        await client.send("subscribe", named)
        assert await client.frame() == {"identifier": named, "type": "reject_subscription"}


async def test_what_is_no_command_is_ignored(served: Served) -> None:
    async with joined(served) as client:
        await client.frame()
        for frame in (
            "", "{", "[]", "null", '"subscribe"', '{"command":5}', '{"command":"fly"}',
            '{"command":"subscribe","identifier":{"a":1}}', '{"command":"unsubscribe"}',
            '{"command":"subscribe","identifier":"' + "x" * 5000 + '"}',
            '{"command":"subscribe","identifier":"' + "\ud83d".encode("utf-8", "replace").decode(),
            "[" * 50_000, b"\x00\x01",
        ):  # fmt: skip
            await client.socket.send(frame)
        await client.send("pong")
        await client.send("whisper", data={})
        await client.send("message", data="{}")
        await client.send("unsubscribe")
        await client.send("subscribe", identifier("nobody"))
        frame = await client.frame()
        while frame.get("identifier") != identifier("nobody"):
            assert frame["type"] == "reject_subscription"
            frame = await client.frame()


@pytest.mark.parametrize("given", ["", ',"identifier":null', ',"identifier":5'])
async def test_a_command_that_names_no_subscription_is_ignored(served: Served, given: str) -> None:
    async with joined(served) as client:
        await client.frame()
        for command in ("subscribe", "unsubscribe", "message", "history", "whisper", "pong", "x"):
            await client.socket.send(f'{{"command":"{command}"{given}}}')
            await client.socket.send(f'{{"command":"{command}"{given},"history":{{"since":0}}}}')
        await client.quiet()
        await client.send("subscribe", identifier("nobody"))
        assert await client.frame() == {
            "identifier": identifier("nobody"),
            "type": "reject_subscription",
        }


async def test_a_second_subscribe_to_the_same_is_ignored(served: Served) -> None:
    async with joined(served) as client:
        await subscribed(client, identifier("live"))
        await client.send("subscribe", identifier("live"))
        await client.quiet()


async def test_nothing_comes_after_unsubscribe(served: Served) -> None:
    async with joined(served) as client:
        await subscribed(client, identifier("live"))
        await client.send("unsubscribe", identifier("live"))
        await client.send("subscribe", identifier("nobody"))
        await client.frame()
        served.say("live", said(1.0))
        await client.quiet()
        await client.send("subscribe", identifier("live"))
        assert (await client.frame())["type"] == "confirm_subscription"
        assert len(words_of(await client.frame())) == 1


async def test_it_says_that_it_is_alive() -> None:
    async with serving(ping_s=0.1) as served, joined(served) as client:
        kinds = [json.loads(await client.socket.recv()) for _ in range(4)]
        assert [frame["type"] for frame in kinds] == ["welcome", "ping", "ping", "ping"]
        assert abs(kinds[1]["message"] - time.time()) < 5


async def test_it_says_so_every_3_s() -> None:
    async with serving() as served, joined(served) as client:
        assert json.loads(await client.socket.recv())["type"] == "welcome"
        welcome_s = time.monotonic()
        assert json.loads(await client.socket.recv())["type"] == "ping"
        assert 2.9 < time.monotonic() - welcome_s < 5.0


# --- who may --------------------------------------------------------------------------------------


async def test_a_client_without_a_good_token_gets_the_reason_and_is_cut_off(served: Served) -> None:
    expired = served.bearer.issue(served.clock.now_s - TOKEN_S - 1)
    for token, reason in (
        ("", "unauthorized"),
        ("guess", "unauthorized"),
        (expired, "token_expired"),
    ):
        async with joined(served, token=token or "x") as client:
            frame = await client.frame()
            assert frame == {"type": "disconnect", "reason": reason, "reconnect": False}
            with pytest.raises(ConnectionClosed):
                await client.frame()


async def test_a_token_that_expires_ends_the_connection() -> None:
    async with serving(ping_s=0.1) as served, joined(served) as client:
        await subscribed(client, identifier("live"))
        served.clock.now_s += TOKEN_S + 1
        frame = await client.frame()
        assert frame == {"type": "disconnect", "reason": "token_expired", "reconnect": False}


async def test_a_client_of_another_protocol_gets_the_reason(served: Served) -> None:
    async with joined(served, protocol="graphql-ws") as client:
        frame = await client.frame()
        assert frame == {"type": "disconnect", "reason": "invalid_request", "reconnect": False}


async def test_a_service_that_ends_says_come_back(served: Served) -> None:
    async with joined(served) as client:
        await client.frame()
        closing = asyncio.create_task(served.cable.aclose())
        frame = await client.frame()
        assert frame == {"type": "disconnect", "reason": "server_restart", "reconnect": True}
        await closing
        with pytest.raises(InvalidStatus) as caught:
            async with joined(served):
                pass
        assert caught.value.response.status_code == 503


# --- taking up again ------------------------------------------------------------------------------


async def test_a_session_is_taken_up_where_it_broke_off(served: Served) -> None:
    served.say("live", said(1.0, "a"))
    async with joined(served) as client:
        sid = (await client.frame())["sid"]
        await client.send("subscribe", identifier("live"))
        await client.frame()
        last = await client.frame()
        served.say("live", said(2.0, "b"))
        last = await client.frame()
        client.socket.transport.abort()
    served.say("live", said(3.0, "c"))
    served.say("live", said(3.0, "d"))
    async with joined(served, query=f"&sid={sid}") as client:
        welcome = await client.frame()
        assert welcome["restored"] is True
        assert welcome["restored_ids"] == [identifier("live")]
        assert welcome["sid"] != sid
        served.say("live", said(4.0, "e"))  # is not sent before what came earlier
        await client.quiet(0.1)
        place = {last["stream_id"]: {"epoch": last["epoch"], "offset": last["offset"]}}
        await client.send("history", identifier("live"), history={"streams": place})
        for text in "cde":
            assert [word.word for word in words_of(await client.frame())] == [text]
        assert (await client.frame())["type"] == "confirm_history"
        served.say("live", said(5.0, "f"))
        assert [word.word for word in words_of(await client.frame())] == ["f"]


async def test_a_new_session_may_say_what_it_has(served: Served) -> None:
    served.say("live", said(1.0, "a"))
    async with joined(served) as client:
        await subscribed(client, identifier("live"))
        first = await client.frame()
    served.say("live", said(2.0, "b"))
    place = {first["stream_id"]: {"epoch": first["epoch"], "offset": first["offset"]}}
    async with joined(served, query="&sid=unknown") as client:
        await subscribed(client, identifier("live"), history={"streams": place})
        assert [word.word for word in words_of(await client.frame())] == ["b"]
        assert (await client.frame())["type"] == "confirm_history"


@pytest.mark.parametrize(
    "changes", [{"epoch": "other"}, {"offset": 999}, {"offset": 0}, {"offset": -5}]
)
async def test_a_client_with_another_place_gets_all_words(
    served: Served, changes: dict[str, Any]
) -> None:
    served.say("live", said(1.0, "a"))
    async with joined(served) as client:
        await subscribed(client, identifier("live"))
        last = await client.frame()
        served.say("live", said(2.0, "b"))
        await client.frame()
        place = {"epoch": last["epoch"], "offset": last["offset"]} | changes
        await client.send(
            "history", identifier("live"), history={"streams": {last["stream_id"]: place}}
        )
        assert [word.word for word in words_of(await client.frame())] == ["a", "b"]
        assert (await client.frame())["type"] == "confirm_history"


async def test_a_client_without_a_place_gets_all_words() -> None:
    async with serving(ping_s=0.3) as served:
        async with joined(served) as client:
            sid = (await client.frame())["sid"]
            await client.send("subscribe", identifier("live"))
            await client.frame()
        served.say("live", said(1.0, "a"))
        async with joined(served, query=f"&sid={sid}") as client:
            assert (await client.frame())["restored"] is True
            assert [word.word for word in words_of(await client.frame())] == ["a"]


async def test_history_of_what_is_not_subscribed_is_rejected(served: Served) -> None:
    async with joined(served) as client:
        await client.frame()
        await client.send("history", identifier("live"), history={"since": 5})
        assert (await client.frame())["type"] == "reject_history"


async def test_a_session_needs_a_good_token_all_the_same(served: Served) -> None:
    async with joined(served) as client:
        sid = (await client.frame())["sid"]
    async with joined(served, token="guess", query=f"&sid={sid}") as client:
        assert (await client.frame())["type"] == "disconnect"


# --- limits ---------------------------------------------------------------------------------------


async def test_there_is_room_for_so_many_clients_only() -> None:
    async with serving(max_connections=2) as served, joined(served) as first, joined(served):
        with pytest.raises(InvalidStatus) as caught:
            async with joined(served):
                pass
        assert caught.value.response.status_code == 503
        await first.socket.close()
        await asyncio.sleep(0.1)
        async with joined(served) as client:
            assert (await client.frame())["type"] == "welcome"


async def test_a_connection_has_so_many_subscriptions_only(served: Served) -> None:
    async with joined(served) as client:
        await client.frame()
        kinds = []
        for number in range(101):
            await client.send("subscribe", identifier("live", n=str(number)))
            kinds.append((await client.frame())["type"])
        assert kinds == ["confirm_subscription"] * 100 + ["reject_subscription"]


async def test_a_frame_that_is_too_long_ends_the_connection(served: Served) -> None:
    async with joined(served) as client:
        await client.frame()
        await client.socket.send("x" * (MAX_FRAME_BYTES + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await client.frame()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_a_client_that_does_not_read_is_cut_off_and_the_others_go_on() -> None:
    async with serving(send_timeout_s=0.5) as served:
        served.library.add(replace(RECORDED, id="long"), [said(n * 0.3) for n in range(30_000)])
        async with joined(served) as slow, joined(served) as client:
            await slow.frame()
            assert served.cable.connections == 2
            slow.socket.transport.pause_reading()
            for number in range(4):
                await slow.send("subscribe", identifier("long", n=str(number)))
            await subscribed(client, identifier("live"))
            served.say("live", said(1.0, "on"))
            assert [word.word for word in words_of(await client.frame())] == ["on"]
            deadline_s = time.monotonic() + 40
            while served.cable.connections > 1:
                assert time.monotonic() < deadline_s
                await asyncio.sleep(0.05)
            slow.socket.transport.abort()


async def test_a_call_played_as_if_live_is_sent_as_it_is_spoken() -> None:
    async with serving() as served:
        spoken = [said(0.2 + n * 0.25, f"W{n}") for n in range(6)]
        now_s = time.monotonic()
        served.library.add(replace(RECORDED, id="played", live_from_s=now_s), spoken)
        async with joined(served) as client:
            await subscribed(client, identifier("played"))
            transcript, guesses = Transcript(), 0
            while transcript != Transcript().apply(spoken):
                new = words_of(await client.frame())
                assert all(w.start_offset < time.monotonic() - now_s for w in new)
                guesses += any(word.confidence < 1.0 for word in new)
                transcript = transcript.apply(new)
            assert guesses >= 1
