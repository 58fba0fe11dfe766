"""The delay-locked loop on its own, and the resampler that it bends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.drift import MAX_DRIFT, DelayLockedLoop, VariableResampler
from tests.audio.sound_lab import Sound, snr_db, tone

RATE_HZ = 48_000
PERIOD_FRAMES = 480


def _fill_after(loop: DelayLockedLoop, drift: float, start_frames: float, periods: int) -> float:
    """Run the loop against a reader that is `drift` fast; return the last fill error, frames."""
    error = start_frames
    for _ in range(periods):
        error -= PERIOD_FRAMES * (loop.update(error) + drift)
    return error


@given(
    drift_ppm=st.floats(-500, 500),
    start_frames=st.floats(-600, 600),
)
@settings(max_examples=100, deadline=None)
def test_the_loop_takes_the_fill_to_its_target(drift_ppm: float, start_frames: float) -> None:
    loop = DelayLockedLoop(PERIOD_FRAMES, RATE_HZ)
    error = _fill_after(loop, drift_ppm * 1e-6, start_frames, 12_000)
    assert abs(error) < 1.0
    assert loop.update(error) == pytest.approx(-drift_ppm * 1e-6, abs=2e-6)


@given(errors=st.lists(st.floats(-1e6, 1e6), max_size=300))
@settings(max_examples=100, deadline=None)
def test_the_correction_stays_inaudible_whatever_the_error(errors: list[float]) -> None:
    loop = DelayLockedLoop(PERIOD_FRAMES, RATE_HZ)
    assert all(abs(loop.update(error)) <= MAX_DRIFT for error in errors)


def test_a_wide_error_winds_up_no_longer_than_it_lasts() -> None:
    loop = DelayLockedLoop(PERIOD_FRAMES, RATE_HZ)
    for _ in range(6000):
        loop.update(1e5)
    assert abs(_fill_after(loop, 0.0, 0.0, 12_000)) < 1.0


def test_reset_keeps_the_clock_difference() -> None:
    loop = DelayLockedLoop(PERIOD_FRAMES, RATE_HZ)
    _fill_after(loop, 2e-4, 0.0, 12_000)
    loop.reset()
    assert loop.update(0.0) == pytest.approx(-2e-4, abs=5e-6)


def _resample(source_hz: float, in_hz: int, out_hz: int, correction: float, seconds: int) -> Sound:
    resampler, source, frame = VariableResampler(in_hz, out_hz), tone(source_hz, 0.5, in_hz), []
    count = in_hz // 100
    for number in range(seconds * 100):
        resampler.bend(correction)
        pcm = source(number * count, count)
        frame.append(resampler.process((pcm / 32768).astype(np.float32)))
    return np.concatenate(frame)


@pytest.mark.parametrize("source_hz", [440.0, 3000.0, 8000.0])
@pytest.mark.parametrize("correction", [0.0, -3e-4, -MAX_DRIFT])
def test_a_tone_stays_a_tone(source_hz: float, correction: float) -> None:
    sound = _resample(source_hz, RATE_HZ, RATE_HZ, correction, 3)
    heard_hz = source_hz * (1.0 + correction)
    assert snr_db(sound[-2 * RATE_HZ :], heard_hz) > 85.0


@pytest.mark.parametrize("out_hz", [44_100, 48_000, 96_000, 16_000])
@pytest.mark.parametrize("correction", [0.0, -1e-3])
def test_the_ratio_is_what_was_asked_for(out_hz: int, correction: float) -> None:
    three_s = len(_resample(440.0, RATE_HZ, out_hz, correction, 5)) - len(
        _resample(440.0, RATE_HZ, out_hz, correction, 2)
    )
    assert three_s == pytest.approx(3 * out_hz / (1.0 + correction), abs=0.0005 * out_hz)


def test_the_delay_is_what_it_says() -> None:
    pcm = np.zeros(4800, dtype=np.float32)
    pcm[2400] = 1.0
    resampler = VariableResampler(RATE_HZ, RATE_HZ)
    resampler.bend(0.0)
    arrived = [resampler.process(pcm[start : start + 48]) for start in range(0, 4800, 48)]
    count_before = 0
    for number, part in enumerate(arrived):
        if len(part) and float(np.max(np.abs(part))) > 0.5:
            waited_ms = number - 2400 / 48
            assert waited_ms == pytest.approx(VariableResampler.DELAY_S * 1000, abs=1.5)
            peak = count_before + int(np.argmax(np.abs(part)))
            assert math.isclose(peak, 2400, abs_tol=2)
            return
        count_before += len(part)
    raise AssertionError("the impulse was lost")
