"""The margin that late frames get: raised at once, lowered with reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callplayer.engine.audio.jitter_margin import (
    FIRST_MARGIN_S,
    FRAME_S,
    GUARD_S,
    LEAST_MARGIN_S,
    MAX_MARGIN_S,
    START_S,
    UNDERRUN_STEP_S,
    JitterMargin,
)


def _after(seconds: float, late_s: Callable[[int], float]) -> JitterMargin:
    """Let frames come, number n `late_s(n)` after its time, but none before the one before it."""
    margin, now_s = JitterMargin(), 0.0
    for number in range(round(seconds / FRAME_S)):
        now_s = max(now_s, number * FRAME_S + late_s(number))
        margin.take(now_s, ran_dry=False)
    return margin


def test_it_starts_careful() -> None:
    assert JitterMargin().margin_s == FIRST_MARGIN_S


def test_frames_that_come_on_time_need_the_least() -> None:
    assert _after(90.0, lambda _: 0.0).margin_s == pytest.approx(LEAST_MARGIN_S, abs=1e-4)


def test_what_comes_late_while_all_starts_up_teaches_nothing() -> None:
    late = _after(START_S, lambda number: 0.08 if number in (20, 50, 90) else 0.0)
    assert late.margin_s == FIRST_MARGIN_S


def test_a_frame_that_comes_late_counts_at_once() -> None:
    margin = _after(2.0, lambda number: 0.05 if number == 199 else 0.0)
    assert margin.margin_s == pytest.approx(0.05)


def test_it_rests_at_one_in_a_thousand() -> None:
    often = _after(120.0, lambda number: 0.012 if number % 500 == 0 else 0.0)
    seldom = _after(120.0, lambda number: 0.012 if number == 5000 else 0.0)
    assert often.margin_s == pytest.approx(0.012, abs=0.001)
    assert seldom.margin_s < 0.005


def test_running_dry_raises_it_by_a_step() -> None:
    margin = _after(2.0, lambda _: 0.0)
    before_s = margin.margin_s
    margin.take(2.0, ran_dry=True)
    assert margin.margin_s == pytest.approx(before_s + UNDERRUN_STEP_S, abs=1e-4)


def test_what_running_dry_taught_is_kept_for_a_minute() -> None:
    margin = _after(2.0, lambda _: 0.0)
    margin.take(2.0, ran_dry=True)
    taught_s = margin.margin_s
    for number in range(6000):
        margin.take(2.0 + number * FRAME_S, ran_dry=False)
    assert taught_s - 0.0035 < margin.margin_s < taught_s


def test_a_seldom_stall_is_not_lived_with() -> None:
    stalled = _after(2.0, lambda number: 0.3 if number == 199 else 0.0)
    assert stalled.margin_s == MAX_MARGIN_S
    for number in range(3000):
        stalled.take(2.3 + number * FRAME_S, ran_dry=False)
    assert stalled.margin_s < FIRST_MARGIN_S + 0.01


def test_a_pause_of_the_frames_is_no_lateness() -> None:
    margin = _after(2.0, lambda _: 0.0)
    margin.take(60.0, ran_dry=False)
    assert margin.margin_s == FIRST_MARGIN_S


def test_a_guess_that_no_gap_bears_out_is_soon_given_up() -> None:
    margin = _after(START_S + 15.0, lambda _: 0.0)
    assert margin.margin_s < LEAST_MARGIN_S + GUARD_S + 0.001


def test_a_gap_bears_the_guess_out() -> None:
    margin = _after(START_S + 15.0, lambda number: 0.009 if number in (150, 250) else 0.0)
    assert margin.margin_s > LEAST_MARGIN_S + GUARD_S + 0.003
