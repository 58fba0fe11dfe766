"""What is learnt of a server."""

from __future__ import annotations

import pytest

from callplayer.engine.cursor import habits as learn
from callplayer.engine.cursor.habits import (
    ACK_WAIT_S,
    DRAIN_SLACK_MS,
    LEAST_WAIT_S,
    UNKNOWN_PATIENCE_S,
    UNKNOWN_WAIT_S,
    ServerHabits,
)


def _reported(*positions_ms: int) -> ServerHabits:
    habits = ServerHabits()
    for position_ms in positions_ms:
        habits = learn.note_position(habits, position_ms, plays=True)
    return habits


@pytest.mark.parametrize(
    ("positions_ms", "rounding_ms"),
    [
        ((), 0),
        ((0, 0, 1000), 0),
        ((0, 1000, 2000), 1000),
        ((0, 500, 1000, 1500), 500),
        ((1000, 2000, 2003), 0),
        ((5000, 10_000), 5000),
        ((60_000, 120_000), 0),
    ],
)
def test_a_step_in_which_positions_are_reported_is_found(
    positions_ms: tuple[int, ...], rounding_ms: int
) -> None:
    assert _reported(*positions_ms).rounding_ms == rounding_ms


def test_how_long_a_move_is_waited_for_follows_from_what_was_seen() -> None:
    habits = ServerHabits()
    assert habits.wait_s == UNKNOWN_WAIT_S
    quick = learn.note_effect(habits, 0.05)
    assert quick.wait_s == LEAST_WAIT_S
    slow = learn.note_effect(habits, 2.0)
    assert slow.wait_s == 2.25
    acks = quick
    for _ in range(2):
        acks = learn.note_answer(acks, 0.05, 10)
    assert acks.wait_s == ACK_WAIT_S
    assert learn.note_answer(acks, 0.9, 600).wait_s == LEAST_WAIT_S


def test_a_status_is_newer_than_a_command_after_the_time_that_answers_take() -> None:
    habits = ServerHabits()
    assert habits.patience_s == UNKNOWN_PATIENCE_S
    assert learn.note_answer(habits, 0.05).patience_s == 1.0
    assert learn.note_answer(habits, 3.0).patience_s == 5.0


def test_a_queue_shows_by_positions_that_sound_cannot_have_reached() -> None:
    habits = learn.note_ahead(ServerHabits(), 20.0)
    assert habits.ahead_ms == 0
    habits = learn.note_ahead(learn.note_ahead(habits, 980.0), 700.0)
    assert habits.ahead_ms == 980
    assert habits.drain_ms == 980 + DRAIN_SLACK_MS
    assert learn.note_queue(habits, 900.0, 0.2).drain_ms == 0
    kept = learn.note_queue(habits, 10.0, 0.2)
    assert kept.flushes is None
    assert learn.note_queue(kept, 10.0, 0.6).flushes is False


def test_a_queue_within_a_round_trip_shows_where_sound_begins() -> None:
    habits = learn.note_onset(ServerHabits(obey_s=0.18), 163.0)
    assert habits.ahead_ms == 0
    assert habits.drain_ms == 163 + DRAIN_SLACK_MS
    # A longer one would have shown by its statuses: the call begins with silence.
    assert learn.note_onset(ServerHabits(obey_s=0.05), 163.0).drain_ms == 0
    assert learn.note_onset(habits, 0.0).drain_ms == 0


def test_what_is_played_before_a_move_counts_as_carried_out_is_known() -> None:
    silent = ServerHabits(obey_s=0.05)
    assert silent.unheard_ms == round((silent.wait_s - 0.05) * 1000)
    assert learn.note_answer(silent, 0.04, 0).unheard_ms == 0
    assert learn.note_answer(silent, 1.2, 1000).unheard_ms > 0


def test_lateness_shows_by_sound_that_is_further() -> None:
    habits = learn.note_late(ServerHabits(), 1000.0)
    assert habits.late_ms == 1000
    assert learn.note_late(habits, 1050.0) == habits
    assert learn.note_late(habits, 0.0).late_ms == 0


def test_a_cadence_is_known_once_it_is_regular() -> None:
    habits = ServerHabits()
    for gap_s in (8.0, 0.25, 0.25, 0.25):
        habits = learn.note_gap(habits, gap_s)
    assert habits.cadence_s is None
    assert learn.note_gap(habits, 0.3).cadence_s == 0.3
