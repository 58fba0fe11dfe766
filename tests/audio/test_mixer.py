"""The bus: sums, the soft limit, and big blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio import mixer as mixers
from callplayer.engine.audio.channel import Channel
from callplayer.engine.audio.mixer import KNEE, MAX_BLOCK_FRAMES, Mixer
from tests.audio.sound_lab import RATE_HZ, Frame, Pcm, Sound, open_lane, snr_db, tone


class _Clock:
    """Stands for the `time` module in the mixer."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


def _play(
    monkeypatch: pytest.MonkeyPatch, sources: list[Frame], seconds: float, block_frames: int = 256
) -> tuple[Sound, list[Channel]]:
    """Play each source in a lane of its own, the card's clock 200 ppm fast."""
    clock = _Clock()
    monkeypatch.setattr(mixers, "time", clock)
    mixer = Mixer(RATE_HZ)
    lanes = [open_lane() for _ in sources]
    mixer.channels = tuple(lanes)
    start_s, heard, frame = clock.now_s, [], 0
    block = 0
    while clock.now_s < start_s + seconds:
        arrival_s = start_s + frame * 0.010
        card_s = start_s + 0.003 + block * block_frames / RATE_HZ / (1 + 200e-6)
        clock.now_s = min(arrival_s, card_s)
        if arrival_s <= card_s:
            for lane, source in zip(lanes, sources, strict=True):
                lane.push(source(frame * 480, 480), clock.now_s)
            frame += 1
        else:
            out = np.full((block_frames, 2), 9.0, dtype=np.float32)
            mixer.render(out)
            assert np.array_equal(out[:, 0], out[:, 1])
            heard.append(out[:, 0])
            block += 1
    return np.concatenate(heard), lanes


def test_two_parties_are_heard_together(monkeypatch: pytest.MonkeyPatch) -> None:
    both, _ = _play(monkeypatch, [tone(440.0, 0.3), tone(3000.0, 0.3)], 25.0)
    heard = both[-2 * RATE_HZ :]
    # Each is pure but for the other, which is as strong.
    for hz in (440.0, 3000.0):
        assert snr_db(heard, hz / (1 + 200e-6)) == pytest.approx(0.0, abs=0.1)
    assert np.abs(heard).max() == pytest.approx(0.6, abs=0.01)


def test_without_lanes_there_is_silence() -> None:
    out = np.full((480, 2), 9.0, dtype=np.float32)
    Mixer(RATE_HZ).render(out)
    assert not out.any()


def test_a_block_larger_than_the_bus_is_filled_whole() -> None:
    mixer = Mixer(RATE_HZ)
    out = np.full((MAX_BLOCK_FRAMES * 2 + 17, 1), 9.0, dtype=np.float32)
    mixer.render(out)
    assert not out.any()
    assert mixer.rendered_frames == len(out)


def test_the_time_a_block_takes_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1.0, 1.25, 2.0, 2.75])

    class _Ticking:
        def monotonic(self) -> float:
            return next(ticks)

    monkeypatch.setattr(mixers, "time", _Ticking())
    mixer = Mixer(RATE_HZ)
    assert mixer.times.percentile_s(99) == 0.0
    for _ in range(2):
        mixer.render(np.zeros((10, 1), dtype=np.float32))
    assert mixer.times.longest_s == 0.75


# --- the limiter, seen through lanes that write what they are given -------------------------------


class _Feed:
    """A lane that adds given samples to the bus."""

    def __init__(self, samples: Sound) -> None:
        self.samples = samples

    def mix_into(self, bus: Sound, now_s: float) -> None:
        bus += self.samples[: len(bus)]


def _limited(*inputs: Sound) -> Sound:
    mixer = Mixer(RATE_HZ)
    mixer.channels = tuple(_Feed(samples) for samples in inputs)  # type: ignore[misc]
    out = np.zeros((len(inputs[0]), 1), dtype=np.float32)
    mixer.render(out)
    return out[:, 0]


def test_the_limit_is_continuous_rising_and_under_full_scale() -> None:
    sums = np.linspace(-6.0, 6.0, 8001, dtype=np.float32)
    out = _limited(sums)
    steps = np.diff(out)
    assert float(steps.min()) >= 0.0
    assert float(steps.max()) <= float(sums[1] - sums[0]) * 1.01
    assert float(np.abs(out).max()) <= 1.0
    assert np.allclose(out, -out[::-1], atol=1e-6)


def test_under_the_knee_nothing_is_touched() -> None:
    sums = np.linspace(-KNEE, KNEE, 1001, dtype=np.float32)
    assert np.array_equal(_limited(sums), sums)
    loud = np.append(sums, np.float32(1.5))
    assert np.allclose(_limited(loud)[:-1], sums, atol=1e-7)


@given(
    first=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=64),
    second=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=64),
)
@settings(max_examples=80, deadline=None)
def test_no_sum_of_parties_leaves_full_scale(first: list[float], second: list[float]) -> None:
    count = min(len(first), len(second))
    one, two = (np.array(part[:count], dtype=np.float32) for part in (first, second))
    out = _limited(one, two)
    assert float(np.abs(out).max()) <= 1.0
    quiet = np.abs(one + two) <= KNEE
    assert np.allclose(out[quiet], (one + two)[quiet], atol=1e-6)
    assert np.all(np.sign(out) == np.sign(one + two))


def test_two_loud_parties_are_bent_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def loud(first: int, count: int) -> Pcm:
        return tone(440.0, 0.95)(first, count)

    both, lanes = _play(monkeypatch, [loud, loud], 12.0)
    both = both[-RATE_HZ:]
    assert 0.95 < float(np.abs(both).max()) <= 1.0
    assert float(np.abs(np.diff(both)).max()) < 2 * 0.95 * 2 * math.pi * 440 / RATE_HZ * 1.05
    assert [lane.underruns for lane in lanes] == [0, 0]
