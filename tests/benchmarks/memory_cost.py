"""What the memory itself costs while a call is heard at 1×, in simulated time.

An engine's CPU differs from pass to pass by more than this. Here nothing sleeps and no other
thread runs: frames, blocks, ticks, states and looks come as they do in a call of two parties, with
the memory and without.
"""

from __future__ import annotations

import time
from unittest.mock import patch

import msgspec
import numpy as np

from callplayer.config import Settings
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import RATE_HZ, ReceivePath
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall.recall import Recall
from callplayer.engine.session.reporter import Reporter
from callplayer.vendor.parties import PARTIES, TrackNames
from callplayer.vendor.status import Status

SECONDS = 30
PASSES = 3
FRAME = RATE_HZ // 100
CALL_MS = 600_000


def measure() -> tuple[float, float]:
    """Return the CPU, in ms for each second of a call, without the memory and with it."""
    passes = [(_ms_a_second(remembers=False), _ms_a_second(remembers=True)) for _ in range(PASSES)]
    without, remembering = np.array(passes).min(axis=0)
    return float(without), float(remembering)


def _ms_a_second(*, remembers: bool) -> float:
    now_s = 100.0
    with patch.object(time, "monotonic", lambda: now_s):
        call, sound, path = PlaybackState(), AudioPipeline(RATE_HZ, no_audio=True), ReceivePath()
        encoder, mixer = msgspec.json.Encoder(), Mixer(RATE_HZ)
        reporter = Reporter(encoder.encode, call, sound, path)
        recall = Recall(
            call,
            sound,
            path,
            reporter,
            Settings(),
            obey=lambda request: None,
            send=lambda commands: None,
            excerpt=lambda start_ms, end_ms: None,
        )
        sound.channels.connect(mixer)
        call.opened = True
        for party in PARTIES:
            sound.channels.add(party, TrackNames(party))
        if remembers:
            reporter.recall = recall
            recall.recorder.take_tracks()
        else:
            sound.channels.record = lambda part, pcm: None
        sound.channels.set_gate(True)
        noise = np.random.default_rng(7).normal(size=(7, FRAME, 1)) * 3_000
        frames = np.repeat(noise.astype(np.int16), 2, axis=2)
        out = np.zeros((FRAME, 2), np.float32)
        began_s = time.thread_time()
        for number in range(SECONDS * 100):
            if number % 100 == 0:
                call.take_status(Status(number * 10, CALL_MS, False, False, True), now_s, Delays())
                if remembers:
                    recall.recorder.take_losses(now_s)
            now_s += 0.01
            for lane, party in enumerate(PARTIES):
                sound.channels.push(party, frames[(number + lane) % len(frames)])
            mixer.render(out)
            if number % 5 == 0:
                if remembers:
                    recall.take_gains()
                    recall.tick(now_s)
                reporter.levels()
            if number % 25 == 0:
                reporter.state()
        return 1000 * (time.thread_time() - began_s) / SECONDS


def report(measured: tuple[float, float]) -> None:
    """Print the row."""
    without, remembering = measured
    print(
        f"the engine's own work at 1×: {without:.1f} ms of CPU a second without the memory,"
        f" {remembering - without:+.1f} ms with it"
    )
