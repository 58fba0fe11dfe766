"""The resampler: a tone stays a tone, whatever the rates and the bend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.dll import MAX_DRIFT
from callplayer.engine.audio.resampler import resampler
from tests.audio.sound_lab import Sound, largest_step, snr_db, tone

RATE_HZ = 48_000


def _resample(source_hz: float, in_hz: int, out_hz: int, correction: float, seconds: int) -> Sound:
    through, source, frame = resampler(in_hz, out_hz), tone(source_hz, 0.5, in_hz), []
    count = in_hz // 100
    for number in range(seconds * 100):
        through.set_correction(correction)
        pcm = source(number * count, count)
        frame.append(through.process((pcm / 32768).astype(np.float32)))
    return np.concatenate(frame)


@pytest.mark.parametrize("source_hz", [440.0, 1000.0, 3400.0, 8000.0])
@pytest.mark.parametrize("correction", [0.0, 130e-6, -3e-4, -MAX_DRIFT, MAX_DRIFT])
def test_a_tone_stays_a_tone(source_hz: float, correction: float) -> None:
    """Above 90 dB; the source itself, in 16 bits, has 96."""
    sound = _resample(source_hz, RATE_HZ, RATE_HZ, correction, 3)
    assert snr_db(sound[-2 * RATE_HZ :], source_hz * (1.0 + correction)) > 90.0
    assert np.std(sound[-2 * RATE_HZ :]) == pytest.approx(0.5 / math.sqrt(2), rel=0.001)


@pytest.mark.parametrize("out_hz", [8_000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("correction", [0.0, 130e-6, -MAX_DRIFT])
def test_a_tone_stays_a_tone_on_a_card_of_another_rate(out_hz: int, correction: float) -> None:
    sound = _resample(1000.0, RATE_HZ, out_hz, correction, 3)
    assert snr_db(sound[-2 * out_hz :], 1000.0 * (1.0 + correction), out_hz) > 90.0


@pytest.mark.parametrize("source_hz", [5_000.0, 9_500.0])
def test_what_a_slower_card_cannot_play_does_not_fold_back(source_hz: float) -> None:
    sound = _resample(source_hz, RATE_HZ, 8_000, 0.0, 2)
    assert float(np.abs(sound[8_000:]).max()) < 0.5 * 10 ** (-60 / 20)


@pytest.mark.parametrize("out_hz", [44_100, 48_000, 96_000, 16_000])
@pytest.mark.parametrize("correction", [0.0, -1e-3])
def test_the_ratio_is_what_was_asked_for(out_hz: int, correction: float) -> None:
    frames = len(_resample(440.0, RATE_HZ, out_hz, correction, 3))
    assert frames == pytest.approx(3 * out_hz / (1.0 + correction), abs=1.0)


@pytest.mark.parametrize("out_hz", [16_000, 44_100, 48_000, 96_000])
def test_the_delay_is_what_it_says(out_hz: int) -> None:
    pcm = np.zeros(4800, dtype=np.float32)
    pcm[2400] = 1.0
    through = resampler(RATE_HZ, out_hz)
    parts = [through.process(pcm[start : start + 48]) for start in range(0, 4800, 48)]
    sound = np.concatenate(parts)
    assert len(sound) == pytest.approx(4800 * out_hz / RATE_HZ, abs=1)
    waited_s = int(np.argmax(np.abs(sound))) / out_hz - 2400 / RATE_HZ
    assert waited_s == pytest.approx(through.delay_s, abs=1 / out_hz)
    assert through.delay_s < 0.002


@pytest.mark.parametrize("depth", [1e-6, 1e-4, 3e-3])
def test_a_ratio_that_swings_around_one_stays_clean(depth: float) -> None:
    through, source, parts = resampler(RATE_HZ, RATE_HZ), tone(3000.0), []
    for number in range(600):
        parts.append(through.process(source(number * 480, 480).astype(np.float32) / 32768))
        through.set_correction(depth * math.sin(number / 5))
    sound = np.concatenate(parts)[-3 * RATE_HZ :]
    assert largest_step(sound) < 0.5 * 2 * math.pi * 3000 / RATE_HZ * 1.02


@given(
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=30),
    bends=st.lists(st.floats(-MAX_DRIFT, MAX_DRIFT), min_size=30, max_size=30),
    out_hz=st.sampled_from([16_000, 44_100, 48_000]),
)
@settings(max_examples=60, deadline=None)
def test_any_blocks_and_bends_give_a_whole_sine(
    sizes: list[int], bends: list[float], out_hz: int
) -> None:
    """No sample is missed, doubled or out of range at any seam."""
    through, place, made = resampler(RATE_HZ, out_hz), 0, []
    for size, bend in zip(sizes, bends, strict=False):
        through.set_correction(bend)
        t = np.arange(place, place + size)
        made.append(through.process(np.sin(2 * np.pi * 300 * t / RATE_HZ).astype(np.float32)))
        place += size
    sound = np.concatenate(made)
    even = place * out_hz / RATE_HZ
    assert len(sound) == pytest.approx(even, abs=1.01 * MAX_DRIFT * even + 1.0)
    settled = sound[int(4 * through.delay_s * out_hz) :]
    if len(settled) > 1:
        assert largest_step(settled) < 2 * math.pi * 300 / out_hz * 1.01
        assert float(np.abs(settled).max()) < 1.001
