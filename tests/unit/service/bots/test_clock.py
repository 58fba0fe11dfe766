"""The clock of all bots, how late they are, and the pipe to the processes they are in."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from callplayer.playback.cursor import BLOCK_S
from callplayer.service.bots import clock
from callplayer.service.bots.clock import Pump
from callplayer.service.bots.growing_sound import (
    LEAST_EDGE_FRAMES,
    MOST_EDGE_FRAMES,
    GrowingSound,
    edge_frames,
)
from callplayer.service.bots.lateness import STEPS, Lateness
from callplayer.service.bots.process import default_workers
from callplayer.service.bots.protocol import (
    Extend,
    Extended,
    Open,
    Pipe,
    Report,
    news_decoder,
    order_decoder,
)
from callplayer.service.bots.stats import WorkerStats, late_ms, stats_of
from callplayer.service.live_wav import LiveFile

FRAME = np.zeros(480, dtype=np.int16)


class Counting:
    """A bot that counts what it is asked for."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.due_s: list[float] = []
        self.sent = 0
        self.lost_s: list[float] = []
        self.error: Exception | None = None
        self._fails_at = fails_at

    def sound(self, due_s: float, *, missed: bool):
        if len(self.due_s) == self._fails_at:
            raise OSError("no sound any more")
        self.due_s.append(due_s)
        return [(self._send, FRAME)] * 4

    def lose(self, now_s: float) -> None:
        self.lost_s.append(now_s)
        if self._fails_at == 0:
            raise OSError("no sound any more")

    def fail(self, error: Exception) -> None:
        self.error = error

    def _send(self, _frame: object) -> None:
        self.sent += 1


async def test_every_bot_sends_on_one_absolute_schedule_and_a_broken_one_alone_is_dropped() -> None:
    pump, good, bad = Pump(), Counting(), Counting(fails_at=3)
    pump.add(good)
    pump.add(bad)
    pump.add(good)
    running = asyncio.create_task(pump.run())
    began_s = time.monotonic()
    while len(good.due_s) < 15:
        assert time.monotonic() - began_s < 10
        await asyncio.sleep(0.01)
    pump.remove(good)
    count = len(good.due_s)
    await asyncio.sleep(0.1)
    assert len(good.due_s) == count
    assert good.sent == 4 * count
    assert good.error is None
    if not good.lost_s:  # it starts anew where a machine stood still
        assert np.allclose(np.diff(good.due_s), BLOCK_S)
    assert isinstance(bad.error, OSError)
    assert len(bad.due_s) == 3
    assert pump.lateness.frames == 2 * (count + 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_sound_that_is_gone_after_a_stall_costs_its_own_bot_only(monkeypatch) -> None:
    monkeypatch.setattr(clock, "MOST_BEHIND_S", 0.05)
    pump, good, bad = Pump(), Counting(), Counting()
    pump.add(bad)
    pump.add(good)
    running = asyncio.create_task(pump.run())
    while not good.due_s:
        await asyncio.sleep(0.01)
    bad._fails_at = 0
    time.sleep(0.1)  # noqa: ASYNC251 - the stall
    count = len(good.due_s)
    while len(good.due_s) < count + 5:
        assert not running.done()
        await asyncio.sleep(0.01)
    assert good.lost_s
    assert isinstance(bad.error, OSError)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_lateness_is_counted_by_half_ms_and_20_ms_is_late() -> None:
    lateness = Lateness()
    for late_s, frames in ((0.0, 900), (0.0101, 98), (0.021, 1), (9.0, 1)):
        lateness.note(late_s, frames)
    lateness.note_lost(30)
    assert (lateness.frames, lateness.late, lateness.lost) == (1000, 32, 30)
    assert (lateness.counts[0], lateness.counts[20], lateness.counts[STEPS - 1]) == (900, 98, 1)
    assert late_ms(lateness.counts, 0.5) == 0.5
    assert late_ms(lateness.counts, 0.99) == 10.5
    assert late_ms(lateness.counts, 0.999) == 21.5


def test_reports_of_workers_are_added_up_with_those_of_dead_ones() -> None:
    reported = [
        Report(frames=10, late=2, lost=1, lateness=(8, 2), commands={"pause": 1}),
        Report(frames=5, lateness=(5,), commands={"pause": 2, "scrub": 1}),
    ]
    stats = stats_of((WorkerStats(7, 3, reported[1]),), [reported[0]])
    assert (stats.streams, stats.workers_died) == (3, 1)
    assert (stats.blocks, stats.late_blocks, stats.lost_blocks) == (15, 2, 1)
    assert stats.lateness == (13, 2)
    assert stats.commands == {"pause": 3, "scrub": 1}


@pytest.mark.parametrize(("cpus", "most"), [(1, 2), (2, 2), (8, 4), (64, 8)])
def test_workers_follow_the_machine(cpus: int, most: int) -> None:
    assert default_workers(cpus) == most


def test_the_live_end_is_as_far_back_as_the_source_makes_needed() -> None:
    assert edge_frames(deque()) == LEAST_EDGE_FRAMES
    assert edge_frames(deque([4800] * 16)) == LEAST_EDGE_FRAMES
    assert edge_frames(deque([12_000] * 16)) == 16_800
    assert edge_frames(deque([4800] * 15 + [96_000])) == LEAST_EDGE_FRAMES  # one stall
    assert edge_frames(deque([480_000] * 16)) == MOST_EDGE_FRAMES


def test_a_growing_sound_is_read_while_it_is_written_and_ends_once(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.wav", 2)
    sound = GrowingSound(file.path)
    assert sound.at(0.0).duration_frames == 0
    samples = np.arange(9600, dtype=np.int16).reshape(-1, 2)
    file.append(samples)
    now = sound.at(0.0)
    assert (now.duration_frames, now.is_over, now.newest_frames) == (4800, False, 0)
    assert np.array_equal(sound.read(100, 480), samples[100:580])
    file.append(samples)
    file.finish()
    assert sound.at(0.0).is_over
    assert sound.at(0.0).newest_frames == 9600
    assert len(sound.read(9500, 480)) == 100
    sound.close()


@pytest.fixture
def pipes():
    ends = [Pipe(end) for end in socket.socketpair()]
    yield ends
    for end in ends:
        end.close()


async def test_messages_and_files_arrive_in_their_order(pipes, tmp_path: Path) -> None:
    ours, theirs = pipes
    for name in "ab":
        (tmp_path / name).write_text(name)
        fd = os.open(tmp_path / name, os.O_RDONLY)
        await ours.send(Extend(name), (fd,))
        os.close(fd)
    long = asyncio.create_task(ours.send(Extend("x" * 500_000)))  # more than a socket holds
    for name in "ab":
        assert await theirs.receive(order_decoder) == Extend(name)
    assert await theirs.receive(order_decoder) == Extend("x" * 500_000)
    await long
    for name in "ab":
        fd = theirs.take_file()
        assert os.read(fd, 9) == name.encode()
        os.close(fd)
    waiting = asyncio.create_task(ours.receive(news_decoder))
    await asyncio.sleep(0.01)
    await theirs.send(Extended("a", here=True))
    assert await waiting == Extended("a", here=True)
    theirs.finish()
    assert await ours.receive(news_decoder) is None


async def test_what_is_no_message_is_refused(pipes) -> None:
    ours, theirs = pipes
    await ours.send(Extended("a", here=True))
    with pytest.raises(ValueError, match="kept"):
        await theirs.receive(order_decoder)


def test_a_token_is_in_no_repr() -> None:
    order = Open("a", "ws://x", "l", "SECRET", ("call",), None, autoplay=True, idle_s=1.0)
    assert "SECRET" not in repr(order)
