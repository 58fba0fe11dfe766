"""Live calls over a real livekit-server: each source, from the first word to the recording."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.service.live_file import GrowingAudio
from callplayer.wire import Resume, Scrub, ScrubToEnd
from tests.e2e.live_sources import (
    HEARD_S,
    SOURCES,
    Call,
    GrowingWav,
    Talk,
    a_call,
    how_far_behind_s,
    incident,
    incidents,
    last_status,
    live_incident,
    talking,
)
from tests.e2e.service_fixtures import (
    RATE_HZ,
    Listener,
    heard_position_s,
    listening,
    open_incident,
    rms_db,
    running_service,
    sweep,
    until,
)

# `make bench ARGS=live` tells how far behind it is (0.3 s); a busy machine adds to that.
LIVE_WITHIN_S = 1.0


async def hears_live(listener: Listener, call: Call) -> None:
    """Return when what is heard is as new as it should be; fail if it never is."""
    async with asyncio.timeout(10):
        while not 0 < await how_far_behind_s(listener, call) < LIVE_WITHIN_S:
            pass


async def hears(listener: Listener, track: str, from_s: float, to_s: float) -> None:
    """Return when sound from between these places is heard; fail if it never is."""
    async with asyncio.timeout(10):
        while True:
            sound = await listener.hear(track, HEARD_S, settle_s=0)
            if rms_db(sound) > -30 and from_s < heard_position_s(sound, "caller") < to_s:
                return


@pytest.mark.parametrize("source", SOURCES)
async def test_a_live_call_from_its_source_to_its_recording(source: str, tmp_path: Path) -> None:
    async with a_call(source, tmp_path) as call:
        assert (await incident(call.service, call.incident_id))["is_audio_live"]
        token, url = await open_incident(call.service, call.incident_id)
        async with listening(token, url) as listener:
            await until(lambda: call.track in listener.frames)
            await hears_live(listener, call)
            at_live = await last_status(listener, lambda status: status.duration > 2500)
            assert at_live.at_end
            assert not at_live.call_over
            assert not at_live.paused

            back = await listener.status_after(Scrub(position=0))
            assert (back.position, back.at_end, back.call_over) == (0, False, False)
            assert back.duration >= at_live.duration
            await hears(listener, call.track, 0.0, 1.0)
            assert await how_far_behind_s(listener, call) > 1.5
            assert listener.statuses[-1].duration > at_live.duration
            await listener.send(ScrubToEnd())
            await last_status(listener, lambda status: status.at_end)
            await hears_live(listener, call)

            call.talk.stop()
            call.end()
            over = await last_status(listener, lambda status: status.call_over)
            assert over.duration >= call.talk.sent_frames // 48 - 500
            assert not (await incident(call.service, call.incident_id))["is_audio_live"]
            await listener.status_after(Scrub(position=500))
            await hears(listener, call.track, 0.5, 2.0)
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
            await hears(listener, "call", 0.0, 4.0)
            over = await last_status(listener, lambda status: status.call_over)
            assert over.duration == 4000
            await last_status(listener, lambda status: status.position == 4000)
            await listener.send(Scrub(position=1000))
            await hears(listener, "call", 1.0, 3.0)
        told = await incident(service, incident_id)
        assert not told["is_audio_live"]
        assert told["audio_call_ended_at"]


async def test_a_killed_service_loses_less_than_a_second_of_a_call(tmp_path: Path) -> None:
    watched, library = tmp_path / "watched", tmp_path / "library"
    watched.mkdir()
    options = (
        f"(), port=0, library=Path({str(library)!r}),"
        f" live_sources=LiveSources(watched=Path({str(watched)!r}))"
    )
    file, talk = GrowingWav(watched / "line1.wav", 2), Talk(2)
    try:
        with running_service(options) as service:
            async with talking(talk, file.write):
                incident_id = await live_incident(service)
                await asyncio.sleep(2.0)
                service.process.kill()
                spoken_s = talk.position_s()
                service.process.wait()
        (kept,) = (library / "recordings").iterdir()
        with GrowingAudio(kept) as audio:
            assert not audio.is_over()
            kept_s = audio.frames() / RATE_HZ
        assert spoken_s - 1.0 < kept_s < spoken_s + 0.1
        with running_service(options) as service:
            (told,) = await incidents(service)
            assert (told["id"], told["is_audio_live"]) == (incident_id, False)
            assert told["audio_call_ended_at"]
            token, url = await open_incident(service, incident_id)
            async with listening(token, url) as listener:
                first = listener.statuses[0]
                assert (first.duration, first.call_over) == (int(kept_s * 1000), True)
                await listener.send(Resume())
                await hears(listener, "caller", 0.0, kept_s)
    finally:
        file.close()
    heard, _ = soundfile.read(kept, dtype="int16")
    source, _ = soundfile.read(watched / "line1.wav", dtype="int16")
    assert np.array_equal(heard, source[: len(heard)])
