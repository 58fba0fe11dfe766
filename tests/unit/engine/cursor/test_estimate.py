"""The cursor's rules under every order of asks and statuses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.cursor import estimate as heads
from callplayer.engine.cursor.estimate import CursorEstimate
from callplayer.engine.cursor.habits import UNKNOWN_PATIENCE_S
from callplayer.engine.cursor.inference import assume_carried_out
from callplayer.engine.cursor.reconcile import GIVE_UP_S, take_status
from callplayer.vendor.commands import Pause, Resume
from callplayer.vendor.status import Status


def _status(
    position: int = 0, duration: int = 60_000, *, paused: bool = False, over: bool = True
) -> Status:
    return Status(position, duration, paused, position >= duration, over)


@st.composite
def statuses(draw: st.DrawFn) -> Status:
    duration = draw(st.integers(0, 20_000))
    position = draw(st.integers(0, duration))
    paused, over = draw(st.booleans()), draw(st.booleans())
    return Status(position, duration, paused, draw(st.booleans()) or position == duration, over)


steps = st.lists(
    st.tuples(
        st.floats(0.0, 3.0),
        st.one_of(
            statuses(),
            st.integers(0, 20_000),
            st.sampled_from(["end", "pause", "resume", "due"]),
        ),
    ),
    max_size=25,
)


def _step(head: CursorEstimate, what: Status | int | str, now_s: float) -> CursorEstimate:
    match what:
        case Status():
            return take_status(head, what, now_s)
        case int():
            return heads.ask_position(head, what, now_s)
        case "end":
            return heads.ask_position(head, None, now_s)
        case "due":
            return heads.due_commands(head, now_s)[0]
    return heads.ask_paused(head, what == "pause", now_s)


@given(story=steps, delay_ms=st.floats(0.0, 500.0), later_s=st.floats(0.0, 100.0))
@settings(max_examples=100, deadline=None)
def test_what_is_read_is_always_in_range(
    story: list[tuple[float, Status | int | str]], delay_ms: float, later_s: float
) -> None:
    head, now_s = CursorEstimate(), 1000.0
    for wait_s, what in story:
        now_s += wait_s
        head = _step(head, what, now_s)
        for moment_s in (now_s, now_s + later_s, now_s - 1.0):
            confirmed_ms = head.confirmed_ms(moment_s)
            audible_ms = head.audible_ms(moment_s, delay_ms)
            requested_ms = head.requested_ms(moment_s)
            assert 0 <= confirmed_ms <= head.duration_ms(moment_s)
            assert 0 <= audible_ms <= confirmed_ms
            assert audible_ms >= min(head.segment_ms, confirmed_ms)
            assert audible_ms >= confirmed_ms - round(delay_ms) - head.habits.ahead_ms
            assert requested_ms is None or requested_ms >= 0
            assert head.unconfirmed_s(moment_s) >= 0.0
            assert (requested_ms is None) == (head.seek is None)


@given(story=steps)
@settings(max_examples=100, deadline=None)
def test_a_pause_state_ends_only_by_agreement_or_a_status_that_is_certainly_newer(
    story: list[tuple[float, Status | int | str]],
) -> None:
    head, now_s = CursorEstimate(), 1000.0
    for wait_s, what in story:
        now_s += wait_s
        before, head = head, _step(head, what, now_s)
        if before.pause is None or head.pause is not None:
            continue
        assert isinstance(what, Status)
        if what.paused != before.pause.paused:
            assert now_s - before.pause.sent_s >= before.habits.patience_s
            assert before.pause.again or before.pause.sends == 3


@given(story=steps)
@settings(max_examples=100, deadline=None)
def test_a_scrub_is_not_confirmed_by_the_path_that_it_leaves(
    story: list[tuple[float, Status | int | str]],
) -> None:
    head, now_s = CursorEstimate(), 1000.0
    for wait_s, what in story:
        now_s += wait_s
        before, head = head, _step(head, what, now_s)
        seek = before.seek
        if seek is None or head.seek is not None or not isinstance(what, Status) or seek.to_end:
            continue
        on_old_path = abs(what.position - seek.origin.at(now_s)) <= 60
        is_far = abs((seek.position_ms or 0) - seek.origin.at(seek.since_s)) > 20_000
        if on_old_path and is_far and now_s - seek.since_s < GIVE_UP_S:
            assert what.paused == (before.pause is not None and before.pause.paused)


@given(status=statuses(), later_s=st.floats(0.0, 1000.0))
@settings(max_examples=100, deadline=None)
def test_a_pause_freezes_and_a_live_call_grows(status: Status, later_s: float) -> None:
    head = take_status(CursorEstimate(), status, 10.0)
    grown_ms = head.duration_ms(10.0 + later_s) - status.duration
    assert grown_ms == (0 if status.call_over else int((10.0 + later_s - 10.0) * 1000))
    moved_ms = head.confirmed_ms(10.0 + later_s) - status.position
    if status.paused or (status.at_end and status.call_over):
        assert moved_ms == 0
        assert not head.advancing()
    else:
        assert 0 <= moved_ms <= later_s * 1000


def test_nothing_is_known_before_the_first_status() -> None:
    head = CursorEstimate()
    assert (head.duration_ms(5.0), head.confirmed_ms(5.0), head.audible_ms(5.0, 80.0)) == (0, 0, 0)
    assert head.wants_paused()
    assert not head.advancing()


def test_the_cursor_is_carried_forward_by_the_clock_up_to_the_end() -> None:
    head = take_status(CursorEstimate(), _status(58_000), 10.0)
    assert head.confirmed_ms(11.5) == 59_500
    assert head.confirmed_ms(99.0) == 60_000


def test_the_ear_is_behind_the_cursor_but_never_before_the_jump() -> None:
    head = take_status(CursorEstimate(), _status(1000, paused=True), 10.0)
    head = heads.ask_position(head, 30_000, 10.0)
    head = take_status(head, _status(30_050), 10.1)
    assert head.segment_ms == 30_000
    assert head.audible_ms(10.1, 200.0) == 30_000
    assert head.audible_ms(10.2, 200.0) == 30_000
    assert head.audible_ms(11.1, 200.0) == pytest.approx(30_850, abs=1)
    waits_ms = [head.audible_in_ms(now_s, 200.0) for now_s in (10.1, 10.2, 10.25, 11.1)]
    assert waits_ms == pytest.approx([150, 50, 0, 0], abs=1)


def test_an_old_status_does_not_end_a_jump() -> None:
    head = take_status(CursorEstimate(), _status(1000), 10.0)
    head = heads.ask_position(head, 30_000, 10.0)
    head = take_status(head, _status(1100), 10.1)
    assert head.requested_ms(10.1) == 30_000
    assert head.unconfirmed_s(10.6) == pytest.approx(0.6)
    head = take_status(head, _status(30_100), 10.2)
    assert head.requested_ms(10.2) is None
    assert head.unconfirmed_s(10.6) == 0.0


def test_the_last_of_several_jumps_is_the_wish() -> None:
    head = take_status(CursorEstimate(), _status(1000), 10.0)
    for position_ms in (5000, 20_000, 40_000):
        head = heads.ask_position(head, position_ms, 10.1)
    head = take_status(head, _status(20_010), 10.2)
    assert head.requested_ms(10.2) == 40_000


def test_a_jump_by_another_listener_moves_the_segment_too() -> None:
    head = take_status(CursorEstimate(), _status(1000), 10.0)
    head = take_status(head, _status(45_000), 10.5)
    assert head.segment_ms == 45_000
    assert head.audible_ms(10.5, 200.0) == 45_000


def test_the_wish_to_be_at_the_end_of_a_live_call_follows_it() -> None:
    head = take_status(CursorEstimate(), _status(1000, over=False), 10.0)
    head = heads.ask_position(head, None, 10.0)
    assert head.requested_ms(12.0) == 62_000
    head = take_status(head, Status(61_950, 62_000, False, False, False), 12.0)
    assert head.requested_ms(12.0) is None


def test_what_was_asked_last_is_what_is_wanted() -> None:
    head = take_status(CursorEstimate(), _status(), 10.0)
    assert not head.wants_paused()
    head = heads.ask_paused(head, True, 10.1)
    assert head.wants_paused()
    head = take_status(head, _status(100), 10.2)
    assert head.wants_paused()
    head = heads.ask_paused(head, False, 10.3)
    assert not head.wants_paused()


def test_a_pause_is_sent_again_after_1_and_3_s_and_then_the_servers_word_counts() -> None:
    head = take_status(CursorEstimate(), _status(), 10.0)
    head = heads.ask_paused(head, True, 10.0)
    sent = []
    for tenth in range(200):
        now_s = 10.0 + tenth / 10
        head = take_status(head, _status(tenth * 100), now_s)
        head, commands = heads.due_commands(head, now_s)
        sent += [(round(now_s, 1), command) for command in commands]
        if not head.wants_paused():
            break
    assert sent == [(11.0, Pause()), (13.0, Pause())]
    assert now_s == pytest.approx(13.0 + UNKNOWN_PATIENCE_S, abs=0.11)
    assert head.unconfirmed_s(now_s) == 0.0


def test_a_scrub_that_statuses_contradict_for_long_is_dropped() -> None:
    head = take_status(CursorEstimate(), _status(), 10.0)
    head = heads.ask_position(head, 30_000, 10.0)
    head = take_status(head, _status(4_900), 14.9)
    assert head.requested_ms(14.9) == 30_000
    head = take_status(head, _status(5_100), 15.1)
    assert head.requested_ms(15.1) is None
    assert head.confirmed_ms(15.1) == 5_100


def test_a_request_waits_for_as_long_as_the_server_has_said_nothing() -> None:
    head = heads.ask_paused(CursorEstimate(), False, 10.0)
    assert not heads.due_commands(head, 100.0)[0].wants_paused()


def test_a_pause_that_was_not_asked_for_is_asked_about_once() -> None:
    head = take_status(CursorEstimate(), _status(paused=True), 10.0)
    head = take_status(heads.ask_paused(head, False, 10.0), _status(50), 10.1)
    head = take_status(head, _status(9_900, paused=True), 20.0)
    assert not head.wants_paused()
    head, commands = heads.due_commands(head, 20.0)
    assert commands == [Resume()]
    head = take_status(head, _status(9_950), 20.1)
    assert heads.due_commands(head, 22.0) == (head, [])
    head = take_status(head, _status(11_900, paused=True), 22.0)
    assert heads.due_commands(head, 22.0) == (head, [])
    assert head.wants_paused()


def test_a_server_that_pauses_at_the_end_of_a_call_is_right() -> None:
    head = take_status(CursorEstimate(), _status(50_000, paused=True), 10.0)
    head = take_status(heads.ask_paused(head, False, 10.0), _status(50_050), 10.1)
    head = take_status(head, _status(60_000, paused=True), 20.1)
    assert heads.due_commands(head, 20.1) == (head, [])
    assert head.wants_paused()


@pytest.mark.parametrize("duration_ms", [0, 500])
def test_a_duration_of_0_or_before_the_cursor_clamps_nothing(duration_ms: int) -> None:
    head = take_status(CursorEstimate(), Status(1_000, duration_ms, False, False, True), 10.0)
    assert head.confirmed_ms(12.0) == 3_000
    assert head.duration_ms(12.0) == 3_000
    assert not head.is_near_end(12.0)


def test_a_duration_that_shrinks_is_not_known() -> None:
    head = take_status(CursorEstimate(), _status(1_000, 30_000), 10.0)
    head = take_status(head, _status(2_000, 20_000), 11.0)
    assert not head.knows_duration
    assert head.duration_ms(11.0) == 30_000
    head = take_status(head, _status(3_000, 20_000), 12.0)
    assert head.knows_duration


@pytest.mark.parametrize("step_ms", [500, 1_000, 5_000])
def test_positions_that_are_rounded_do_not_make_the_clock_saw(step_ms: int) -> None:
    head, shown = CursorEstimate(), []
    for tick in range(400):
        now_s, place_ms = 10.0 + tick / 10, tick * 100
        if tick % 5 == 0:
            head = take_status(head, _status(place_ms // step_ms * step_ms), now_s)
        shown.append(head.confirmed_ms(now_s))
        if tick > 3 * step_ms / 100:
            assert abs(shown[-1] - place_ms) <= 500
    assert all(later >= earlier for earlier, later in pairwise(shown))


@pytest.mark.parametrize(
    ("landing_ms", "asked_ms"), [(28_000, 30_000), (25_000, 30_000), (30_000, 30_400)]
)
def test_a_scrub_is_confirmed_whatever_the_rounding(landing_ms: int, asked_ms: int) -> None:
    head = take_status(CursorEstimate(), _status(10_010), 10.0)
    head = heads.ask_position(head, asked_ms, 10.0)
    head = take_status(head, _status(landing_ms), 10.1)
    assert head.requested_ms(10.1) is None
    assert head.confirmed_ms(10.1) == landing_ms


# --- a server that obeys, seen through a line that delays -----------------------------------------


@dataclass
class _Server:
    position_ms: int = 0
    paused: bool = True

    def obey(self, what: str, position_ms: int) -> None:
        if what == "jump":
            self.position_ms = position_ms
        else:
            self.paused = what == "pause"


@given(
    line_ms=st.integers(0, 200),
    asks=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["jump", "pause", "resume"]),
                  st.integers(0, 59_000)),
        min_size=1, max_size=6,
    ),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_every_wish_comes_true_with_a_server_that_obeys(
    line_ms: int, asks: list[tuple[int, str, int]]
) -> None:
    """20 ms a step; asks come in their order, statuses every 100 ms."""
    server, head = _Server(), CursorEstimate()
    to_server: list[tuple[int, str, int]] = []
    to_player: list[tuple[int, Status]] = []
    due_ms, script = 0, []
    for wait, what, position_ms in asks:
        due_ms += wait * 20
        script.append((due_ms, what, position_ms))
    for now_ms in range(0, due_ms + 3000, 20):
        now_s = 100.0 + now_ms / 1000
        while script and script[0][0] <= now_ms:
            _, what, position_ms = script.pop(0)
            if what == "jump":
                head = heads.ask_position(head, position_ms, now_s)
            else:
                head = heads.ask_paused(head, what == "pause", now_s)
            to_server.append((now_ms + line_ms, what, position_ms))
        while to_server and to_server[0][0] <= now_ms:
            _, what, position_ms = to_server.pop(0)
            server.obey(what, position_ms)
        if now_ms % 100 == 0:
            status = _status(server.position_ms, paused=server.paused)
            to_player.append((now_ms + line_ms, status))
        while to_player and to_player[0][0] <= now_ms:
            head = take_status(head, to_player.pop(0)[1], now_s)
        head, _ = heads.due_commands(head, now_s)
        if head.open_seek is not None and now_s - head.open_seek.since_s > 1.0:
            head = assume_carried_out(head, now_s - 1.0 + 2 * line_ms / 1000)
        if not server.paused:
            server.position_ms = min(server.position_ms + 20, 60_000)
    assert head.unconfirmed_s(now_s) == 0.0
    assert head.wants_paused() == server.paused
    assert head.confirmed_ms(now_s) == pytest.approx(server.position_ms, abs=line_ms + 40)


def _playing(until_s: float) -> CursorEstimate:
    """A call that plays from 10 s on at 100.0 s, reported four times a second."""
    head = CursorEstimate()
    for quarter in range(int((until_s - 100.0) * 4) + 1):
        head = take_status(head, _status(10_000 + quarter * 250), 100.0 + quarter / 4)
    return head


def test_statuses_that_were_held_up_do_not_take_the_cursor_back() -> None:
    head = _playing(102.0)
    # Nothing for 2 s, then what was sent meanwhile, all at once but for the last second of it.
    for quarter in range(1, 5):
        head = take_status(head, _status(12_000 + quarter * 250), 104.0)
        assert head.confirmed_ms(104.0) == 14_000
    assert head.segment_ms == 10_000
    head = take_status(head, _status(14_300), 104.3)
    assert head.confirmed_ms(104.3) == 14_300


def test_a_server_that_has_gone_back_is_believed_once_it_has_said_so_for_a_while() -> None:
    head = _playing(102.0)
    for quarter in (1, 2):
        now_s = 102.0 + quarter / 4
        head = take_status(head, _status(2_000 + quarter * 250), now_s)
        assert head.confirmed_ms(now_s) == 12_000 + quarter * 250
    head = take_status(head, _status(2_750), 102.75)
    assert (head.confirmed_ms(102.75), head.segment_ms) == (2_750, 2_750)


def test_a_pause_is_believed_at_once() -> None:
    head = take_status(_playing(102.0), _status(2_000, paused=True), 103.0)
    assert head.confirmed_ms(103.0) == 2_000


def test_a_position_that_stands_while_it_plays_confirms_nothing() -> None:
    head = _playing(102.0)
    for quarter in range(8):
        head = take_status(head, _status(12_000), 102.0 + quarter / 4)
        assert head.confirmed_ms(102.0 + quarter / 4) == 12_000 + quarter * 250
