"""The way through a call: say again, undo, loop, the step back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from callplayer.ipc.messages import EndLoop, SeekBy, SetLoop, SetSpeed, StateEvent, TogglePause
from callplayer.ui.model.navigation import (
    NO_LEAD,
    Loop,
    Navigation,
    Step,
    after_state,
    at_own_speed,
    catch_up,
    change_speed,
    jumped,
    say_again,
    toggle_pause,
    turn_loop,
    undo_jump,
)
from callplayer.ui.settings import ScreenSettings
from callplayer.vendor.commands import Resume, Scrub, ScrubToEnd

LIKES = ScreenSettings(back_step_s=1.0, say_again_s=2.0)
FRESH = Navigation()
PLAYING = StateEvent(
    phase="playing",
    position_ms=60_100,
    audible_ms=60_000,
    duration_ms=272_000,
    paused=False,
    call_over=True,
    advancing=True,
    as_of_s=10.0,
)
PAUSED = msgspec.structs.replace(PLAYING, phase="paused", paused=True, advancing=False)
LIVE = msgspec.structs.replace(
    PLAYING, phase="live", call_over=False, at_end=True, position_ms=271_900, audible_ms=271_800
)


def at(position_ms: int, state: StateEvent = PLAYING, **changes: object) -> StateEvent:
    return msgspec.structs.replace(
        state, position_ms=position_ms, audible_ms=position_ms, **changes
    )


# --- say again --------------------------------------------------------------------------------


def test_say_again_goes_further_from_the_same_place_while_pressed_on() -> None:
    step = say_again(PLAYING, FRESH, LIKES, 10.0)
    assert step.requests == (Scrub(58_000),)
    assert step.note == "The last 2 s again."
    step = say_again(at(58_400), step.navigation, LIKES, 10.5)
    assert step.requests == (Scrub(56_000),)
    step = say_again(at(56_300), step.navigation, LIKES, 11.0)
    assert step.requests == (Scrub(54_000),)
    assert step.note == "The last 6 s again."


def test_say_again_after_a_while_begins_anew() -> None:
    step = say_again(PLAYING, FRESH, LIKES, 10.0)
    assert say_again(at(60_000, as_of_s=12.0), step.navigation, LIKES, 12.0).requests == (
        Scrub(58_000),
    )


def test_a_jump_in_between_begins_say_again_anew() -> None:
    step = say_again(PLAYING, FRESH, LIKES, 10.0)
    moved = jumped(step.navigation, PLAYING, 10.2)
    assert say_again(at(100_000, as_of_s=10.4), moved, LIKES, 10.4).requests == (Scrub(98_000),)


def test_say_again_is_heard_although_the_call_was_paused_and_stops_at_the_start() -> None:
    step = say_again(at(500, PAUSED), FRESH, LIKES, 10.0)
    assert step.requests == (Scrub(0), Resume())
    assert step.note == "From the start again."


def test_say_again_does_not_play_what_waits_for_a_sound_device() -> None:
    assert say_again(at(9_000, PAUSED, held=True), FRESH, LIKES, 10.0).requests == (Scrub(7_000),)


def test_say_again_before_there_is_a_call() -> None:
    step = say_again(StateEvent(phase="connecting"), FRESH, LIKES, 10.0)
    assert step.requests == ()
    assert step.note


# --- undo -------------------------------------------------------------------------------------


def test_undo_goes_back_jump_by_jump() -> None:
    first = jumped(FRESH, at(10_000), 10.0)
    second = jumped(first, at(200_000, as_of_s=20.0), 20.0)
    step = undo_jump(at(50_000), second, LIKES, 30.0)
    assert step.requests == (Scrub(200_000),)
    step = undo_jump(at(200_000), step.navigation, LIKES, 30.1)
    assert step.requests == (Scrub(10_000),)
    step = undo_jump(at(10_000), step.navigation, LIKES, 30.2)
    assert step.requests == ()
    assert step.note == "There is no jump to undo."


def test_jumps_that_follow_each_other_at_once_are_one() -> None:
    navigation = FRESH
    for press in range(8):
        navigation = jumped(navigation, at(60_000 + 5_000 * press), 10.0 + 0.4 * press)
    assert undo_jump(PLAYING, navigation, LIKES, 20.0).requests == (Scrub(60_000),)


def test_a_jump_right_after_an_undo_is_one_of_its_own() -> None:
    navigation = jumped(FRESH, at(10_000), 10.0)
    undone = undo_jump(at(50_000), navigation, LIKES, 11.5).navigation
    again = jumped(undone, at(10_000, as_of_s=11.6), 11.6)
    assert undo_jump(PLAYING, again, LIKES, 12.0).requests == (Scrub(10_000),)


def test_undo_goes_back_to_live_and_not_to_where_live_was() -> None:
    step = undo_jump(PLAYING, jumped(FRESH, LIVE, 10.0), LIKES, 70.0)
    assert step.requests == (ScrubToEnd(),)


@settings(deadline=None)
@given(st.lists(st.integers(0, 272_000), max_size=150))
def test_the_places_left_are_the_latest_ones_in_order(places_ms: list[int]) -> None:
    navigation = FRESH
    for count, place_ms in enumerate(places_ms):
        navigation = jumped(navigation, at(place_ms, PAUSED), 10.0 + 2 * count)
    assert list(navigation.left) == places_ms[-100:]


# --- the step back ----------------------------------------------------------------------------


def paused_here() -> Navigation:
    return after_state(FRESH, PLAYING, PAUSED)


def test_going_on_steps_back_where_it_was_paused() -> None:
    step = toggle_pause(PAUSED, paused_here(), LIKES, 10.0)
    assert step.requests == (SeekBy(-1_000), TogglePause())


@pytest.mark.parametrize(
    ("state", "navigation"),
    [
        (PLAYING, paused_here()),
        (PAUSED, FRESH),
        (PAUSED, jumped(paused_here(), PAUSED, 11.0)),
        (at(271_500, PAUSED, call_over=False), paused_here()),
        (at(272_000, PAUSED, phase="at-end"), paused_here()),
    ],
    ids=["playing", "not paused here", "moved since", "live edge", "end"],
)
def test_else_there_is_no_step_back(state: StateEvent, navigation: Navigation) -> None:
    assert toggle_pause(state, navigation, LIKES, 10.0).requests == (TogglePause(),)


def test_a_call_that_goes_on_steps_back_away_from_its_edge() -> None:
    state = at(200_000, PAUSED, call_over=False)
    assert toggle_pause(state, paused_here(), LIKES, 10.0).requests[0] == SeekBy(-1_000)


def test_no_step_back_where_none_is_set() -> None:
    likes = replace(LIKES, back_step_s=0.0)
    assert toggle_pause(PAUSED, paused_here(), likes, 10.0).requests == (TogglePause(),)


def test_a_call_held_for_want_of_a_device_was_not_paused_by_anyone() -> None:
    held = msgspec.structs.replace(PAUSED, held=True)
    assert not after_state(FRESH, PLAYING, held).paused_here
    assert not after_state(paused_here(), PAUSED, PLAYING).paused_here
    assert after_state(paused_here(), PAUSED, PAUSED).paused_here


# --- the loop ---------------------------------------------------------------------------------


def test_a_loop_is_set_turned_and_ended_by_one_key() -> None:
    first = turn_loop(at(20_000), FRESH, LIKES, 10.0)
    assert first.navigation.loop == Loop(20_000)
    assert first.requests == ()
    second = turn_loop(at(25_000), first.navigation, LIKES, 10.0)
    assert second.navigation.loop == Loop(20_000, 25_000)
    assert second.requests == (SetLoop(20_000, 25_000),)
    third = turn_loop(at(21_000), second.navigation, LIKES, 10.0)
    assert third.navigation.loop is None
    assert third.requests == (EndLoop(),)


def test_the_end_of_a_loop_comes_after_its_start_and_before_the_calls_end() -> None:
    first = turn_loop(at(20_000), FRESH, LIKES, 10.0)
    for wrong_ms in (20_000, 20_299, 3_000):
        step = turn_loop(at(wrong_ms), first.navigation, LIKES, 10.0)
        assert step.navigation.loop == Loop(20_000)
        assert "0.3 s or more after" in step.note
    ended = turn_loop(at(272_000, phase="at-end", advancing=False), first.navigation, LIKES, 10.0)
    assert ended.navigation.loop == Loop(20_000, 271_800)


# --- speed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "faster", "far", "asked"),
    [
        (1.0, True, False, 1.1),
        (1.25, True, False, 1.5),
        (1.25, False, False, 1.1),
        (1.3, False, False, 1.25),
        (1.0, False, True, 0.5),
        (0.7, True, True, 1.4),
        (1.5, True, True, 2.0),
        (0.6, False, True, 0.5),
        (0.5, False, False, None),
        (0.5, False, True, None),
        (2.0, True, False, None),
        (2.0, True, True, None),
    ],
)
def test_speeds_go_by_steps_or_by_half_from_half_to_double(
    speed: float, faster: bool, far: bool, asked: float | None
) -> None:
    state = at(20_000, speed=speed, from_memory=True, lead_ms=8_000)
    step = change_speed(faster, far=far)(state, FRESH, LIKES, 10.0)
    assert step.requests == (() if asked is None else (SetSpeed(asked),))
    assert step.note
    assert ("8 s ahead" in step.note) == (asked is not None and asked > 1.0)


def test_faster_needs_something_ahead_and_slower_does_not() -> None:
    for state in (PLAYING, at(20_000, from_memory=True, lead_ms=300)):
        assert change_speed(True)(state, FRESH, LIKES, 10.0) == Step(FRESH, note=NO_LEAD)
        assert change_speed(False)(state, FRESH, LIKES, 10.0).requests == (SetSpeed(0.9),)
    slow = at(20_000, from_memory=True, speed=0.7)
    assert change_speed(True)(slow, FRESH, LIKES, 10.0).requests == (SetSpeed(0.8),)
    assert at_own_speed(slow, FRESH, LIKES, 10.0).requests == (SetSpeed(1.0),)
    assert at_own_speed(PLAYING, FRESH, LIKES, 10.0).requests == ()


def test_a_live_call_is_caught_up_with_and_the_key_again_ends_that() -> None:
    behind = at(200_000, LIVE, phase="playing", from_memory=True, lead_ms=20_000)
    fast = msgspec.structs.replace(behind, speed=1.25)
    step = catch_up(behind, FRESH, LIKES, 10.0)
    assert step.requests == (SetSpeed(1.25),)
    assert "until live" not in step.note
    assert "20 s ahead" in step.note
    behind_ms = behind.duration_ms - behind.audible_ms
    all_remembered = msgspec.structs.replace(behind, lead_ms=behind_ms)
    assert catch_up(all_remembered, FRESH, LIKES, 10.0).note == "1.25× until live."
    assert catch_up(fast, FRESH, LIKES, 10.0).requests == (SetSpeed(1.0),)
    for state in (LIVE, PLAYING, msgspec.structs.replace(behind, lead_ms=0)):
        step = catch_up(state, FRESH, LIKES, 10.0)
        assert (step.requests, bool(step.note)) == ((), True)
