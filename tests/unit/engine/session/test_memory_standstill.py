"""The memory while the device stands still, and after this process did."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from callplayer.config import Settings
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.portaudio import SimulatedOutput
from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.recall import recorder
from callplayer.engine.session.recall.recall import Recall
from callplayer.engine.session.recall.recorder import Recorder
from callplayer.engine.session.reporter import Reporter
from callplayer.engine.session.source import LocalPath
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Pause
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import Status

FRAME = np.ones(480, np.int16)
BEGAN_S = 100.0


class Recorded:
    """A call that plays from 30 s on, recorded by a clock that the test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = BEGAN_S
        clock = SimpleNamespace(monotonic=lambda: self.now_s)
        monkeypatch.setattr(recorder, "time", clock)
        call, self.channels, self.memory = PlaybackState(), ChannelBank(48_000), CallMemory()
        call.opened = True
        reported = Status(30_000, 90_000, paused=False, at_end=False, call_over=True)
        call.take_status(reported, self.now_s, Delays())
        self.recorder = Recorder(call, self.channels, LocalPath(), self.memory)
        self.channels.connect(Mixer(48_000))
        self.channels.add("track", TrackNames())
        self.recorder.take_tracks()
        self.channels.set_gate(True)

    def take(self, frames: int) -> None:
        for _ in range(frames):
            self.now_s += 0.01
            self.channels.push("track", FRAME)


@pytest.mark.parametrize("frames", [8, 18, 35])
def test_what_had_queued_while_this_process_stood_still_is_not_stored_at_the_clocks_place(
    monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    recorded = Recorded(monkeypatch)
    recorded.take(frames)
    recorded.now_s += 20.0
    recorded.take(frames)  # of before: the gate is not shut yet
    ((start_ms, end_ms),) = recorded.memory.ranges_ms()
    assert (start_ms, end_ms) == pytest.approx((30_000, 30_000 + 10 * frames), abs=10)

    recorded.recorder.take_turn(recorded.now_s)  # the loop has turned, and found nothing amiss
    recorded.take(10)
    began_s = recorded.now_s - BEGAN_S - 0.1
    assert recorded.memory.ranges_ms()[-1] == pytest.approx(
        (30_000 + began_s * 1000, 30_100 + began_s * 1000), abs=10
    )


async def test_what_is_heard_from_memory_is_held_while_the_device_stands_still() -> None:
    """The server rests, paused: that nothing is heard is the device's fault all the same."""
    call, sound, reported = PlaybackState(), AudioPipeline(48_000), list[m.Event]()
    reporter = Reporter(reported.append, call, sound, LocalPath())
    recall = Recall(
        call, sound, LocalPath(), reporter, Settings(),
        obey=lambda _: None, send=lambda _: None, excerpt=lambda *_: None,
    )  # fmt: skip
    reporter.recall = recall
    mixer = Mixer(48_000)
    output = SimulatedOutput(mixer)
    sound.attach(output, mixer)
    call.opened = True
    now_s = time.monotonic()
    status = Status(30_000, 90_000, paused=False, at_end=False, call_over=True)
    call.take_status(status, now_s, Delays())
    sound.channels.add("track", TrackNames())
    recall.recorder.take_tracks()
    for lane in recall.recorder.names:
        for frame in range(300):
            recall.memory.append(lane, FRAME, 10_000 + 10 * frame)
    recall.memory.close()
    try:
        assert recall.take(m.SeekTo(10_500))
        states = []
        for sound.stands_still in (False, True, False):
            reporter.state()
            states.append(reported[-1])
        held = [(each.phase, each.held, each.advancing, each.paused) for each in states]
        assert held[1] == ("paused", True, False, False)
        assert held[0] == held[2] == ("playing", False, True, False)
        assert call.head.wants_paused(), "the server rests"
        sound.detach()
        reporter.state()
        assert (reported[-1].held, reported[-1].advancing) == (True, False)
        assert recall.take(Pause()), "what a person asks meanwhile counts"
        reporter.state()
        assert (reported[-1].paused, reported[-1].held) == (True, False)
    finally:
        await recall.close()
        output.stop()
