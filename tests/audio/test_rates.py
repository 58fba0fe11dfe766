"""A device that does not take 48 kHz: the call keeps its pitch and its pace at the device's rate.

The sound server takes every rate, so which one the device "likes" is made up; the stream is opened
at it for real, and what comes out is measured. At 44.1 kHz the server runs dry at first with the
latency asked for first, and is given more time, as the engine does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from callplayer.engine.audio.dll import MAX_DRIFT
from tests.rig.pulse import RATE_HZ, Sink
from tests.rig.signals import tone_db

pytestmark = pytest.mark.measures

TONE_HZ = 1000.0
PLAY_S = 2.0

PLAY = """
import asyncio, sys, time
import numpy as np
from callplayer.engine.devices import listing as devices
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.vendor.parties import TrackNames
rate_hz, tone_hz, play_s = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
devices.usable_rate_hz = lambda device: rate_hz

async def play():
    sound = AudioPipeline(48_000)
    sound.channels.add("track", TrackNames("caller"))
    await sound.open("")
    assert sound.output.mixer.rate_hz == rate_hz
    sound.channels.set_gate(True)
    frame, due_s = np.arange(480), time.monotonic()
    for turn in range(round(play_s * 100)):
        tone = 8000 * np.sin(2 * np.pi * tone_hz * (frame + 480 * turn) / 48_000)
        sound.channels.push("track", tone.astype(np.int16))
        if turn == 50 and sound.wants_other_latency(time.monotonic(), unheard=False):
            await sound.close()
            await sound.open("")
            sound.channels.set_gate(True)
        due_s += 0.01
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    await sound.close()

asyncio.run(play())
"""


@pytest.mark.parametrize("rate_hz", [44_100, 16_000])
def test_the_pitch_is_right_at_a_rate_that_is_not_48_khz(rate_hz: int, sink: Sink) -> None:
    started_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-P", "-c", PLAY, str(rate_hz), str(TONE_HZ), str(PLAY_S)],
        env=os.environ | sink.environment,
        check=True,
        timeout=20,
    )
    sound = sink.heard(started_s, time.monotonic())
    loud = np.flatnonzero(np.abs(sound) > 0.05)
    assert (loud[-1] - loud[0]) / RATE_HZ == pytest.approx(PLAY_S, abs=0.3)
    middle = sound[loud[-1] - RATE_HZ : loud[-1] - RATE_HZ // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    heard_hz = np.argmax(spectrum) * RATE_HZ / len(middle)
    assert heard_hz == pytest.approx(TONE_HZ, abs=MAX_DRIFT * TONE_HZ + RATE_HZ / len(middle))
    assert tone_db(middle, TONE_HZ) == pytest.approx(20 * np.log10(8000 / 32768), abs=0.5)
    wrong_hz = TONE_HZ * rate_hz / RATE_HZ
    assert tone_db(middle, wrong_hz) < -40
