"""A sound card with a wrong clock: the lane's delay over hours, and what the resampler costs."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from unittest import mock

import numpy as np

from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.jitter_margin import FRAME_S
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.audio.resampler import resampler
from tests.audio.sound_lab import target_s
from tests.benchmarks.cost import resident_mb

RATE_HZ = 48_000
BLOCK_FRAMES = 240
JITTER_S = 0.002
SETTLE_S = 60.0
CARDS_PPM = (-300.0, -100.0, 0.0, 100.0, 300.0)
LOOK_FRAMES = 100
"""Delays are means of a second: a single look is off by the arrival's jitter."""

PEER_CHUNK_FRAMES = 4800
"""What the SDK's AudioMixer hands on at a time, and its OutputPlayer's block: 100 ms each."""


@dataclass(frozen=True)
class Drift:
    """One simulated card, from SETTLE_S on; times in ms.

    The delay is from a frame's coming in to its being played, resampler and device left out;
    `off_ms` is the farthest that it was from the lane's target, `spread_ms` from its own mean;
    `learned_ppm` is the mean. The memory is this process's: every frame of the call goes through,
    only the waiting is left out.
    """

    clock_ppm: float
    delay_mean_ms: float
    off_ms: float
    spread_ms: float
    underruns: int
    trimmed_frames: int
    learned_ppm: float
    memory_first_mb: float
    memory_last_mb: float
    took_s: float


@dataclass(frozen=True)
class PeerDrift:
    """The same card under the rule of the SDK's `MediaDevices.OutputPlayer`; times in ms."""

    clock_ppm: float
    delay_first_ms: float
    delay_last_ms: float
    dropouts: int
    lost_ms: float


@dataclass
class _Looks:
    """Collects delays, a mean of a second at a time."""

    delays_ms: list[float] = field(default_factory=list)
    offs_ms: list[float] = field(default_factory=list)
    learned_ppm: list[float] = field(default_factory=list)
    _window_ms: list[float] = field(default_factory=list)

    def take(self, delay_ms: float, target_ms: float, learned_ppm: float) -> bool:
        """Take one look; return whether a second is full."""
        self._window_ms.append(delay_ms)
        if len(self._window_ms) < LOOK_FRAMES:
            return False
        mean_ms = sum(self._window_ms) / LOOK_FRAMES
        self._window_ms.clear()
        self.delays_ms.append(mean_ms)
        self.offs_ms.append(mean_ms - target_ms)
        self.learned_ppm.append(learned_ppm)
        return True

    def forget(self) -> None:
        """Drop what was collected: the lane was settling."""
        for kept in (self.delays_ms, self.offs_ms, self.learned_ppm):
            kept.clear()


def measure(hours: float) -> tuple[list[Drift], list[PeerDrift]]:
    """Simulate cards that are 300 ppm slow to 300 ppm fast, for so many hours of call time.

    The cards are shared out among the machine's cores, a process each.
    """
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        drifts = pool.map(partial(simulate, duration_s=hours * 3600), CARDS_PPM)
        peers = pool.map(partial(simulate_peer, duration_s=hours * 3600), CARDS_PPM)
        return list(drifts), list(peers)


def simulate(clock_ppm: float, duration_s: float) -> Drift:
    began_s = time.monotonic()
    mixer, lane = Mixer(RATE_HZ), Channel(RATE_HZ, RATE_HZ, BLOCK_FRAMES)
    mixer.channels = (lane,)
    lane.open_gate()
    pcm = (8000 * np.sin(np.arange(480) * 2 * np.pi * 1000 / RATE_HZ)).astype(np.int16)
    out = np.zeros((BLOCK_FRAMES, 1), dtype=np.float32)
    block_s = BLOCK_FRAMES / RATE_HZ
    looks = _Looks()
    settling = (0, 0, 0.0)
    clock = SimpleNamespace(monotonic=lambda: now_s)
    now_s = read_s = 0.0

    def come(arrival_s: float) -> None:
        nonlocal settling
        lane.push(pcm, arrival_s)
        # Of the block taken last, what has not been played by now waits still.
        delay_s = lane.fill_s + block_s - (arrival_s - read_s)
        full = looks.take(
            delay_s * 1000, target_s(lane, BLOCK_FRAMES) * 1000, -lane.correction * 1e6
        )
        if full and arrival_s < SETTLE_S:
            looks.forget()
            settling = (lane.underruns, lane.trimmed_frames, resident_mb(os.getpid()))

    def play(due_s: float) -> None:
        nonlocal now_s, read_s
        now_s = read_s = due_s
        mixer.render(out)

    # The mixer reads the clock of the card's thread; here it is the simulation's.
    with mock.patch("callplayer.engine.audio.mixer.time", clock):
        _run(clock_ppm, duration_s, (FRAME_S, JITTER_S), BLOCK_FRAMES, come, play)
    delays_ms = np.array(looks.delays_ms)
    return Drift(
        clock_ppm=clock_ppm,
        delay_mean_ms=float(delays_ms.mean()),
        off_ms=float(np.abs(looks.offs_ms).max()),
        spread_ms=float(np.abs(delays_ms - delays_ms.mean()).max()),
        underruns=lane.underruns - settling[0],
        trimmed_frames=lane.trimmed_frames - settling[1],
        learned_ppm=float(np.mean(looks.learned_ppm)),
        memory_first_mb=settling[2],
        memory_last_mb=resident_mb(os.getpid()),
        took_s=time.monotonic() - began_s,
    )


def simulate_peer(clock_ppm: float, duration_s: float) -> PeerDrift:
    """Follow the fill of a buffer that takes all that comes and gives what there is.

    The rule of livekit.rtc.media_devices.OutputPlayer: its mixer hands on 100 ms at a time, nothing
    is held in reserve, nothing is left out; where a block is not full, the rest of it is silence.
    """
    chunk_s = PEER_CHUNK_FRAMES / RATE_HZ
    fill = dropouts = lost = 0
    read_s = 0.0
    delays_ms: list[float] = []

    def come(arrival_s: float) -> None:
        nonlocal fill
        fill += PEER_CHUNK_FRAMES
        delays_ms.append((fill / RATE_HZ + chunk_s - (arrival_s - read_s)) * 1000)

    def play(due_s: float) -> None:
        nonlocal fill, dropouts, lost, read_s
        read_s = due_s
        missing = max(PEER_CHUNK_FRAMES - fill, 0)
        if missing and len(delays_ms) > 1:
            dropouts, lost = dropouts + 1, lost + missing
        fill -= PEER_CHUNK_FRAMES - missing

    _run(clock_ppm, duration_s, (chunk_s, JITTER_S), PEER_CHUNK_FRAMES, come, play)
    minute = round(60 / chunk_s)
    return PeerDrift(
        clock_ppm=clock_ppm,
        delay_first_ms=float(np.mean(delays_ms[:minute])),
        delay_last_ms=float(np.mean(delays_ms[-minute:])),
        dropouts=dropouts,
        lost_ms=lost * 1000 / RATE_HZ,
    )


def _run(
    clock_ppm: float,
    duration_s: float,
    arrivals_s: Sequence[float],
    block_frames: int,
    come: Callable[[float], None],
    play: Callable[[float], None],
) -> None:
    """Call `come` for each arrival and `play` for each block, in order of time.

    `arrivals_s` is the time between arrivals and by how much, at most, each is late.
    """
    chance = np.random.default_rng(911)
    period_s, jitter_s = arrivals_s
    step_s = block_frames / RATE_HZ / (1 + clock_ppm * 1e-6)
    arrived = played = 0
    due_s = 0.0
    late_s = iter(())
    arrival_s = float(chance.uniform(0.0, jitter_s))
    while due_s < duration_s:
        if arrival_s <= due_s:
            come(arrival_s)
            arrived += 1
            if (late := next(late_s, None)) is None:
                late_s = iter(chance.uniform(0.0, jitter_s, 10_000).tolist())
                late = next(late_s)
            arrival_s = arrived * period_s + late
        else:
            play(due_s)
            played += 1
            due_s = played * step_s


def resampler_snr_db(tone_hz: float) -> float:
    """Return the SNR of a tone through the resampler bent by 130 ppm, in dB."""
    through = resampler(RATE_HZ, RATE_HZ)
    through.set_correction(130e-6)
    tone = np.sin(np.arange(RATE_HZ * 6) * 2 * np.pi * tone_hz / RATE_HZ).astype(np.float32)
    out = np.concatenate([through.process(tone[i : i + 480]) for i in range(0, len(tone), 480)])
    out = out[RATE_HZ * 2 : RATE_HZ * 4].astype(np.float64)
    t = np.arange(len(out)) / RATE_HZ
    best_hz, residue = tone_hz * (1 + 130e-6), np.inf
    for span_hz in (0.05, 0.005, 0.0005, 0.00005):
        for hz in np.linspace(best_hz - span_hz, best_hz + span_hz, 41):
            basis = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)], axis=1)
            fit, *_ = np.linalg.lstsq(basis, out, rcond=None)
            power = float(np.mean((out - basis @ fit) ** 2))
            if power < residue:
                residue, best_hz = power, float(hz)
    return float(10 * np.log10(np.mean(out**2) / residue))
