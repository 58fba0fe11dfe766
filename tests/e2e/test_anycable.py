"""The service behind a real AnyCable server, and clients that know only that one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from callplayer.config import Secret
from callplayer.service.transcripts.anycable import AnyCableSettings
from callplayer.vendor.transcript import Transcript
from tests.rig.anycable import free_port, running_anycable
from tests.rig.cable import TOKEN_S, WORDS, Served, said, serving
from tests.rig.cable_clients import CLIENTS, RESUMING, running
from tests.unit.engine.transcript.test_subscription import reading

RPC_SECRET = "what-anycable-shows-us"
BROADCAST_KEY = "what-we-show-anycable"


@dataclass
class Behind:
    """A service, and the address of the AnyCable server before it."""

    served: Served
    url: str
    process: asyncio.subprocess.Process

    def url_with_token(self) -> str:
        return f"{self.url}?token={self.served.token()}"


@contextlib.asynccontextmanager
async def behind_anycable(**options: bool) -> AsyncIterator[Behind]:
    """A service, and the AnyCable server that holds its sockets."""
    port = free_port()
    settings = AnyCableSettings(
        f"http://127.0.0.1:{port}/_broadcast", Secret(BROADCAST_KEY), Secret(RPC_SECRET)
    )
    async with serving(settings) as served:
        rpc_url = f"http://127.0.0.1:{urlsplit(served.url).port}/_anycable"
        async with running_anycable(port, rpc_url, RPC_SECRET, BROADCAST_KEY, **options) as process:
            yield Behind(served, f"ws://127.0.0.1:{port}/cable", process)


@pytest.mark.parametrize("kind", [CLIENTS[0], RESUMING])
async def test_words_come_through_it(kind: tuple[str, str]) -> None:
    async with behind_anycable() as behind:
        url, served = behind.url_with_token(), behind.served
        async with running(kind, url, "recorded") as recorded, running(kind, url, "live") as live:
            await recorded.until(lambda each: len(each.transcript) == len(WORDS))
            assert recorded.transcript == Transcript().apply(WORDS)
            await live.reported("connected")
            served.say("live", said(1.0, "won"), said(1.5, "to"))
            served.say("live", said(1.0, "one"), said(1.4, "two"), said(2.0, "three"))
            await live.until(lambda each: each.texts() == ["one", "two", "three"])
            assert served.cable.connections == 0


async def test_it_asks_what_a_client_may_do() -> None:
    async with behind_anycable() as behind:
        async with running(RESUMING, f"{behind.url}?token=guess", "live") as client:
            await client.reported("closed", reason="unauthorized")
        expired = behind.url_with_token()
        behind.served.clock.now_s += TOKEN_S + 1
        fresh = behind.url_with_token()
        async with running(RESUMING, expired, "live", refreshed_url=fresh) as client:
            await client.reported("closed", reason="token_expired")
            await client.reported("connected")
        async with running(RESUMING, fresh, "nobody") as client:
            await client.reported("rejected")


async def test_the_engine_reads_words_through_it() -> None:
    async with (
        behind_anycable() as behind,
        reading(behind.url, "live", behind.served.token) as reader,
    ):
        await reader.until_state("open")
        for n in range(30):
            behind.served.say("live", said(1.0, f"guess{n}"), said(1.2, "more"))
        behind.served.say("live", said(1.0, "sure"))
        await reader.until(lambda each: each.texts() == ["sure"])
        # AnyCable ends: words said meanwhile reach the one that comes in its place.
        behind.process.kill()
        await behind.process.wait()
        await reader.until_state("reconnecting")
        behind.served.say("live", said(2.0, "again"))
        rpc_url = f"http://127.0.0.1:{urlsplit(behind.served.url).port}/_anycable"
        port = urlsplit(behind.url).port
        assert port is not None
        async with running_anycable(port, rpc_url, RPC_SECRET, BROADCAST_KEY):
            await reader.until(lambda each: each.texts() == ["sure", "again"], 30.0)


async def test_the_engine_needs_no_history_of_it() -> None:
    async with (
        behind_anycable(keeps_history=False) as behind,
        reading(behind.url, "live", behind.served.token) as reader,
    ):
        behind.served.say("live", said(1.0, "before"))
        await reader.until(lambda each: each.texts() == ["before"])
        behind.served.say("live", said(2.0, "after"))
        await reader.until(lambda each: each.texts() == ["before", "after"])


async def test_without_the_secret_nothing_is_answered() -> None:
    settings = AnyCableSettings("http://127.0.0.1:9/_broadcast", Secret("x" * 16), Secret("y" * 16))
    async with serving(settings) as served, httpx.AsyncClient(trust_env=False) as client:
        base = f"http://127.0.0.1:{urlsplit(served.url).port}/_anycable"
        right = {"Authorization": "Bearer " + "y" * 16}
        good = {"env": {"url": f"ws://x/cable?token={served.token()}"}}
        for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "y" * 16}):
            answer = await client.post(f"{base}/connect", json=good, headers=headers)
            assert answer.status_code == 401
        answer = await client.post(f"{base}/connect", json=good, headers=right)
        assert answer.json()["status"] == 1
        for body in (b"", b"{", b'{"env":5}', b"[" * 100_000, b"\xff"):
            answer = await client.post(f"{base}/command", content=body, headers=right)
            assert answer.status_code == 422
        big = b" " * 1_100_000
        answer = await client.post(f"{base}/command", content=big, headers=right)
        assert answer.status_code == 413
