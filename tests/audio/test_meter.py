"""dBFS values of known signals, and the held peak's hold and fall."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.meter import FALL_DB_PER_S, HOLD_S, Meter, amplitude_to_db
from callplayer.ipc.messages import LEVEL_FLOOR_DB
from tests.audio.sound_lab import Sound

RATE_HZ = 48_000


def _sine(peak: float, seconds: float = 1.0) -> Sound:
    frames = np.arange(int(seconds * RATE_HZ))
    return (peak * np.sin(2 * math.pi * 1000 * frames / RATE_HZ)).astype(np.float32)


@pytest.mark.parametrize(("peak", "peak_db"), [(1.0, 0.0), (0.5, -6.02), (0.1, -20.0)])
def test_a_sines_rms_is_3_db_under_its_peak(peak: float, peak_db: float) -> None:
    meter = Meter()
    for block in np.split(_sine(peak), 100):
        meter.add(block)
    level = meter.read(1.0)
    assert level.peak_db == pytest.approx(peak_db, abs=0.01)
    assert level.rms_db == pytest.approx(peak_db - 3.01, abs=0.01)
    assert level.hold_db == level.peak_db


def test_a_negative_peak_counts_like_a_positive_one() -> None:
    meter = Meter()
    meter.add(np.array([0.1, -0.5, 0.2], dtype=np.float32))
    assert meter.read(1.0).peak_db == pytest.approx(-6.02, abs=0.01)


def test_each_reading_covers_what_came_since_the_last() -> None:
    meter = Meter()
    meter.add(_sine(1.0))
    meter.read(1.0)
    meter.add(_sine(0.1))
    level = meter.read(1.05)
    assert level.rms_db == pytest.approx(-23.01, abs=0.01)
    assert level.peak_db == pytest.approx(-20.0, abs=0.01)
    nothing = meter.read(1.1)
    assert (nothing.rms_db, nothing.peak_db) == (LEVEL_FLOOR_DB, LEVEL_FLOOR_DB)


@pytest.mark.parametrize("step_s", [0.02, 0.05, 0.3])
def test_a_peak_is_held_and_then_falls_evenly(step_s: float) -> None:
    meter, now_s = Meter(), 100.0
    meter.add(_sine(1.0))
    assert meter.read(now_s).hold_db == pytest.approx(0.0, abs=0.01)
    for number in range(1, int(4.0 / step_s)):
        moment_s = now_s + number * step_s
        hold_db = meter.read(moment_s).hold_db
        fallen_db = FALL_DB_PER_S * max(0.0, number * step_s - HOLD_S)
        assert hold_db == pytest.approx(-fallen_db, abs=0.02)


def test_a_louder_peak_takes_the_hold_over_and_a_softer_one_does_not() -> None:
    meter = Meter()
    meter.add(_sine(0.5))
    meter.read(10.0)
    meter.add(_sine(0.1))
    assert meter.read(10.5).hold_db == pytest.approx(-6.02, abs=0.01)
    meter.add(_sine(1.0))
    assert meter.read(10.6).hold_db == pytest.approx(0.0, abs=0.01)
    assert meter.read(10.6 + HOLD_S).hold_db == pytest.approx(0.0, abs=0.01)


def test_the_hold_ends_at_the_floor() -> None:
    meter = Meter()
    meter.add(_sine(1.0))
    meter.read(1.0)
    assert meter.read(1000.0).hold_db == LEVEL_FLOOR_DB


@given(amplitude=st.floats(0.0, 1e6))
@settings(max_examples=100, deadline=None)
def test_decibels_are_never_under_the_floor_nor_not_a_number(amplitude: float) -> None:
    level_db = amplitude_to_db(amplitude)
    assert LEVEL_FLOOR_DB <= level_db <= 120.1
    if amplitude > 1e-4:
        assert 10 ** (level_db / 20) == pytest.approx(amplitude, rel=1e-6)


@given(blocks=st.lists(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20), max_size=10))
@settings(max_examples=100, deadline=None)
def test_rms_is_never_over_the_peak_nor_the_peak_over_the_hold(blocks: list[list[float]]) -> None:
    meter = Meter()
    for block in blocks:
        meter.add(np.array(block, dtype=np.float32))
    level = meter.read(1.0)
    assert LEVEL_FLOOR_DB <= level.rms_db <= level.peak_db + 1e-3
    assert level.peak_db <= level.hold_db
