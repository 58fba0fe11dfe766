"""How far behind the source of a live call its listener is, and what a killed service loses of it.

The speaker's sound carries its position, so what is heard shows how old it is.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from callplayer.service.live_wav import GrowingAudio
from callplayer.vendor.commands import Scrub, ScrubToEnd
from tests.e2e.live_sources import (
    SOURCES,
    GrowingWav,
    Talk,
    a_call,
    how_far_behind_s,
    last_status,
    live_incident,
    talking,
)
from tests.e2e.service_fixtures import RATE_HZ, listening, open_incident, running_service, until

SETTLED_S = 1.0


@dataclass(frozen=True)
class Behind:
    """Distances to the speaker in s: while following, and 1 s after each return to live."""

    source: str
    following_s: list[float]
    returned_s: list[float]


def measure(seconds: float, returns: int) -> list[Behind]:
    """Follow a call of each source for so many seconds, and come back to live so many times."""
    return [asyncio.run(_follow(source, seconds, returns)) for source in SOURCES]


def measure_kills(times: int) -> list[float]:
    """Return how much of what was spoken is not on disk after each `kill -9`, in s."""
    return [asyncio.run(_kill()) for _ in range(times)]


async def _follow(source: str, seconds: float, returns: int) -> Behind:
    with tempfile.TemporaryDirectory() as folder:
        async with a_call(source, Path(folder)) as call:
            token, url = await open_incident(call.service, call.incident_id)
            async with listening(token, url) as listener:
                await until(lambda: call.track in listener.frames)
                await asyncio.sleep(SETTLED_S)
                end_s = time.monotonic() + seconds
                following = []
                while time.monotonic() < end_s:
                    following.append(await how_far_behind_s(listener, call, 0.0))
                returned = []
                for _ in range(returns):
                    await listener.send(Scrub(position=0))
                    await last_status(listener, lambda status: not status.at_end)
                    await asyncio.sleep(0.5)
                    await listener.send(ScrubToEnd())
                    await last_status(listener, lambda status: status.at_end)
                    returned.append(await how_far_behind_s(listener, call, SETTLED_S))
            call.talk.stop()
            call.end()
    return Behind(source, following, returned)


async def _kill() -> float:
    with tempfile.TemporaryDirectory() as folder:
        watched, library = Path(folder) / "watched", Path(folder) / "library"
        watched.mkdir()
        options = (
            f"(), port=0, library=Path({str(library)!r}),"
            f" live_sources=LiveSources(watched=Path({str(watched)!r}))"
        )
        file, talk = GrowingWav(watched / "line.wav", 2), Talk(2)
        try:
            with running_service(options) as service:
                async with talking(talk, file.write):
                    await live_incident(service)
                    await asyncio.sleep(2.0)
                    service.process.kill()
                    spoken_s = talk.position_s()
                    service.process.wait()
        finally:
            file.close()
        (kept,) = (library / "recordings").iterdir()
        with GrowingAudio(kept) as audio:
            return spoken_s - audio.frames() / RATE_HZ
