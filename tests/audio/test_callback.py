"""What the audio thread must not do: make arrays, wait for a lock, write a log."""

from __future__ import annotations

import logging
import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from callplayer.engine.audio import channel_bank
from callplayer.engine.audio import mixer as mixers
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.mixer import Mixer
from callplayer.vendor.parties import TrackNames
from tests.audio.sound_lab import RATE_HZ, Frame, tone

BLOCK_FRAMES = 1920
BLOCK_BYTES = BLOCK_FRAMES * 4
FRAME = 480

QUIET, LOUD = tone(440.0, 0.2), tone(440.0, 0.9)


class Line:
    """Two tracks and a card that asks for BLOCK_FRAMES at a time; it stands for `time`, too."""

    def __init__(self) -> None:
        self._now_s = 100.0
        self.channels, self.mixer = ChannelBank(RATE_HZ), Mixer(RATE_HZ)
        self.channels.connect(self.mixer)
        for track_id in ("a", "b"):
            self.channels.add(track_id, TrackNames("caller"))
        self.channels.set_gate(True)
        self.out = np.zeros((BLOCK_FRAMES, 2), dtype=np.float32)
        self._sent = 0

    def monotonic(self) -> float:
        return self._now_s

    def come(self, seconds: float, source: Frame = QUIET) -> None:
        for _ in range(round(seconds * 100)):
            for track_id in ("a", "b"):
                self.channels.push(track_id, source(self._sent, FRAME))
            self._sent += FRAME
            self._now_s += 0.01

    def blocks(self, count: int, source: Frame | None = QUIET) -> Iterator[None]:
        """Have so many blocks asked for, frames coming as they are due, or (None) none."""
        for _ in range(count):
            if source is not None:
                self.come(BLOCK_FRAMES / RATE_HZ, source)
            self.mixer.render(self.out)
            yield

    def hard_times(self) -> Iterator[str]:
        """Meet all that a block can meet, a block at a time."""
        for what, count, source in (
            ("plays", 3, QUIET),
            ("too loud", 3, LOUD),
            ("runs dry", 3, None),
            ("fills up", 4, QUIET),
        ):
            for _ in self.blocks(count, source):
                yield what
        self.channels.set_silenced(["caller"])
        for _ in self.blocks(2):
            yield "mutes"
        self.channels.set_silenced([])
        for _ in self.blocks(2):
            yield "plays again"
        self.channels.set_gate(False)
        for _ in self.blocks(2):
            yield "closes"
        self.channels.set_gate(True)
        for _ in self.blocks(4):
            yield "opens"
        self.come(0.5)
        for _ in self.blocks(3):
            yield "is late"
        self.channels.remove("b")
        for _ in self.blocks(2):
            yield "loses a track"


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(channel_bank, "time", line)
    monkeypatch.setattr(mixers, "time", line)
    line.come(0.06)
    return line


def test_the_hard_times_are_hard(line: Line) -> None:
    loudest: dict[str, float] = {}
    for what in line.hard_times():
        loudest[what] = max(loudest.get(what, 0.0), float(np.abs(line.out).max()))
    assert loudest["too loud"] > 0.9
    assert all(loudest[what] > 0.3 for what in ("plays", "fills up", "plays again", "opens"))
    assert line.channels.underruns == 2
    assert line.channels.trimmed_frames > 0


def test_a_block_makes_no_arrays(line: Line) -> None:
    most_bytes: dict[str, int] = {}
    render = line.mixer.render

    def measured(out: np.ndarray) -> None:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        render(out)
        made = tracemalloc.get_traced_memory()[1] - before
        most_bytes[str(len(most_bytes))] = made

    line.mixer.render = measured  # type: ignore[method-assign]
    for _ in line.hard_times():  # what is made once for all
        pass
    line.channels.add("b", TrackNames("caller"))
    most_bytes.clear()
    tracemalloc.start()
    try:
        for _ in line.hard_times():
            pass
        made = np.zeros(BLOCK_FRAMES, dtype=np.float32)
        assert tracemalloc.get_traced_memory()[0] > made.nbytes, "arrays are seen"
    finally:
        tracemalloc.stop()
    assert len(most_bytes) > 20
    assert max(most_bytes.values()) < BLOCK_BYTES / 2


def test_a_block_waits_for_no_lock(line: Line) -> None:
    with line.channels.lock:
        thread = threading.Thread(target=line.mixer.render, args=(line.out,))
        thread.start()
        thread.join(5.0)
        assert not thread.is_alive()
    assert line.out.any()


def test_a_block_writes_no_log(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in line.hard_times():
            pass
    assert caplog.records == []
