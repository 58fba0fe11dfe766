"""What AnyCable is sent: in order, and until it has taken it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import pytest

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.transcripts.anycable import (
    BROADCAST_KEY,
    BROADCAST_URL,
    MESSAGES_A_POST,
    RPC_SECRET,
    AnyCableSettings,
    Broadcaster,
    from_environment,
)

LONG = "0123456789abcdef"
SETTINGS = AnyCableSettings("http://127.0.0.1:1/_broadcast", Secret(LONG), Secret(LONG))


async def test_broadcasts_are_repeated_until_they_are_taken() -> None:
    refusals, taken = 2, []

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal refusals
        assert request.headers["authorization"] == f"Bearer {LONG}"
        if refusals:
            refusals -= 1
            if refusals:
                raise httpx.ConnectError("nobody")
            return httpx.Response(503)
        taken.extend(json.loads(request.content))
        return httpx.Response(201)

    async with contextlib.aclosing(Broadcaster(SETTINGS, httpx.MockTransport(answer))) as sender:
        for number in range(120):
            sender.send("transcript:a", f'{{"n":{number}}}'.encode(), keep=number != 119)
        async with asyncio.timeout(10):
            while len(taken) < 120:
                await asyncio.sleep(0.01)
    assert [json.loads(each["data"])["n"] for each in taken] == list(range(120))
    assert all(each["stream"] == "transcript:a" for each in taken)
    assert taken[119]["meta"] == {"transient": True}
    assert "meta" not in taken[0]


async def test_what_is_refused_for_good_holds_nothing_up() -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(len(json.loads(request.content)))
        return httpx.Response(422 if len(asked) == 1 else 201)

    async with contextlib.aclosing(Broadcaster(SETTINGS, httpx.MockTransport(answer))) as sender:
        for number in range(MESSAGES_A_POST + 1):
            sender.send("transcript:a", f'{{"n":{number}}}'.encode())
        async with asyncio.timeout(10):
            while len(asked) < 2:
                await asyncio.sleep(0.01)
    assert asked == [MESSAGES_A_POST, 1]


def test_all_of_it_is_set_or_none() -> None:
    whole = {BROADCAST_URL: "https://cable.example.org/_broadcast", BROADCAST_KEY: LONG,
             RPC_SECRET: LONG}  # fmt: skip
    assert from_environment({}) is None
    settings = from_environment(whole)
    assert settings is not None
    assert LONG not in repr(settings)
    for name in whole:
        with pytest.raises(UsageError):
            from_environment(whole | {name: ""})
    for name, value in ((BROADCAST_KEY, "short"), (BROADCAST_URL, "http://example.org/x")):
        with pytest.raises(UsageError) as caught:
            from_environment(whole | {name: value})
        assert LONG not in caught.value.what + caught.value.hint
