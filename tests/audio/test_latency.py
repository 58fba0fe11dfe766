"""What a device that runs dry gets, and what one that does not gives back."""

from __future__ import annotations

import pytest

from callplayer.engine.devices.latency import (
    FIRST_LATENCY_S,
    LONGEST_LATENCY_S,
    START_S,
    STEADY_S,
    UNDERFLOWS_AT_START,
    DeviceLatency,
)

OPENED_S = 100.0
LATER_S = OPENED_S + START_S + 1.0


def _opened() -> DeviceLatency:
    latency = DeviceLatency()
    latency.opened(OPENED_S)
    return latency


@pytest.mark.parametrize(("underflows", "more"), [(0, False), (1, False), (2, True), (9, True)])
def test_a_device_that_runs_dry_more_than_once_gets_more(underflows: int, more: bool) -> None:
    latency = _opened()
    assert latency.look(underflows, LATER_S, unheard=False) is more
    assert (latency.latency_s > FIRST_LATENCY_S) is more
    assert not latency.look(underflows, LATER_S + 1.0, unheard=False)


def test_what_happens_while_it_starts_does_not_count() -> None:
    latency = _opened()
    assert not latency.look(UNDERFLOWS_AT_START - 1, OPENED_S + 1.0, unheard=True)
    assert not latency.look(UNDERFLOWS_AT_START, LATER_S, unheard=True)


def test_a_device_that_does_not_run_at_all_is_not_waited_for() -> None:
    assert _opened().look(UNDERFLOWS_AT_START, OPENED_S + 0.5, unheard=False)


def test_there_is_an_end_to_giving() -> None:
    latency, given = _opened(), 0
    for turn in range(20):
        given += latency.look(5 * turn, LATER_S + turn, unheard=False)
    assert given == 3
    assert latency.latency_s == LONGEST_LATENCY_S


def test_less_is_asked_for_only_while_nothing_is_heard() -> None:
    latency = _opened()
    assert latency.look(2, LATER_S, unheard=False)
    latency.opened(LATER_S)
    assert not latency.look(0, LATER_S + STEADY_S + 1.0, unheard=False)
    assert latency.look(0, LATER_S + STEADY_S + 2.0, unheard=True)
    assert latency.latency_s == FIRST_LATENCY_S
    latency.opened(LATER_S + 60.0)
    assert not latency.look(0, LATER_S + 60.0 + 2 * STEADY_S, unheard=True)


def test_a_device_that_ran_dry_of_late_keeps_what_it_has() -> None:
    latency = _opened()
    assert latency.look(2, LATER_S, unheard=False)
    latency.opened(LATER_S)
    assert not latency.look(1, LATER_S + STEADY_S - 1.0, unheard=True)
    assert not latency.look(1, LATER_S + STEADY_S + 1.0, unheard=True)
