"""What a service that is started again goes on with, and what does not stop it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from callplayer.service import server
from callplayer.service.catalog import LibraryError
from callplayer.service.server import LIVE_FROM, drain_streams, live_start_s


def test_a_live_call_goes_on_from_where_it_began() -> None:
    assert live_start_s({LIVE_FROM: "90.5"}, now_s=100.0) == 90.5
    for reported in ("", "soon", "nan", "inf", "100.1"):
        assert live_start_s({LIVE_FROM: reported}, now_s=100.0) == 100.0
    assert live_start_s({}, now_s=100.0) == 100.0


async def test_a_look_at_the_library_that_fails_is_not_the_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = [LibraryError("locked"), OverflowError("date value out of range"), None]
    looked = asyncio.Event()

    def look(_now_s: float) -> None:
        error = errors.pop(0)
        if error is None:
            looked.set()
            errors.append(None)
        else:
            raise error

    looking = asyncio.create_task(server.look_at_library(SimpleNamespace(look=look), 0.001))
    async with asyncio.timeout(5):
        await looked.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert "cannot be looked at: locked" in caplog.text
    assert "OverflowError" in caplog.text


@pytest.mark.parametrize(("streams", "drain_s"), [(0, 60.0), (1, 0.05)])
async def test_a_service_that_drains_ends_with_its_last_stream_or_when_time_is_up(
    streams: int, drain_s: float
) -> None:
    service = SimpleNamespace(streams=SimpleNamespace(count=streams, drains=False))
    drain, stop = asyncio.Event(), asyncio.Event()
    draining = asyncio.create_task(drain_streams(drain, service, drain_s, stop))
    await asyncio.sleep(0.01)
    assert not service.streams.drains
    drain.set()
    async with asyncio.timeout(5):
        await stop.wait()
    assert service.streams.drains
    await draining
