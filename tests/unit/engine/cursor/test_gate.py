"""When sound may be heard again after a move."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.cursor.gate import (
    Gate,
    ask_move,
    confirm_move,
    may_open,
    obeyed_s,
    turn_over,
)

PATH_S = 0.08
WAIT_S = 0.3


def test_a_fresh_gate_may_open() -> None:
    assert may_open(Gate(), 0.0)


def test_a_move_closes_until_it_is_confirmed_and_the_path_has_turned_over() -> None:
    gate = ask_move(Gate(), 10.0)
    assert not may_open(gate, 10.5)
    gate = confirm_move(gate, 10.5, PATH_S)
    assert not may_open(gate, 10.5 + PATH_S - 0.001)
    assert may_open(gate, 10.5 + PATH_S)


def test_a_server_that_confirms_nothing_counts_as_having_obeyed_after_a_while() -> None:
    gate = ask_move(Gate(), 10.0)
    assert obeyed_s(gate, 10.29, WAIT_S) is None
    assert not may_open(gate, 20.0)  # that is for the caller, which sets the gate
    done_s = obeyed_s(gate, 10.31, WAIT_S)
    assert done_s == 10.3
    gate = confirm_move(gate, done_s, PATH_S)
    assert not may_open(gate, 10.37)
    assert may_open(gate, 10.39)
    assert obeyed_s(gate, 20.0, WAIT_S) is None


def test_what_agrees_before_the_server_can_have_obeyed_opens_no_sooner() -> None:
    gate = confirm_move(ask_move(Gate(), 10.0), 10.02, PATH_S, least_s=0.08)
    assert not may_open(gate, 10.08 + PATH_S - 0.001)
    assert may_open(gate, 10.08 + PATH_S + 0.001)
    assert not may_open(turn_over(gate, 10.02, PATH_S), 10.08 + PATH_S - 0.001)
    late = confirm_move(ask_move(Gate(), 10.0), 10.2, PATH_S, least_s=0.08)
    assert may_open(late, 10.2 + PATH_S)


def test_a_status_without_a_move_changes_nothing() -> None:
    gate = confirm_move(ask_move(Gate(), 10.0), 10.1, PATH_S)
    assert confirm_move(gate, 50.0, PATH_S) == gate
    assert confirm_move(Gate(), 50.0, PATH_S) == Gate()


def test_the_latest_measure_of_the_path_counts() -> None:
    gate = turn_over(confirm_move(ask_move(Gate(), 10.0), 10.1, PATH_S), 10.1, 0.2)
    assert not may_open(gate, 10.29)
    assert may_open(gate, 10.31)
    assert may_open(turn_over(gate, 10.1, 0.1), 10.21)


def test_a_measure_does_not_open_what_waits_for_a_confirmation() -> None:
    gate = ask_move(confirm_move(ask_move(Gate(), 10.0), 10.1, PATH_S), 10.12)
    assert not may_open(turn_over(gate, 10.1, PATH_S), 10.3)


def test_a_measure_of_an_earlier_move_says_nothing_of_the_last_one() -> None:
    first = confirm_move(ask_move(Gate(), 10.0), 10.1, PATH_S)
    gate = confirm_move(ask_move(first, 10.15), 10.2, PATH_S)
    assert not may_open(turn_over(gate, 10.1, PATH_S), 10.19)
    assert turn_over(gate, 10.1, PATH_S) == gate
    assert turn_over(Gate(), 10.1, PATH_S) == Gate()  # all is new since


@given(
    moves=st.lists(
        st.tuples(st.floats(0.0, 0.5), st.sampled_from(["ask", "confirm"])), min_size=1, max_size=20
    ),
    path_s=st.floats(0.0, 0.3),
)
@settings(max_examples=100, deadline=None)
def test_it_is_shut_after_the_last_move_and_open_in_the_end(
    moves: list[tuple[float, str]], path_s: float
) -> None:
    gate, now_s, asked_s, confirmed_s = Gate(), 100.0, None, None
    for wait_s, what in moves:
        now_s += wait_s
        if what == "ask":
            gate, asked_s, confirmed_s = ask_move(gate, now_s), now_s, None
            assert not may_open(gate, now_s)
        else:
            gate = confirm_move(gate, now_s, path_s)
            if asked_s is not None and confirmed_s is None:
                confirmed_s = now_s
        if asked_s is not None and confirmed_s is not None:
            assert may_open(gate, now_s) == (now_s >= confirmed_s + path_s)
    done_s = obeyed_s(gate, now_s + WAIT_S + 1e-6, WAIT_S)
    if done_s is not None:
        gate = confirm_move(gate, done_s, path_s)
    assert may_open(gate, now_s + WAIT_S + path_s + 0.01)
