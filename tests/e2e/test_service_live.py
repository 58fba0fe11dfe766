"""Live calls over a real livekit-server: each source, from the first word to the recording."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.wire import Scrub, ScrubToEnd
from tests.e2e.live_sources import (
    GrowingWav,
    Publisher,
    Talk,
    behind_s,
    incident,
    last_status,
    live_incident,
    talking,
)
from tests.e2e.service_fixtures import (
    RATE_HZ,
    Listener,
    Service,
    heard_position_s,
    listening,
    open_incident,
    rms_db,
    running_service,
    signed_in,
    sweep,
    until,
)

HEARD_S = 0.1
# `make bench ARGS=live` tells how far behind it is (0.3 s); a busy machine adds to that.
LIVE_WITHIN_S = 1.0


@dataclass
class Call:
    """A live call: who speaks, whose track carries it, and how it is brought to its end."""

    service: Service
    incident_id: str
    talk: Talk
    track: str
    end: Callable[[], None]


@contextlib.asynccontextmanager
async def on_stdin() -> AsyncIterator[Call]:
    options = f"(), port=0, live_sources=LiveSources(stdin='s16le:{RATE_HZ}:1')"
    with running_service(options) as service:
        pipe = service.process.stdin
        assert pipe is not None

        async def send(samples: np.ndarray) -> None:
            pipe.write(samples.tobytes())
            pipe.flush()

        talk = Talk(1)
        async with talking(talk, send):
            yield Call(service, service.ready["incidents"][0], talk, "call", pipe.close)


@contextlib.asynccontextmanager
async def in_a_watched_folder(folder: Path) -> AsyncIterator[Call]:
    options = f"(), port=0, live_sources=LiveSources(watched=Path({str(folder)!r}))"
    with running_service(options) as service:
        file, talk = GrowingWav(folder / "line1.wav", 2), Talk(2)
        try:
            async with talking(talk, file.write):
                yield Call(service, await live_incident(service), talk, "caller", file.close)
        finally:
            file.close()


@contextlib.asynccontextmanager
async def in_an_ingest_room() -> AsyncIterator[Call]:
    options = "(), port=0, live_sources=LiveSources(ingest=True, end_after_s=0.5)"
    with running_service(options) as service:
        async with signed_in(service) as client:
            answer = await client.post("/ingest/calls")
        assert answer.status_code == 201, answer.text
        opened = answer.json()
        publisher, talk = Publisher(), Talk(1)
        await publisher.join(opened["url"], opened["tokens"]["caller"])
        leaving: list[asyncio.Task[None]] = []
        async with talking(talk, publisher.write):
            assert await live_incident(service) == opened["incident_id"]
            yield Call(
                service,
                opened["incident_id"],
                talk,
                "caller",
                lambda: leaving.append(asyncio.create_task(publisher.leave())),
            )
        await asyncio.gather(*leaving)


@contextlib.asynccontextmanager
async def a_call(source: str, folder: Path) -> AsyncIterator[Call]:
    ways = {
        "stdin": on_stdin,
        "watched folder": lambda: in_a_watched_folder(folder),
        "ingest room": in_an_ingest_room,
    }
    async with ways[source]() as call:
        yield call


async def how_far_behind_s(listener: Listener, call: Call) -> float:
    sound = await listener.hear(call.track, HEARD_S, settle_s=0.3)
    return behind_s(call.talk, heard_position_s(sound, "caller"), HEARD_S / 2)


async def is_heard_live(listener: Listener, call: Call) -> None:
    """Return when what is heard is as new as it should be; fail if it never is."""
    async with asyncio.timeout(10):
        while not 0 < await how_far_behind_s(listener, call) < LIVE_WITHIN_S:
            pass


@pytest.mark.parametrize("source", ["stdin", "watched folder", "ingest room"])
async def test_a_live_call_from_its_source_to_its_recording(source: str, tmp_path: Path) -> None:
    async with a_call(source, tmp_path) as call:
        assert (await incident(call.service, call.incident_id))["is_audio_live"]
        token, url = await open_incident(call.service, call.incident_id)
        async with listening(token, url) as listener:
            await until(lambda: call.track in listener.frames)
            await is_heard_live(listener, call)
            at_live = await last_status(listener, lambda status: status.duration > 2000)
            assert at_live.at_end
            assert not at_live.call_over
            assert not at_live.paused

            back = await listener.status_after(Scrub(position=0))
            assert (back.position, back.at_end, back.call_over) == (0, False, False)
            assert back.duration >= at_live.duration
            sound = await listener.hear(call.track, HEARD_S)
            assert rms_db(sound) > -30
            assert await how_far_behind_s(listener, call) > 1.5
            assert listener.statuses[-1].duration > at_live.duration
            await listener.send(ScrubToEnd())
            await last_status(listener, lambda status: status.at_end)
            await is_heard_live(listener, call)

            call.talk.stop()
            call.end()
            over = await last_status(listener, lambda status: status.call_over)
            assert over.duration >= call.talk.sent_frames // 48 - 500
            assert not (await incident(call.service, call.incident_id))["is_audio_live"]
            await listener.status_after(Scrub(position=500))
            sound = await listener.hear(call.track, HEARD_S, settle_s=0.6)
            assert rms_db(sound) > -30
            assert 0.5 < heard_position_s(sound, "caller") < 2.5
            again = await listener.status()
            assert (again.duration, again.call_over) == (over.duration, True)
        await served_as_a_recording(call, over.duration)


async def served_as_a_recording(call: Call, duration_ms: int) -> None:
    token, url = await open_incident(call.service, call.incident_id, autoplay=True)
    async with listening(token, url) as listener:
        first = listener.statuses[0]
        assert (first.position, first.paused, first.call_over) == (0, True, True)
        assert abs(first.duration - duration_ms) <= 20


async def test_a_file_played_as_live_comes_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.wav", sweep("caller", 4.0, 16_000), 16_000)
    (tmp_path / "call.json").write_text('{"incident":{"caller_phone_number":"+15550100"}}')
    options = f"(), port=0, live_sources=LiveSources(files=(Path({str(tmp_path)!r}),))"
    with running_service(options) as service:
        (incident_id,) = service.ready["incidents"]
        told = await incident(service, incident_id)
        assert (told["is_audio_live"], told["caller_phone_number"]) == (True, "+15550100")
        token, url = await open_incident(service, incident_id)
        async with listening(token, url) as listener:
            assert listener.statuses[0].at_end
            assert rms_db(await listener.hear("call", HEARD_S, settle_s=0.3)) > -30
            over = await last_status(listener, lambda status: status.call_over)
            assert over.duration == 4000
            await last_status(listener, lambda status: status.position == 4000)
            await listener.send(Scrub(position=1000))
            sound = await listener.hear("call", HEARD_S)
            assert 1.0 < heard_position_s(sound, "caller") < 3.0
        told = await incident(service, incident_id)
        assert not told["is_audio_live"]
        assert told["audio_call_ended_at"]
