"""How often, and how soon, what ended by itself is started again; what goes on all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from types import SimpleNamespace

import pytest

from callplayer.service import run
from callplayer.service.restarts import BACKOFF_S, WINDOW_S, restart_delay_s
from callplayer.service.run import LIVE_FROM, live_start_s


def test_each_restart_waits_longer_and_the_sixth_in_a_minute_is_too_many() -> None:
    restarts_s: list[float] = []
    now_s, waits = 100.0, []
    while (delay_s := restart_delay_s(restarts_s, now_s)) is not None:
        waits.append(delay_s)
        now_s += delay_s
        restarts_s.append(now_s)
    assert waits == [0.2, 0.5, 1.0, 2.0, 5.0]


def test_what_is_a_minute_ago_counts_no_more() -> None:
    restarts_s = [100.0 + i for i in range(len(BACKOFF_S))]
    assert restart_delay_s(restarts_s, 105.0) is None
    assert restart_delay_s(restarts_s, 100.0 + WINDOW_S) == BACKOFF_S[-1]
    assert restart_delay_s(restarts_s, 104.0 + WINDOW_S) == BACKOFF_S[0]


def test_a_live_call_goes_on_from_where_it_began() -> None:
    assert live_start_s({LIVE_FROM: "90.5"}, now_s=100.0) == 90.5
    for told in ("", "soon", "nan", "inf", "100.1"):
        assert live_start_s({LIVE_FROM: told}, now_s=100.0) == 100.0
    assert live_start_s({}, now_s=100.0) == 100.0


async def test_a_look_at_the_library_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "LOOK_S", 0.001)
    errors = [sqlite3.OperationalError("locked"), OverflowError("date value out of range"), None]
    looked = asyncio.Event()

    def look(_now_s: float) -> None:
        error = errors.pop(0)
        if error is None:
            looked.set()
            errors.append(None)
        else:
            raise error

    looking = asyncio.create_task(run._looking(SimpleNamespace(look=look)))
    async with asyncio.timeout(5):
        await looked.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert "cannot be looked at: locked" in caplog.text
    assert "OverflowError" in caplog.text
