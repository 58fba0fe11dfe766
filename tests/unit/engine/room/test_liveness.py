"""When a track or the statuses count as broken off, on an invented clock."""

from __future__ import annotations

import pytest

from callplayer.engine.room.liveness import BEGINS_S, BLIND_S, SILENT_S, STATUS_LATE_S, Liveness
from callplayer.engine.room.receive_stats import Counters

PACKETS_A_S = 50


def playing(until_s: float, *, from_s: float = 100.0) -> Liveness:
    """A track that has sent without a break, looked at once a second."""
    flow = Liveness()
    flow.add("a", from_s)
    flow.expect("stretch", from_s)
    for second in range(1, int(until_s - from_s) + 1):
        look(flow, from_s + second, second * PACKETS_A_S)
    return flow


def look(flow: Liveness, now_s: float, packets: int, *, came_s: float | None = None) -> None:
    flow.take(
        "a", Counters(packets=packets, last_packet_s=now_s if came_s is None else came_s), now_s
    )


def test_a_track_is_silent_when_no_packet_has_come_for_a_while() -> None:
    flow = playing(110.0)
    assert not flow.silent("a", 110.0)
    assert flow.broke_off_s is None
    look(flow, 111.0, 520, came_s=110.4)
    assert flow.broke_off_s == 110.4
    look(flow, 110.4 + SILENT_S - 0.01, 520)
    assert not flow.silent("a", 111.4)
    assert flow.suspect(["a"], 111.4)
    look(flow, 110.4 + SILENT_S + 0.01, 520)
    assert flow.silent("a", 111.5)
    assert not flow.flows_since("a", 110.4)
    look(flow, 114.0, 521)
    assert not flow.silent("a", 114.0)
    assert flow.flows_since("a", 110.4)


def test_a_look_that_fails_says_nothing() -> None:
    flow = playing(110.0)
    assert not flow.silent("a", 112.0)


def test_a_wall_clock_that_was_set_does_no_harm() -> None:
    flow = playing(110.0)
    look(flow, 111.0, 550, came_s=111.0 - 3600.0)
    assert not flow.silent("a", 111.0)
    look(flow, 112.0, 600, came_s=112.0 + 3600.0)
    assert flow.broke_off_s is None


@pytest.mark.parametrize("stretch", ["another", None])
def test_a_server_may_take_its_time_after_a_jump_and_be_still_while_paused(
    stretch: str | None,
) -> None:
    flow = playing(110.0)
    flow.expect(stretch, 110.0)
    look(flow, 110.0 + BEGINS_S - 0.1, 500)
    assert not flow.silent("a", 112.9)
    look(flow, 110.0 + BEGINS_S + 0.1, 500)
    assert flow.silent("a", 113.1) is (stretch is not None)


def test_a_new_track_may_take_its_time() -> None:
    flow = playing(110.0)
    flow.add("b", 112.0)
    flow.take("b", Counters(), 112.0 + BEGINS_S - 0.1)
    assert not flow.silent("b", 115.1)
    flow.take("b", Counters(), 112.0 + BEGINS_S + 0.1)
    assert flow.silent("b", 115.1)
    flow.remove("b", 115.1)
    assert not flow.silent("b", 115.1)


def test_when_sound_came_last_is_known_of_tracks_that_have_ended_too() -> None:
    assert Liveness().sounded_until_s(100.0) is None
    flow = playing(110.0)
    assert flow.sounded_until_s(110.2) == 110.2
    flow.remove("a", 110.2)
    assert flow.sounded_until_s(115.0) == 110.2


def test_when_sound_broke_off_before_its_track_ended_counts() -> None:
    flow = playing(110.0)
    look(flow, 111.0, 500, came_s=110.0)
    flow.remove("a", 112.0)
    assert flow.sounded_until_s(115.0) == 110.0


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


def test_a_server_that_reports_seldom_is_given_its_time() -> None:
    flow = playing(110.0)
    for number in range(5):
        flow.take_status(110.0 + 2 * number)
    assert flow.status_gap_s(118.0 + 7.9) == 0.0
    assert flow.status_gap_s(118.0 + 8.1) > 0.0


@pytest.mark.parametrize(("jitter_s", "late"), [(0.06, True), (0.005, False)])
def test_packets_that_were_held_up_are_distinguished_from_lost_ones(
    jitter_s: float, late: bool
) -> None:
    flow = playing(110.0)
    flow.take("a", Counters(packets=500, jitter_s=0.004), 110.1)
    assert not flow.was_late
    flow.take("a", Counters(packets=510, last_packet_s=112.3, jitter_s=jitter_s), 112.4)
    assert flow.was_late is late
    flow.take("a", Counters(packets=520, last_packet_s=112.6, jitter_s=0.0), 112.65)
    assert flow.was_late is late


def test_where_looks_fail_for_long_the_statuses_show_it() -> None:
    flow = playing(110.0)
    flow.take_status(110.0)
    assert not flow.silent("a", 110.0 + BLIND_S - 0.1)
    assert flow.silent("a", 110.0 + BLIND_S + 0.1)
    flow.take_status(112.0)
    assert not flow.silent("a", 110.0 + BLIND_S + 0.1)
