"""Waits between tries grow, are bounded, differ by chance, and obey the server."""

from __future__ import annotations

import pytest

from callplayer.backoff import LONGEST_S, LONGEST_TOLD_S, SPREAD, Backoff


def test_waits_grow_to_a_bound_and_stay_there() -> None:
    backoff = Backoff()
    waits_s = [backoff.next_s(0.0) for _ in range(8)]
    assert waits_s == [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_S, LONGEST_S, LONGEST_S]


def test_chance_only_shortens() -> None:
    assert Backoff().next_s(1.0) == pytest.approx(Backoff().next_s(0.0) * (1.0 - SPREAD))


def test_what_the_server_asks_for_is_the_least_within_reason() -> None:
    assert Backoff().next_s(0.5, 30.0) == 30.0
    assert Backoff().next_s(0.5, 0.1) > 0.1
    assert Backoff().next_s(0.5, 1e9) == LONGEST_TOLD_S
