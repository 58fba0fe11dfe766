"""Clients that are not ours on the cable: Rails' own, and AnyCable's over both sub-protocols."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from callplayer.vendor.transcript import Transcript
from tests.rig.cable import TOKEN_S, WORDS, Served, said, serving
from tests.rig.cable_clients import CLIENTS, RESUMING, STALE_S, running

PING_S = 0.5


@contextlib.asynccontextmanager
async def forwarded(served: Served) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The cable's URL through another process, that can be stopped or killed."""
    port = urlsplit(served.url).port
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.rig.port_forward", "127.0.0.2", "127.0.0.1", str(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    await process.stdout.readline()
    try:
        yield served.url.replace("127.0.0.1", "127.0.0.2"), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process.stdin.close()


def url_with_token(served: Served, url: str | None = None) -> str:
    return f"{url or served.url}?token={served.token()}"


@pytest.mark.parametrize("kind", CLIENTS)
async def test_words_come_recorded_and_live(kind: tuple[str, str]) -> None:
    async with serving() as served:
        url = url_with_token(served)
        async with (
            running(kind, url, "recorded") as recorded,
            running(kind, url, "live") as live,
        ):
            await recorded.until(lambda each: len(each.transcript) == len(WORDS))
            assert recorded.transcript == Transcript().apply(WORDS)
            await live.reported("connected")
            served.say("live", said(1.0, "won"), said(1.5, "to"))
            served.say("live", said(1.0, "one"), said(1.4, "two"), said(2.0, "three"))
            await live.until(lambda each: each.texts() == ["one", "two", "three"])


@pytest.mark.parametrize("kind", CLIENTS)
async def test_an_unknown_call_is_rejected(kind: tuple[str, str]) -> None:
    async with serving() as served, running(kind, url_with_token(served), "nobody") as client:
        await client.reported("rejected")


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_client_that_may_not_connect_is_asked_not_to_come_back(
    kind: tuple[str, str],
) -> None:
    async with (
        serving() as served,
        running(kind, f"{served.url}?token=guess", "live") as client,
    ):
        if kind[0] == "rails":
            await client.reported("disconnected", again=False)
        else:
            await client.reported("closed", reason="unauthorized")
        await asyncio.sleep(1.0)
        assert served.cable.connections == 0


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_dropped_connection_is_made_again_and_no_word_is_missing(
    kind: tuple[str, str],
) -> None:
    async with (
        serving() as served,
        forwarded(served) as (url, forward),
        running(kind, url_with_token(served, url), "live") as client,
    ):
        served.say("live", said(1.0, "a"))
        await client.until(lambda each: each.texts() == ["a"])
        forward.kill()
        await forward.wait()
        for text in "bcd":
            served.say("live", said(float(ord(text)), text))
        async with forwarded(served):
            await client.until(lambda each: each.texts() == ["a", "b", "c", "d"])
            if kind == RESUMING:
                await client.reported("cable", restored=True)
                await client.reported("info", type="history_received")
                assert client.messages == 4  # what it had did not come again
            served.say("live", said(200.0, "e"))
            await client.until(lambda each: each.texts()[-1] == "e")


@pytest.mark.parametrize("kind", [CLIENTS[0], RESUMING])
async def test_a_line_that_falls_silent_is_noticed(kind: tuple[str, str]) -> None:
    async with (
        serving(ping_s=PING_S) as served,
        forwarded(served) as (url, forward),
        running(kind, url_with_token(served, url), "live") as client,
    ):
        await client.reported("connected")
        await asyncio.sleep(3 * PING_S)
        assert not any(event["event"] in ("disconnected", "dropped") for event in client.events)
        forward.send_signal(signal.SIGSTOP)
        served.say("live", said(1.0, "meanwhile"))
        if kind[0] == "anycable":
            await client.reported("dropped", reason="stale_connection")
            forward.send_signal(signal.SIGCONT)
        else:  # it waits for the other side's close before it opens a new socket
            await asyncio.sleep(3 * STALE_S)
            forward.send_signal(signal.SIGCONT)
            await client.reported("connected", reconnected=True)
        await client.until(lambda each: each.texts() == ["meanwhile"])


async def test_a_token_that_expires_is_renewed() -> None:
    async with serving(ping_s=PING_S) as served:
        served.say("live", said(1.0, "a"))
        first = url_with_token(served)
        served.clock.now_s += TOKEN_S / 2
        async with running(RESUMING, first, "live", refreshed_url=url_with_token(served)) as client:
            await client.until(lambda each: each.texts() == ["a"])
            served.clock.now_s += TOKEN_S / 2 + 1
            await client.reported("closed", reason="token_expired")
            await client.reported("refreshing")
            served.say("live", said(2.0, "b"))
            await client.until(lambda each: each.texts() == ["a", "b"])


async def test_a_service_that_ends_says_so() -> None:
    async with serving() as served:
        served.say("live", said(1.0, "a"))
        async with running(RESUMING, url_with_token(served), "live") as client:
            await client.until(lambda each: each.texts() == ["a"])
            await served.cable.aclose()
            await client.reported("dropped", reason="server_restart")
