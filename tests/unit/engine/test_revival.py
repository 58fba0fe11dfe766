"""A headless engine whose sound system has ended leaves a call that a new process restores."""

from __future__ import annotations

import asyncio

import pytest

from callplayer.engine.revival import LEAST_LIFE_S, RESTORE_VARIABLE, Revival
from callplayer.ipc import messages as m
from callplayer.ipc.restore import SYSTEM_GONE
from callplayer.vendor.commands import Resume, Scrub

GONE = m.ErrorEvent(code=SYSTEM_GONE, message="JACK has ended.", hint="Wait.", exit_code=6)
HELD = m.StateEvent(phase="paused", position_ms=5_000, duration_ms=60_000, held=True)


class Watched:
    """A revival, long enough alive unless the test says otherwise, and the events that go out."""

    def __init__(self, least_life_s: float = 0.0) -> None:
        self.written: list[m.Event] = []
        self.revival = Revival(
            lambda event: bool(self.written.append(event)) or True, least_life_s=least_life_s
        )


async def test_an_ended_sound_system_is_no_end_and_the_call_is_to_be_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    for event in (HELD, GONE, m.ByeEvent(exit_code=6)):
        assert watched.revival.emit(event)
    assert [getattr(event, "exit_code", None) for event in watched.written] == [None, None]
    lines = watched.revival.lines
    assert lines is not None

    monkeypatch.setenv(RESTORE_VARIABLE, lines)
    handled: list[m.Request] = []
    again = Revival(lambda _: True)
    again.handle = handled.append
    again.emit(m.StateEvent(phase="connecting"))
    await asyncio.sleep(0)
    assert handled == []
    again.emit(m.StateEvent(phase="paused"))
    again.emit(m.StateEvent(phase="paused"))
    await asyncio.sleep(0)
    assert handled == [Scrub(5_000), Resume()]


def test_a_process_that_has_hardly_begun_or_has_no_call_ends() -> None:
    young = Watched(LEAST_LIFE_S)
    callless = Watched()
    for watched, events in ((young, (HELD, GONE)), (callless, (GONE,))):
        for event in (*events, m.ByeEvent(exit_code=6)):
            watched.revival.emit(event)
        assert watched.written[-1] == m.ByeEvent(exit_code=6)
        assert watched.revival.lines is None


def test_another_error_ends_the_engine() -> None:
    watched = Watched()
    hangs = m.ErrorEvent(code="device-hangs", message="It hangs.", hint="", exit_code=6)
    for event in (HELD, hangs, m.ByeEvent(exit_code=6)):
        watched.revival.emit(event)
    assert watched.written == [HELD, hangs, m.ByeEvent(exit_code=6)]
    assert watched.revival.lines is None
