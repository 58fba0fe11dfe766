"""How long the callback takes, in percentiles over a long time."""

from __future__ import annotations

import numpy as np
import pytest

from callplayer.engine.audio.callback_timing import BUCKET_S, LONGEST_S, CallbackTiming


def test_percentiles_are_those_of_all_durations_to_a_bucket() -> None:
    chance = np.random.default_rng(911)
    taken_s = chance.gamma(2.0, 60e-6, 200_000)
    times = CallbackTiming()
    for one_s in taken_s:
        times.add(float(one_s))
    for percent in (50.0, 99.0, 99.9):
        exact_s = float(np.percentile(taken_s, percent))
        assert exact_s - 1e-9 <= times.percentile_s(percent) <= exact_s + 1.01 * BUCKET_S
    assert times.percentile_s(100.0) == times.longest_s == taken_s.max()


def test_one_slow_block_in_a_thousand_is_seen_an_hour_later() -> None:
    times = CallbackTiming()
    for number in range(720_000):
        times.add(0.004 if number % 1000 == 7 and number < 2000 else 0.0001)
    assert times.longest_s == 0.004
    assert times.percentile_s(99.9) < 0.0002
    for _ in range(1000):
        times.add(0.004)
    assert times.percentile_s(99.9) == pytest.approx(0.004, abs=2 * BUCKET_S)


def test_nothing_yet_and_far_too_long() -> None:
    times = CallbackTiming()
    assert times.percentile_s(99.9) == 0.0
    times.add(10 * LONGEST_S)
    for _ in range(3):
        times.add(0.001)
    assert times.percentile_s(50.0) == pytest.approx(0.001, abs=2 * BUCKET_S)
    assert times.percentile_s(100.0) == times.longest_s == 10 * LONGEST_S
