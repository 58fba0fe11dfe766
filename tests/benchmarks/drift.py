"""A sound card with a wrong clock: the lane's delay over hours, and what the resampler costs."""

from __future__ import annotations

from dataclasses import dataclass
from unittest import mock

import numpy as np

from callplayer.engine.audio.arrivals import FRAME_S
from callplayer.engine.audio.lane import Lane
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.audio.resampler import resampler

RATE_HZ = 48_000
BLOCK_FRAMES = 240
JITTER_S = 0.002
SETTLE_S = 60.0


@dataclass(frozen=True)
class Drift:
    """One simulated card. Delays are the lane's fill just after a frame came in, in ms.

    `plain_ms` is what the clock difference alone would have added to a buffer that nothing bounds,
    which is the rule of the SDK's own player (negative: so much it would have run dry).
    """

    clock_ppm: float
    delay_mean_ms: float
    delay_off_ms: float
    underruns: int
    trimmed_frames: int
    learned_ppm: float
    plain_ms: float


def measure(hours: float) -> list[Drift]:
    """Simulate cards that are 300 ppm slow to 300 ppm fast, for so many hours of call time."""
    return [_simulate(ppm, hours * 3600) for ppm in (-300.0, -100.0, 0.0, 100.0, 300.0)]


def _simulate(clock_ppm: float, duration_s: float) -> Drift:
    chance = np.random.default_rng(911)
    mixer, lane = Mixer(RATE_HZ), Lane(RATE_HZ, RATE_HZ, BLOCK_FRAMES)
    mixer.lanes = (lane,)
    lane.open_gate()
    pcm = (8000 * np.sin(np.arange(480) * 2 * np.pi * 1000 / RATE_HZ)).astype(np.int16)
    out = np.zeros((BLOCK_FRAMES, 1), dtype=np.float32)
    read_step_s = BLOCK_FRAMES / RATE_HZ / (1 + clock_ppm * 1e-6)
    frame, block, read_s = 0, 0, 0.0
    low_ms, high_ms, total_ms, counted = np.inf, -np.inf, 0.0, 0
    trimmed_settling = underruns_settling = 0
    arrival_s = chance.uniform(0.0, JITTER_S)
    window: list[float] = []
    with mock.patch("callplayer.engine.audio.mixer.time") as clock:
        clock.monotonic.side_effect = lambda: read_s
        while read_s < duration_s:
            if arrival_s <= read_s:
                lane.push(pcm, arrival_s)
                frame += 1
                # The mean of a second: a single look is off by up to a block and the jitter.
                window.append(lane.fill_s * 1000)
                if len(window) == 100:
                    mean_ms = float(np.mean(window))
                    window.clear()
                    if arrival_s > SETTLE_S:
                        low_ms, high_ms = min(low_ms, mean_ms), max(high_ms, mean_ms)
                        total_ms, counted = total_ms + mean_ms, counted + 1
                    else:
                        trimmed_settling = lane.trimmed_frames
                        underruns_settling = lane.underruns
                arrival_s = frame * FRAME_S + chance.uniform(0.0, JITTER_S)
            else:
                mixer.render(out)
                block += 1
                read_s = block * read_step_s
    mean_ms = total_ms / max(counted, 1)
    return Drift(
        clock_ppm=clock_ppm,
        delay_mean_ms=mean_ms,
        delay_off_ms=max(high_ms - mean_ms, mean_ms - low_ms),
        underruns=lane.underruns - underruns_settling,
        trimmed_frames=lane.trimmed_frames - trimmed_settling,
        learned_ppm=-lane.correction * 1e6,
        plain_ms=-clock_ppm * 1e-3 * duration_s,
    )


def resampler_snr_db(tone_hz: float) -> float:
    """Return the SNR of a tone through the resampler bent by 130 ppm, in dB."""
    through = resampler(RATE_HZ, RATE_HZ)
    through.bend(130e-6)
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
