"""The delay-locked loop on its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.dll import MAX_DRIFT, DelayLockedLoop

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
    assert loop.learned == pytest.approx(-2e-4, abs=5e-6)
    assert loop.update(0.0) == pytest.approx(-2e-4, abs=5e-6)
