"""Waits between tries grow, are bounded, differ by chance, and obey the server."""

from __future__ import annotations

import pytest

from callplayer.retry import LONGEST_ASKED_S, LONGEST_S, SPREAD, Backoff, RestartBudget


def test_waits_grow_to_a_bound_and_stay_there() -> None:
    backoff = Backoff()
    waits_s = [backoff.next_s(0.0) for _ in range(8)]
    assert waits_s == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_S, LONGEST_S, LONGEST_S]


def test_chance_only_shortens() -> None:
    assert Backoff().next_s(1.0) == pytest.approx(Backoff().next_s(0.0) * (1.0 - SPREAD))


def test_what_the_server_asks_for_is_the_least_within_reason() -> None:
    assert Backoff().next_s(0.5, 30.0) == 30.0
    assert Backoff().next_s(0.5, 0.1) > 0.1
    assert Backoff().next_s(0.5, 1e9) == LONGEST_ASKED_S


def test_a_series_may_begin_and_end_elsewhere() -> None:
    backoff = Backoff(1.0, 3.0)
    assert [backoff.next_s(0.0) for _ in range(4)] == [1.0, 2.0, 3.0, 3.0]


def test_each_restart_waits_longer_and_the_sixth_in_a_minute_is_too_many() -> None:
    restarts_s: list[float] = []
    now_s, waits = 100.0, []
    while (delay_s := RestartBudget().delay_s(restarts_s, now_s)) is not None:
        waits.append(delay_s)
        now_s += delay_s
        restarts_s.append(now_s)
    assert waits == [0.2, 0.5, 1.0, 2.0, 5.0]


def test_a_restart_of_a_minute_ago_counts_no_more() -> None:
    budget = RestartBudget()
    restarts_s = [100.0 + i for i in range(len(budget.delays_s))]
    assert budget.delay_s(restarts_s, 105.0) is None
    assert budget.delay_s(restarts_s, 100.0 + budget.window_s) == budget.delays_s[-1]
    assert budget.delay_s(restarts_s, 104.0 + budget.window_s) == budget.delays_s[0]
