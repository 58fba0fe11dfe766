"""An engine in the test's own process that sends what the test wants and notes what it is asked."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App
from textual.strip import Strip

from callplayer.ipc.messages import (
    Event,
    IncidentEvent,
    LaneLevel,
    LaneState,
    LevelsEvent,
    PartyState,
    Request,
    StateEvent,
)
from callplayer.ipc.news import EngineGone, EngineRestarting, Listener
from tests.rig.clock import SteppedClock

FROZEN_S = 1000.0
"""The clock of tests that look at pixels stands still here."""

INCIDENT = IncidentEvent(
    id="3f2a91c0-77aa-4c1e-9d2b-000000000001",
    caller_phone_number="+15550100199",
    created_at="2026-01-15 10:30:00 UTC",
)
PARTIES = (
    PartyState(party="caller", gain_db=3.0),
    PartyState(party="callTaker", gain_db=-4.0),
)
LANES = tuple(LaneState(lane=party.party, carries=(party.party,)) for party in PARTIES)
PLAYING = StateEvent(
    phase="playing",
    position_ms=83_520,
    audible_ms=83_400,
    duration_ms=272_000,
    paused=False,
    call_over=True,
    advancing=True,
    as_of_s=FROZEN_S,
    parties=PARTIES,
    lanes=LANES,
    device="Headphones",
)
LEVELS = LevelsEvent(
    levels=(
        LaneLevel(lane="caller", rms_db=-21.0, peak_db=-12.0, hold_db=-9.0),
        LaneLevel(lane="callTaker", rms_db=-38.0, peak_db=-30.0, hold_db=-14.0),
    )
)


def frozen_clock() -> float:
    return FROZEN_S


Scripted = Event | EngineRestarting | EngineGone | float
"""What the engine sends, or how many s pass."""


class ScriptedEngine:
    """Sends `events` at once, then waits for ever; time passes on `clock` only."""

    def __init__(self, *events: Scripted, clock: SteppedClock | None = None) -> None:
        self.events = events
        self.clock = clock or SteppedClock()
        self.requests: list[Request] = []
        self.takes_requests = True

    async def run(self, listener: Listener) -> None:
        for event in self.events:
            if isinstance(event, float):
                self.clock.now_s += event
            else:
                listener(event)
        await asyncio.Event().wait()

    def send(self, request: Request) -> bool:
        if self.takes_requests:
            self.requests.append(request)
        return self.takes_requests


def strips_of(app: App[Any]) -> list[Strip]:
    """Return the lines of the screen as they are drawn; Textual has no public way to them."""
    return app.screen._compositor.render_strips()


def screen_text(app: App[Any]) -> str:
    """Return what stands on the screen, line by line, without colours."""
    return "\n".join(strip.text.rstrip() for strip in strips_of(app))
