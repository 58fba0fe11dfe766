"""What a service that is started again goes on with, and what does not stop it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from callplayer.service import server
from callplayer.service.catalog import LibraryError
from callplayer.service.server import LIVE_FROM, live_start_s


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
