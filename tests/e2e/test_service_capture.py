"""Sound gets into a track both ways: past the SDK's own, and by it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from callplayer.service.bots import track_output
from callplayer.service.bots.track_output import Outlet
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import own_server
from callplayer.service.livekit.tokens import RoomTokens
from tests.e2e.service_fixtures import TONE_HZ, Listener, steady_db, tone_bot

pytestmark = pytest.mark.measures

RATE_HZ = 48_000


@pytest.mark.parametrize("way", [track_output.direct_outlet, track_output.sdk_outlet])
async def test_frames_are_heard_in_their_order(
    way: Callable[[rtc.AudioSource], Outlet], tmp_path: Path
) -> None:
    async with own_server(ensure_binary(print), tmp_path / "livekit.log") as server:
        rooms = server.room_server
        tokens = RoomTokens(rooms.api_key, rooms.api_secret)
        async with tone_bot(rooms, way) as (_, send):
            listener = Listener()
            await listener.room.connect(rooms.url, tokens.for_listener("room", "listener"))
            sound = await listener.hear("call", 0.3, settle_s=1.0)
            await listener.close()
        send(np.zeros(480, np.int16))  # after the end: nothing happens
        await asyncio.sleep(0.05)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * RATE_HZ / len(sound) == pytest.approx(TONE_HZ, abs=10)
    assert steady_db(sound) == pytest.approx(-15, abs=2)


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
