"""A stereo track of a browser: its channels are the parties if they differ, else one full sound."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from livekit import api, rtc

from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.portaudio import SimulatedOutput
from callplayer.engine.room.audio_frames import CHANNELS, RATE_HZ
from callplayer.engine.room.room import Room
from callplayer.vendor.parties import BOTH, TrackNames
from callplayer.vendor.status import StatusUpdate
from tests.rig.browser import start_browser
from tests.rig.livekit import LiveKit
from tests.rig.signals import tone_db

PUBLISHED_WITHIN_S = 60.0
TONE_DB = 20 * np.log10(0.25)
LEFT_HZ, RIGHT_HZ = 700.0, 1900.0


class Listener:
    """Has what a room brings played, and keeps it."""

    def __init__(self) -> None:
        self.channels = ChannelBank(RATE_HZ)
        self.frames: list[npt.NDArray[np.int16]] = []

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        self.frames.append(pcm.copy())
        self.channels.push(track_id, pcm)

    def on_track(self, track_id: str, names: TrackNames) -> None:
        self.channels.add(track_id, names)

    def on_track_gone(self, track_id: str) -> None:
        self.channels.remove(track_id)

    def on_senders_left(self) -> None: ...

    def on_statuses(self, updates: Sequence[StatusUpdate]) -> None: ...

    def on_link(self, up: bool) -> None: ...

    def on_closed(self, reason: str) -> None: ...

    async def hear(self, for_s: float = 1.0) -> npt.NDArray[np.float32]:
        """Return what comes from now on: of shape (frames, channels)."""
        self.frames.clear()
        await asyncio.sleep(for_s)
        sound = np.concatenate([each.reshape(len(each), -1) for each in self.frames])
        return (sound / 32_768).astype(np.float32)


@pytest.fixture
async def livekit(tmp_path: Path) -> AsyncIterator[LiveKit]:
    server = await asyncio.to_thread(LiveKit, tmp_path)
    yield server
    server.kill()


@contextlib.asynccontextmanager
async def listening(livekit: LiveKit) -> AsyncIterator[Listener]:
    listener, mixer = Listener(), Mixer(RATE_HZ)
    device = SimulatedOutput(mixer, name="no audio")
    listener.channels.connect(mixer)
    listener.channels.set_gate(True)
    room = Room(listener)
    await room.connect(livekit.url, token(livekit, "listener"))
    try:
        yield listener
    finally:
        await room.close()
        device.stop()


def token(livekit: LiveKit, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room_create=True, room="stereo")
    made = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity(identity)
    return made.with_grants(grants).to_jwt()


async def until_sound(listener: Listener) -> None:
    async with asyncio.timeout(20.0):
        while not any(np.abs(each).max(initial=0) > 2000 for each in listener.frames):
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


@pytest.mark.parametrize("hz", [(LEFT_HZ, RIGHT_HZ), (LEFT_HZ, LEFT_HZ)])
async def test_a_browsers_stereo_track(
    tmp_path: Path, livekit: LiveKit, hz: tuple[float, float]
) -> None:
    async with listening(livekit) as listener:
        browser = await start_browser("stereo_publisher.mjs", tmp_path)
        assert browser.stdin is not None
        assert browser.stdout is not None
        asked = {"url": livekit.url, "token": token(livekit, "bot"), "hz": hz}
        browser.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(PUBLISHED_WITHIN_S):
            assert json.loads(await browser.stdout.readline()) == {"published": True}
        await until_sound(listener)
        sound = await listener.hear()
        layout = listener.channels.layout
        listener.channels.levels(0.0)
        await asyncio.sleep(0.3)
        levels = {lane: level.peak_db for lane, level in listener.channels.levels(1.0).items()}
        browser.stdin.close()
        assert await asyncio.wait_for(browser.wait(), 20) == 0
    assert sound.shape[1] == CHANNELS
    for channel, each_hz in enumerate(hz):
        assert tone_db(sound[:, channel], each_hz) == pytest.approx(TONE_DB, abs=1.0)
    if hz[0] == hz[1]:
        assert levels == {"call": pytest.approx(TONE_DB, abs=1.0)}  # none of 6 dB is lost
    else:
        both = pytest.approx(TONE_DB, abs=1.0)
        assert levels == {"caller": both, "callTaker": both}
        assert tone_db(sound[:, 1], LEFT_HZ) < TONE_DB - 40
        assert layout.seen == BOTH


async def test_a_stereo_source_of_the_python_sdk_comes_mixed_down(livekit: LiveKit) -> None:
    """What docs/vendor.md says: at the publisher both channels become their mean."""
    async with listening(livekit) as listener:
        publisher = rtc.Room()
        await publisher.connect(livekit.url, token(livekit, "bot"))
        source = rtc.AudioSource(RATE_HZ, 2, queue_size_ms=200)
        track = rtc.LocalAudioTrack.create_audio_track("call", source)
        await publisher.local_participant.publish_track(
            track, rtc.TrackPublishOptions(dtx=False, red=False)
        )
        feeding = asyncio.create_task(feed(source))
        await until_sound(listener)
        sound = await listener.hear()
        carries = dict(listener.channels.layout.carries)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await source.aclose()
        await publisher.disconnect()
    for each_hz in (LEFT_HZ, RIGHT_HZ):
        assert tone_db(sound[:, 0], each_hz) == pytest.approx(TONE_DB - 6, abs=1.0)
        assert tone_db(sound[:, -1], each_hz) == pytest.approx(TONE_DB - 6, abs=1.0)
    assert set(carries.values()) == {BOTH}


async def feed(source: rtc.AudioSource) -> None:
    at = 0
    while True:
        t = (np.arange(480) + at) / RATE_HZ
        at += 480
        sides = [0.25 * 32_767 * np.sin(2 * np.pi * hz * t) for hz in (LEFT_HZ, RIGHT_HZ)]
        frame = np.stack(sides, axis=1).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE_HZ, 2, 480))
