"""Live calls over a real livekit-server: each source, from the first word to the recording."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callplayer.service.live_wav import GrowingAudio
from callplayer.vendor.commands import Resume, Scrub, ScrubToEnd
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
    CREDENTIALS,
    RATE_HZ,
    Listener,
    client_of,
    heard_position_s,
    listening,
    open_incident,
    rms_db,
    running_service,
    sweep,
    until,
)
from tests.rig.pulse import Sink

LIVE_WITHIN_S = 0.5


async def hears_live(listener: Listener, call: Call) -> None:
    """Return when what is heard is as new as it should be; fail if it never is.

    A jitter buffer that a busy machine has made grow shrinks again in some seconds.
    """
    behind_s: list[float] = []
    try:
        async with asyncio.timeout(20):
            while not behind_s or not 0 < behind_s[-1] < LIVE_WITHIN_S:
                behind_s.append(await how_far_behind_s(listener, call))
    except TimeoutError:
        pytest.fail(f"behind the speaker, s: {behind_s}")


async def hears(listener: Listener, track: str, from_s: float, to_s: float) -> None:
    """Return when sound from between these places is heard; fail if it never is."""
    async with asyncio.timeout(10):
        while True:
            sound = await listener.hear(track, HEARD_S, settle_s=0)
            if rms_db(sound) > -30 and from_s < heard_position_s(sound, "caller") < to_s:
                return


# A room has one jitter buffer more than the others, which grows where something runs beside it.
ALONE = [pytest.param(each, marks=pytest.mark.plays) for each in SOURCES if "room" in each]


@pytest.mark.parametrize("source", [*(each for each in SOURCES if "room" not in each), *ALONE])
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
    soundfile.write(tmp_path / "call.wav", sweep("caller", 6.0, 16_000), 16_000)
    (tmp_path / "call.json").write_text('{"incident":{"caller_phone_number":"+15550100"}}')
    options = f"(), port=0, live_sources=LiveSources(files=(Path({str(tmp_path)!r}),))"
    with running_service(options) as service:
        (incident_id,) = service.ready["incidents"]
        reported = await incident(service, incident_id)
        assert (reported["is_audio_live"], reported["caller_phone_number"]) == (True, "+15550100")
        waiting = await open_incident(service, incident_id, autoplay=False)
        async with listening(*waiting) as listener:
            first = listener.statuses[0]
            assert (first.position, first.paused, first.call_over) == (0, True, False)
        token, url = await open_incident(service, incident_id)
        async with listening(token, url) as listener:
            assert listener.statuses[0].at_end
            await hears(listener, "call", 0.0, 6.0)
            over = await last_status(listener, lambda status: status.call_over)
            assert over.duration == 6000
            await last_status(listener, lambda status: status.position == 6000)
            await listener.send(Scrub(position=1000))
            await hears(listener, "call", 1.0, 3.0)
        reported = await incident(service, incident_id)
        assert not reported["is_audio_live"]
        assert reported["audio_call_ended_at"]


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
        (kept,) = (library / "recordings").glob("*.wav")
        with GrowingAudio(kept) as audio:
            assert not audio.is_over()
            kept_s = audio.frames() / RATE_HZ
        assert spoken_s - 1.0 < kept_s < spoken_s + 0.1
        with running_service(options) as service:
            (reported,) = await incidents(service)
            assert (reported["id"], reported["is_audio_live"]) == (incident_id, False)
            assert reported["audio_call_ended_at"]
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


async def test_the_sound_servers_own_recorder_is_followed(tmp_path: Path, sink: Sink) -> None:
    watched, library, sound = (tmp_path / name for name in ("watched", "library", "speech.wav"))
    watched.mkdir()
    soundfile.write(sound, sweep("caller", 20.0), RATE_HZ, subtype="PCM_16")
    environment = os.environ | sink.environment
    options = (
        f"(), port=0, library=Path({str(library)!r}),"
        f" live_sources=LiveSources(watched=Path({str(watched)!r}))"
    )
    with running_service(options) as service:
        speaker = await asyncio.create_subprocess_exec(
            "paplay", f"--device={sink.name}", sound, env=environment
        )
        recorder = await asyncio.create_subprocess_exec(
            *("parec", f"--device={sink.name}.monitor", "--latency-msec=20", "--channels=1"),
            *("--rate=44100", "--file-format=wav", watched / "line1.wav"),
            env=environment,
        )
        incident_id = await live_incident(service)
        token, url = await open_incident(service, incident_id)
        async with listening(token, url) as listener:
            await until(lambda: "call" in listener.frames)
            await hears(listener, "call", 0.3, 7.0)
            recorder.terminate()
            over = await last_status(listener, lambda status: status.call_over)
        await recorder.wait()
        speaker.terminate()
        await speaker.wait()
        reported = await incident(service, incident_id)
        assert not reported["is_audio_live"]
    recorded = soundfile.info(watched / "line1.wav")
    assert recorded.samplerate == 44_100
    assert over.duration == pytest.approx(1000 * recorded.duration, abs=2)


async def test_the_command_line_takes_all_sources_at_once(tmp_path: Path) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    soundfile.write(tmp_path / "call.wav", sweep("caller", 1.0), RATE_HZ)
    flags = (
        *("--port=0", f"--library={tmp_path / 'library'}", "--live-stdin=mulaw:8000:1"),
        *(f"--live-file={tmp_path / 'call.wav'}", f"--watch={watched}", "--ingest"),
        "--end-after=0.5",
    )
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callplayer", "serve", *flags),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | CREDENTIALS,
    )
    assert service.stdin is not None
    assert service.stdout is not None
    try:
        api_url = json.loads(await service.stdout.readline())["api_url"]
        service.stdin.write(b"\x55" * 8000)
        soundfile.write(watched / "line1.wav", sweep("caller", 0.5), RATE_HZ)
        async with client_of(api_url) as client:

            async def calls(live: str) -> int:
                answer = await client.get(f"/v1/incident_events?is_audio_live={live}")
                return len(answer.json()["data"])

            assert (await client.post("/ingest/calls")).status_code == 201
            async with asyncio.timeout(20):
                while await calls("false") < 2:
                    await asyncio.sleep(0.1)
                assert await calls("true") == 1
                service.stdin.close()
                while await calls("true"):
                    await asyncio.sleep(0.1)
            assert await calls("false") == 3
    finally:
        service.terminate()
        assert await service.wait() == 0
