"""The cursor over a real livekit-server: what is reported when, and heard from where, how loud."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from callplayer.recordings.facts import IncidentFacts
from callplayer.service.bots.process import Workers
from callplayer.service.bots.streams import Streams
from callplayer.service.library.library import Library
from callplayer.service.live_wav import LiveFile
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd, SetGain
from callplayer.vendor.status import Status
from tests.e2e.service_fixtures import (
    RATE_HZ,
    Listener,
    Service,
    heard_position_s,
    listening,
    open_stream,
    rms_db,
    running_service,
    steady_db,
    sweep,
    until,
    write_recordings,
)

pytestmark = pytest.mark.plays

STEP_S = 0.1
MOST_BEHIND_S = 0.5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("recordings")
    write_recordings(folder)
    with running_service(f"(Path({str(folder)!r}),), port=0") as running:
        yield running


async def test_status_comes_four_times_a_second_playing_and_once_paused(service: Service) -> None:
    async with listening(*await open_stream(service, "call.wav")) as listener:
        await listener.send(Resume())
        await until(lambda: not listener.statuses[-1].paused)
        assert 9 <= await statuses_in(listener, 3.0) <= 14
        await listener.send(Pause())
        await until(lambda: listener.statuses[-1].paused)
        assert 2 <= await statuses_in(listener, 3.0) <= 4


async def statuses_in(listener: Listener, duration_s: float) -> int:
    count = len(listener.statuses)
    await asyncio.sleep(duration_s)
    return len(listener.statuses) - count


async def test_every_command_is_answered_at_once(service: Service) -> None:
    async with listening(*await open_stream(service, "call.wav")) as listener:
        commands = [Resume(), Pause(), ScrubToEnd(), SetGain(gain=0.0, callerType="caller")]
        took_s = []
        for command in [Scrub(position=ms) for ms in (100, 9000, 5)] + commands:
            await listener.status()  # the next by the clock is 1 s off, or 250 ms
            asked_s = time.monotonic()
            await listener.status_after(command)
            took_s.append(time.monotonic() - asked_s)
        assert np.median(took_s) < 0.15


async def test_gains_end_at_the_documented_limits(service: Service) -> None:
    async with listening(*await open_stream(service, "call.wav")) as listener:
        await listener.send(Resume())
        before = steady_db(await listener.hear("callTaker", 0.2, settle_s=1.0))
        await listener.send(SetGain(gain=-300.0, callerType="callTaker"))
        assert steady_db(await listener.hear("callTaker", 0.2, settle_s=0.3)) - before == (
            pytest.approx(-40, abs=2)
        )


async def test_a_listener_can_publish_no_media(service: Service) -> None:
    token, url = await open_stream(service, "call.wav")
    async with listening(token, url) as listener:
        source = rtc.AudioSource(RATE_HZ, 1)
        track = rtc.LocalAudioTrack.create_audio_track("caller", source)
        with pytest.raises((rtc.participant.PublishTrackError, TimeoutError)):
            await asyncio.wait_for(listener.room.local_participant.publish_track(track), 3.0)
        assert not listener.room.local_participant.track_publications
        with contextlib.suppress(Exception):
            await listener.room.local_participant.set_name("replay")
        await asyncio.sleep(0.3)
        (bot,) = listener.room.remote_participants.values()
        assert bot.identity.startswith("replay-")
        assert listener.room.local_participant.name != "replay"
        await source.aclose()


class LiveSource:
    """A call that is written as it is spoken, in steps of 0.1 s."""

    def __init__(self, path: Path) -> None:
        self.file = LiveFile(path, 2)
        both = [sweep(party, 60.0) for party in ("caller", "callTaker")]
        self._sound = (np.stack(both, axis=1) * 32_767).astype(np.int16)
        self.began_s = time.monotonic()

    def duration_s(self) -> float:
        return time.monotonic() - self.began_s

    async def run(self) -> None:
        while True:
            wanted = int(self.duration_s() / STEP_S) * int(STEP_S * RATE_HZ)
            self.file.append(self._sound[self.file.frames : wanted])
            await asyncio.sleep(STEP_S / 4)


@contextlib.asynccontextmanager
async def live_call(folder: Path) -> AsyncIterator[tuple[Streams, Library, str, LiveSource]]:
    """A live call over a real livekit-server, and the streams of it."""
    async with own_server(ensure_binary(print), folder / "livekit.log") as server:
        rooms = server.room_server
        async with Workers(1) as workers, RoomServiceClient(rooms) as roster:
            with Library.open(None) as library:
                tokens = RoomTokens(rooms.api_key, rooms.api_secret)
                streams = Streams(library, workers, rooms, tokens, roster, claims=library.claims)
                source = LiveSource(folder / "live.wav")
                recording = library.begin_live(
                    IncidentFacts(), ("caller", "callTaker"), source.file.path, datetime.now(UTC)
                )
                writing = asyncio.create_task(source.run())
                try:
                    yield streams, library, recording.id, source
                finally:
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
                    await streams.close()


def follows(reported: Status, source: LiveSource) -> bool:
    """Whether the cursor is at the live end: less than 0.5 s behind the source."""
    behind_s = source.duration_s() - reported.position / 1000
    return reported.at_end and not reported.call_over and behind_s < MOST_BEHIND_S


async def test_a_call_that_is_being_written_is_followed_and_left_and_returned_to(
    tmp_path: Path,
) -> None:
    async with live_call(tmp_path) as (streams, library, incident, source):
        await asyncio.sleep(1.0)
        waiting = await streams.open(library.get(incident), autoplay=False)
        following = await streams.open(library.get(incident), autoplay=True)
        async with (
            listening(waiting.token, waiting.url) as starter,
            listening(following.token, following.url) as follower,
        ):
            first = starter.statuses[0]
            assert (first.position, first.paused, first.call_over) == (0, True, False)
            await until(lambda: follows(follower.statuses[-1], source))
            assert rms_db(await follower.hear("caller", 0.2, settle_s=0.5)) > -20

            await follower.send(Scrub(position=500))
            await until(lambda: 500 <= follower.statuses[-1].position < 1500)
            assert not follower.statuses[-1].at_end
            assert follower.statuses[-1].duration > 1500
            sound = await follower.hear("caller", 0.1, settle_s=0.3)
            assert heard_position_s(sound, "caller") < source.duration_s() - 0.8

            await follower.send(ScrubToEnd())
            await until(lambda: follows(follower.statuses[-1], source))
            sound = await follower.hear("caller", 1.0, settle_s=0.3)
            silent = [rms_db(part) < -40 for part in sound.reshape(-1, RATE_HZ // 100)]
            assert np.mean(silent) < 0.3  # a busy machine may hold things up, once

            source.file.finish()
            library.end_live(incident, source.file.duration_s, datetime.now(UTC))
            duration_ms = round(source.file.duration_s * 1000)
            await until(lambda: follower.statuses[-1].call_over)
            await until(lambda: follower.statuses[-1].position == duration_ms)
            assert follower.statuses[-1].at_end
            assert follower.room.isconnected()
            reported = await follower.status_after(Scrub(position=0))
            assert (reported.position, reported.duration, reported.call_over) == (
                0,
                duration_ms,
                True,
            )
            assert rms_db(await follower.hear("caller", 0.2, settle_s=0.3)) > -20
            assert starter.statuses[-1].position == 0


async def test_a_live_call_that_has_ended_is_served_as_a_recording(tmp_path: Path) -> None:
    async with live_call(tmp_path) as (streams, library, incident, source):
        await until(lambda: source.file.frames > RATE_HZ)
        source.file.finish()
        library.end_live(incident, source.file.duration_s, datetime.now(UTC))
        grant = await streams.open(library.get(incident), autoplay=True)
        async with listening(grant.token, grant.url) as listener:
            reported = listener.statuses[0]
            assert (reported.position, reported.paused, reported.call_over) == (0, True, True)
            assert reported.duration == round(source.file.duration_s * 1000)
