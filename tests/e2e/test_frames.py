"""Frames come out of a track both ways: past the SDK's own queues, and by them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from callplayer.engine.room import audio_frames as frames_of_now
from callplayer.engine.room.audio_frames import CHANNELS, RATE_HZ, DirectFrames, SdkFrames
from callplayer.service.bots import track_output
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.tokens import RoomTokens
from tests.e2e.service_fixtures import TONE_HZ, tone_bot

pytestmark = pytest.mark.measures


@pytest.mark.parametrize("way", [DirectFrames, SdkFrames])
async def test_every_frame_comes_in_its_order_and_none_after_the_end(
    way: type[DirectFrames] | type[SdkFrames], tmp_path: Path
) -> None:
    async with own_server(ensure_binary(print), tmp_path / "livekit.log") as server:
        rooms = server.room_server
        tokens = RoomTokens(rooms.api_key, rooms.api_secret)
        async with tone_bot(rooms, track_output.outlet) as (bot, _):
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
    assert {frame.shape for frame in heard} == {(480, CHANNELS)}
    both = np.concatenate(heard[100:])
    assert np.array_equal(both[:, 0], both[:, 1])
    sound = both[:, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * RATE_HZ / len(sound) == pytest.approx(TONE_HZ, abs=10)
    # One tone and nothing else: no frame is missing, doubled or out of its order.
    spectrum[np.abs(np.arange(len(spectrum)) * RATE_HZ / len(sound) - TONE_HZ) < 30] = 0.0
    assert np.max(spectrum) < 0.02 * 8192 * len(sound) / 4
