"""The call held where it was heard last."""

from __future__ import annotations

import pytest

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.hold import LIVE_AGAIN_S, RECENT_S, Hold
from callplayer.engine.cursor.playback import BREAK_BACK_MS, PlaybackState
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.status import Status

NOW_S = 100.0
DELAYS = Delays(path_ms=100.0)


class Line:
    """An open call at 30 s of 60, and what is sent to its server."""

    def __init__(self, **status: bool) -> None:
        self.sent: list[Command] = []
        self.call = PlaybackState()
        self.call.opened = True
        self.hold = Hold(self.call, lambda: DELAYS, self.sent.extend)
        self.report(30_000, NOW_S, **status)

    def report(self, position_ms: int, now_s: float, **status: bool) -> None:
        reported = {"at_end": False, "call_over": True, "paused": False} | status
        self.call.take_status(
            Status(position=position_ms, duration=60_000, **reported), now_s, DELAYS
        )

    def pass_time(self, now_s: float) -> None:
        """Send what is due by then, as the engine does on its ticks."""
        for tick in range(60):
            self.sent += self.call.due(now_s - 3.0 + tick * 0.05, DELAYS)


def test_the_call_waits_where_it_was_heard_last_and_goes_on_from_there() -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.report(32_500, NOW_S + 2.5)
    line.hold.engage(NOW_S + 2.6, goes_on=True)
    assert line.sent == [Scrub(31_900 - BREAK_BACK_MS), Pause()]
    assert line.call.held
    line.hold.engage(NOW_S + 2.7, goes_on=True)
    assert len(line.sent) == 2
    line.report(31_770, NOW_S + 2.8, paused=True)
    line.hold.release(NOW_S + 9.0)
    assert line.sent[2:] == [Resume()]
    assert not line.call.held


@pytest.mark.parametrize(
    ("broke_off_s", "went_on_ms"),
    [(2.08, 80), (1.99, 0), (2.0 + RECENT_S, 0), (None, 0)],
)
def test_the_call_waits_where_sound_broke_off_after_the_last_record(
    broke_off_s: float | None, went_on_ms: int
) -> None:
    """One from before the record counts as that; one long after it was not heard at all."""
    line = Line()
    line.hold.record(NOW_S + 2.0)
    broke_off_s = None if broke_off_s is None else NOW_S + broke_off_s
    line.hold.engage(NOW_S + 3.0, goes_on=True, broke_off_s=broke_off_s)
    assert line.sent == [Scrub(31_900 + went_on_ms - BREAK_BACK_MS), Pause()]


def test_a_jump_since_the_last_record_is_not_added_to() -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.sent.append(line.call.seek(31_000, NOW_S + 2.01))
    line.report(31_000, NOW_S + 2.05)
    line.hold.engage(NOW_S + 2.4, goes_on=True, broke_off_s=NOW_S + 2.1)
    assert line.sent[1:] == [Scrub(31_000 - BREAK_BACK_MS), Pause()]


def test_a_call_that_is_to_pause_is_not_gone_on_with() -> None:
    line = Line()
    line.hold.record(NOW_S + 1.0)
    line.hold.engage(NOW_S + 1.1, goes_on=False)
    line.hold.release(NOW_S + 2.0)
    assert Resume() not in line.sent
    assert line.call.head.wants_paused()


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_call_that_a_person_paused_stays_as_it_is(goes_on: bool) -> None:
    line = Line(paused=True)
    line.hold.engage(NOW_S + 1.0, goes_on=goes_on)
    line.hold.release(NOW_S + 2.0)
    assert line.sent == []


def test_a_jump_that_is_not_heard_yet_is_where_the_call_waits() -> None:
    line = Line()
    line.hold.record(NOW_S + 1.0)
    line.sent.append(line.call.seek(50_000, NOW_S + 1.1))
    line.report(50_000, NOW_S + 1.2)
    line.hold.engage(NOW_S + 1.6, goes_on=True)
    assert line.sent[1:] == [Scrub(50_000 - BREAK_BACK_MS), Pause()]


def test_a_jump_that_is_not_confirmed_yet_stands() -> None:
    line = Line()
    line.hold.record(NOW_S + 1.0)
    line.call.seek(50_000, NOW_S + 1.1)
    line.hold.engage(NOW_S + 1.2, goes_on=True)
    assert line.sent == [Pause()]
    assert line.call.head.requested_ms(NOW_S + 1.2) == 50_000


def test_at_the_end_there_is_nothing_to_hold() -> None:
    line = Line(at_end=True)
    line.hold.engage(NOW_S + 1.0, goes_on=True)
    assert line.sent == []


@pytest.mark.parametrize(("away_s", "is_live"), [(0.3, True), (LIVE_AGAIN_S + 1.0, False)])
def test_a_live_call_is_live_again_after_a_change_of_device_only(
    away_s: float, is_live: bool
) -> None:
    line = Line(at_end=True, call_over=False)
    line.hold.record(NOW_S + 1.0)
    line.hold.engage(NOW_S + 1.0, goes_on=True)
    line.hold.release(NOW_S + 1.0 + away_s)
    line.pass_time(NOW_S + 5.0 + away_s)
    assert (ScrubToEnd() in line.sent) is is_live
    assert line.sent[-1] == Resume()


def test_while_the_server_is_away_the_call_waits_where_it_stands() -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.call.freeze(NOW_S + 2.2, DELAYS, NOW_S + 1.0)  # nothing has come since
    line.hold.engage(NOW_S + 3.0, goes_on=True)
    assert line.sent == [Pause()]
    line.hold.release(NOW_S + 3.5)
    back = line.call.resume_from(NOW_S + 4.0, DELAYS, stays=False)
    assert (back.position_ms, back.paused) == (31_000, False)


def test_sound_that_broke_off_unseen_is_gone_back_to_though_the_call_has_ended_since() -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.report(60_000, NOW_S + 62.0, at_end=True)
    line.hold.break_off(NOW_S + 62.0, 59.9)
    assert line.sent == [Scrub(32_000 - BREAK_BACK_MS), Pause()]
    line.hold.release(NOW_S + 62.1)
    assert not line.call.head.wants_paused()


def test_a_live_call_that_was_not_heard_for_long_is_gone_back_to_as_well() -> None:
    line = Line(at_end=True, call_over=False)
    line.hold.record(NOW_S + 0.1)
    line.hold.break_off(NOW_S + 20.1, 20.0)
    line.hold.release(NOW_S + 20.2)
    assert ScrubToEnd() not in line.sent
    assert any(isinstance(command, Scrub) for command in line.sent)


def test_what_was_not_heard_before_it_broke_off_is_not_gone_back_to() -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.hold.break_off(NOW_S + 12.0, 5.0)  # the call was paused, or had ended, in between
    assert line.sent == []
    assert not line.call.held


def test_a_call_that_was_found_out_of_reach_before_it_was_known_to_have_broken_off_goes_back() -> (
    None
):
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.call.freeze(NOW_S + 22.0, DELAYS, None)
    line.hold.break_off(NOW_S + 22.1, 20.0)
    assert line.call.shown_ms(NOW_S + 23.0, DELAYS) == 32_000 - BREAK_BACK_MS
    back = line.call.resume_from(NOW_S + 24.0, DELAYS, stays=False)
    assert (back.position_ms, back.paused) == (32_000 - BREAK_BACK_MS, True)


@pytest.mark.parametrize("jumps", [False, True])
def test_a_place_that_may_not_have_reached_the_server_is_asked_for_again(jumps: bool) -> None:
    line = Line()
    line.hold.record(NOW_S + 2.0)
    line.hold.break_off(NOW_S + 22.0, 20.0)
    line.hold.ask_again()
    line.sent.clear()
    if jumps:  # to another place, meanwhile
        line.hold.forget_place()
    line.hold.release(NOW_S + 25.0)
    line.pass_time(NOW_S + 30.0)
    asked = [] if jumps else [Scrub(31_900 - BREAK_BACK_MS)]
    assert [command for command in line.sent if isinstance(command, Scrub)] == asked
    assert line.sent[-1] == Resume()
