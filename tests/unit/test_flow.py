"""When a track or the statuses count as broken off, on an invented clock."""

from __future__ import annotations

import pytest

from callplayer.engine.flow import BEGINS_S, SILENT_S, STATUS_LATE_S, Flow
from callplayer.engine.receive import Counters

PACKETS_A_S = 50


def playing(until_s: float, *, from_s: float = 100.0) -> Flow:
    """A track that has sent without a break, looked at once a second."""
    flow = Flow()
    flow.add("a", from_s)
    flow.expect("stretch", from_s)
    for second in range(1, int(until_s - from_s) + 1):
        look(flow, from_s + second, second * PACKETS_A_S)
    return flow


def look(flow: Flow, now_s: float, packets: int, *, came_s: float | None = None) -> None:
    flow.take(
        "a", Counters(packets=packets, last_packet_s=now_s if came_s is None else came_s), now_s
    )


def test_a_track_is_silent_when_no_packet_has_come_for_a_while() -> None:
    flow = playing(110.0)
    assert not flow.silent("a")
    assert flow.broke_off_s is None
    look(flow, 111.0, 520, came_s=110.4)
    assert flow.broke_off_s == 110.4
    look(flow, 110.4 + SILENT_S - 0.01, 520)
    assert not flow.silent("a")
    assert flow.suspect(["a"], 111.4)
    look(flow, 110.4 + SILENT_S + 0.01, 520)
    assert flow.silent("a")
    assert not flow.flows_since("a", 110.4)
    look(flow, 114.0, 521)
    assert not flow.silent("a")
    assert flow.flows_since("a", 110.4)


def test_looks_that_fail_say_nothing() -> None:
    flow = playing(110.0)
    assert not flow.silent("a")  # whatever the time is by now


def test_a_wall_clock_that_was_set_does_no_harm() -> None:
    flow = playing(110.0)
    look(flow, 111.0, 550, came_s=111.0 - 3600.0)
    assert not flow.silent("a")
    look(flow, 112.0, 600, came_s=112.0 + 3600.0)
    assert flow.broke_off_s is None


@pytest.mark.parametrize("stretch", ["another", None])
def test_a_server_may_take_its_time_after_a_jump_and_be_still_while_paused(
    stretch: str | None,
) -> None:
    flow = playing(110.0)
    flow.expect(stretch, 110.0)
    look(flow, 110.0 + BEGINS_S - 0.1, 500)
    assert not flow.silent("a")
    look(flow, 110.0 + BEGINS_S + 0.1, 500)
    assert flow.silent("a") is (stretch is not None)


def test_a_new_track_may_take_its_time() -> None:
    flow = playing(110.0)
    flow.add("b", 112.0)
    flow.take("b", Counters(), 112.0 + BEGINS_S - 0.1)
    assert not flow.silent("b")
    flow.take("b", Counters(), 112.0 + BEGINS_S + 0.1)
    assert flow.silent("b")
    flow.remove("b")
    assert not flow.silent("b")


def test_a_status_is_missed_once_it_is_known_how_often_they_come() -> None:
    flow = playing(110.0)
    assert flow.status_gap_s(200.0) == 0.0
    for quarter in range(5):
        flow.take_status(110.0 + quarter / 4)
    assert flow.status_gap_s(111.0 + STATUS_LATE_S) == 0.0
    assert flow.suspect([], 112.0)
    assert flow.status_gap_s(111.1 + STATUS_LATE_S) == pytest.approx(STATUS_LATE_S + 0.1)
    flow.take_status(115.0)
    assert flow.status_gap_s(115.1) == 0.0


def test_a_server_that_only_answers_is_not_missed() -> None:
    flow = playing(110.0)
    for number in range(20):
        flow.note_command()
        flow.take_status(110.0 + number / 10)
    assert flow.status_gap_s(150.0) == 0.0


def test_a_server_that_tells_seldom_is_given_its_time() -> None:
    flow = playing(110.0)
    for number in range(5):
        flow.take_status(110.0 + 2 * number)
    assert flow.status_gap_s(118.0 + 7.9) == 0.0
    assert flow.status_gap_s(118.0 + 8.1) > 0.0


def test_lost_packets_are_those_of_the_worst_track() -> None:
    flow = playing(110.0)
    flow.add("b", 110.0)
    flow.take("b", Counters(packets=5, lost=40), 111.0)
    flow.take("a", Counters(packets=600, lost=3), 111.0)
    assert flow.lost_packets == 40
