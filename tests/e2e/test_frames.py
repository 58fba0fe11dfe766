"""Frames go into a track and come out of it both ways: past the SDK's own queues, and by them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from callplayer.engine.room import audio_frames as frames_of_now
from callplayer.engine.room.audio_frames import CHANNELS, RATE_HZ, DirectFrames, SdkFrames
from callplayer.service.bots.track_output import Outlet, direct_outlet, sdk_outlet
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.tokens import RoomTokens
from tests.e2e.service_fixtures import TONE_HZ, steady_db, tone_bot


@pytest.mark.records
@pytest.mark.parametrize(
    ("way_in", "way"), [(direct_outlet, DirectFrames), (sdk_outlet, SdkFrames)]
)
async def test_every_frame_comes_in_its_order_and_none_after_the_end(
    way_in: Callable[[rtc.AudioSource], Outlet],
    way: type[DirectFrames] | type[SdkFrames],
    tmp_path: Path,
) -> None:
    async with own_server(ensure_binary(print), tmp_path / "livekit.log") as server:
        rooms = server.room_server
        tokens = RoomTokens(rooms.api_key, rooms.api_secret)
        async with tone_bot(rooms, way_in) as (bot, send):
            listener, came = rtc.Room(), asyncio.Queue[rtc.RemoteAudioTrack]()
            listener.on("track_subscribed", lambda remote, *_: came.put_nowait(remote))
            await listener.connect(rooms.url, tokens.for_listener("room", "listener"))
            heard: list[np.ndarray] = []
            track = await asyncio.wait_for(came.get(), 10.0)
            frames = way(track, lambda pcm: heard.append(pcm.copy()))
            async with asyncio.timeout(10.0):
                while len(heard) < 150:
                    await asyncio.sleep(0.05)
            await frames.close()
            after = len(heard)
            # The SDK's own events come as before.
            reported = asyncio.Event()
            listener.on("data_received", lambda _: reported.set())
            await bot.local_participant.publish_data(b"{}", reliable=True)
            await asyncio.wait_for(reported.wait(), 5.0)
            await asyncio.sleep(0.1)
            assert len(heard) <= after + 1
            assert frames_of_now.takers == {}, "the end of a stream was not reported"
            await listener.disconnect()
        send(np.zeros(480, np.int16))  # after the end: nothing happens
        await asyncio.sleep(0.05)
    assert {frame.shape for frame in heard} == {(480, CHANNELS)}
    both = np.concatenate(heard[100:])
    assert np.array_equal(both[:, 0], both[:, 1])
    assert steady_db(both[:, 0]) == pytest.approx(-15, abs=2)
    sound = both[:, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * RATE_HZ / len(sound) == pytest.approx(TONE_HZ, abs=10)
    # One tone and nothing else: no frame is missing, doubled or out of its order.
    spectrum[np.abs(np.arange(len(spectrum)) * RATE_HZ / len(sound) - TONE_HZ) < 30] = 0.0
    assert np.max(spectrum) < 0.02 * 8192 * len(sound) / 4


NEEDS = """
import asyncio
from livekit import rtc
from callplayer.service.bots import track_output as capture

async def main():
    assert capture.keep_answers_out()
    assert capture.direct_outlet(rtc.AudioSource(48_000, 1, queue_size_ms=0))

asyncio.run(main())
"""


def test_what_the_fast_way_needs_of_the_sdk_is_there() -> None:
    """A new SDK that has changed it would make every bot cost twice as much, unnoticed."""
    # In a process of its own: from then on no answer comes to who captures the SDK's way.
    subprocess.run([sys.executable, "-P", "-c", NEEDS], check=True, timeout=60)
