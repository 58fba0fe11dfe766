"""The rules of a call as the user steers it, on an invented clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callplayer.engine.cursor.call_state import Delays, ResumePoint
from callplayer.engine.cursor.habits import ServerHabits
from callplayer.engine.cursor.playback import PAUSE_BACK_MS, PlaybackState
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd, SetGain
from callplayer.vendor.parties import CallerType
from callplayer.vendor.status import Status

DELAYS = Delays(path_ms=100.0, device_ms=10.0, turnover_ms=60.0)
DURATION_MS = 100_000


def status(
    position_ms: int, *, paused: bool = False, over: bool = True, end: bool = False
) -> Status:
    return Status(position_ms, DURATION_MS, paused, end, over)


def playing_call(
    position_ms: int = 20_000, *, over: bool = True, end: bool = False
) -> PlaybackState:
    """A call that has played for 10 s and is at `position_ms` at 1000.0 s."""
    call = PlaybackState()
    call.opened = True
    for before_s in (10, 0):
        place = status(position_ms - before_s * 1000, over=over, end=end)
        call.take_status(place, 1000.0 - before_s, DELAYS)
    return call


def test_a_pause_goes_back_to_what_was_heard_last() -> None:
    call = playing_call()
    commands = call.apply(Pause(), 1000.0, DELAYS)
    # 100 ms are on their way, of which the device still plays 10.
    assert commands == [Scrub(20_000 - 100 + 10 - PAUSE_BACK_MS), Pause()]
    assert call.phase(1000.0) == "paused"
    assert not call.may_be_heard(1000.0)


def test_a_second_pause_moves_nothing() -> None:
    call = playing_call()
    call.apply(Pause(), 1000.0, DELAYS)
    call.take_status(status(19_860, paused=True), 1000.1, DELAYS)
    assert call.apply(Pause(), 1001.0, DELAYS) == [Pause()]


def test_toggle_follows_what_was_asked_last_not_what_is_confirmed() -> None:
    call = playing_call()
    assert call.apply(m.TogglePause(), 1000.0, DELAYS)[-1] == Pause()
    # What was sent before the pause is still on its way: the resume waits for its end.
    assert call.apply(m.TogglePause(), 1000.01, DELAYS) == []
    assert call.phase(1000.01) == "playing"
    assert call.apply(m.TogglePause(), 1000.02, DELAYS)[-1] == Pause()


def test_a_resume_right_after_a_pause_goes_out_once_nothing_old_can_be_heard() -> None:
    call = playing_call()
    call.apply(Pause(), 1000.0, DELAYS)
    assert call.apply(Resume(), 1000.01, DELAYS) == []
    call.take_status(status(19_860), 1000.02, DELAYS)
    assert call.due(1000.03, DELAYS) == []
    call.take_status(status(19_860, paused=True), 1000.04, DELAYS)
    assert not call.head.wants_paused()
    assert call.due(1000.09, DELAYS) == []  # the path is still turning over
    assert call.due(1000.11, DELAYS) == [Resume()]
    assert call.due(1000.12, DELAYS) == []
    assert call.may_be_heard(1000.12)


@pytest.mark.parametrize("before_s", [0.0, 0.5])
def test_a_pause_that_the_broken_link_has_kept_stands_where_it_was_asked_for(
    before_s: float,
) -> None:
    """It was asked for `before_s` before the connection was known to be broken, or after that."""
    call = playing_call()
    asked_s = 1000.0 + before_s
    call.unreachable = not before_s
    place_ms = round(20_000 + before_s * 1000) - 100 + 10 - PAUSE_BACK_MS
    assert call.apply(Pause(), asked_s, DELAYS) == [Scrub(place_ms), Pause()]
    call.unreachable = True
    for passed_s in (0.1, 1.0, 2.0, 5.0, 20.0):
        now_s = asked_s + passed_s
        assert call.due(now_s, DELAYS) == []
        state = call.state(now_s, DELAYS, (), {}, None)
        assert (state.position_ms, state.audible_ms, state.requested_ms) == 3 * (place_ms,)
        assert (state.paused, state.advancing) == (True, False)
    # Nothing says that it was carried out: with the link back it is asked for again.
    call.unreachable = False
    assert call.open_wishes() == ResumePoint(place_ms, paused=True)
    call.unreachable = True
    call.freeze(asked_s + 21.0, DELAYS, None)
    assert call.state(asked_s + 25.0, DELAYS, (), {}, None).position_ms == place_ms


@pytest.mark.parametrize("paused", [False, True])
def test_toggle_at_the_end_plays_from_the_start(paused: bool) -> None:
    call = playing_call()
    call.take_status(status(DURATION_MS, end=True, paused=paused), 1001.0, DELAYS)
    assert call.phase(1000.0) == "at-end"
    commands = call.apply(m.TogglePause(), 1002.0, DELAYS)
    assert commands == ([Scrub(0), Resume()] if paused else [Scrub(0)])


def test_seeks_start_from_what_is_heard_and_add_up() -> None:
    call = playing_call()
    assert call.apply(m.SeekBy(-5000), 1000.0, DELAYS) == [Scrub(14_900)]
    assert call.apply(m.SeekBy(-5000), 1000.1, DELAYS) == [Scrub(9_900)]
    assert call.apply(m.SeekBy(-50_000), 1000.2, DELAYS) == [Scrub(0)]
    assert call.apply(m.SeekBy(10**8), 1000.3, DELAYS) == [Scrub(DURATION_MS)]


@pytest.mark.parametrize(
    ("party", "reported"),
    [
        ("caller", [SetGain(-6.0, "caller")]),
        ("call", [SetGain(-6.0, "caller"), SetGain(-6.0, "callTaker")]),
    ],
)
def test_a_gain_goes_out_for_its_party_and_for_both(
    party: CallerType, reported: list[Command]
) -> None:
    assert playing_call().apply(m.SetPartyGain(-6.0, party), 1000.0, DELAYS) == reported


def test_the_gate_opens_when_the_path_has_turned_over_after_the_confirmation() -> None:
    call = playing_call()
    call.apply(Scrub(50_000), 1000.0, DELAYS)
    assert not call.may_be_heard(1000.0)
    assert not call.take_status(status(20_050), 1000.05, DELAYS)  # not yet obeyed
    assert call.take_status(status(50_000), 1000.1, DELAYS)
    assert not call.may_be_heard(1000.159)
    assert call.may_be_heard(1000.161)


def test_the_gate_goes_by_the_latest_look_at_the_path() -> None:
    call = playing_call()
    call.apply(Scrub(50_000), 1000.0, DELAYS)
    call.take_status(status(50_000), 1000.1, DELAYS)
    call.turn_over(1000.1, 200.0)
    assert not call.may_be_heard(1000.25)
    assert call.may_be_heard(1000.31)


def test_while_the_server_is_away_nothing_moves_and_nothing_is_lost() -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    for later_s in (1000.0, 1008.0, 1060.0):
        state = call.state(later_s, DELAYS, (), {}, None)
        assert (state.phase, state.advancing, state.lost_at_s) == ("reconnecting", False, 1000.0)
        assert state.position_ms == state.audible_ms == 19_900
    call.apply(Pause(), 1008.0, DELAYS)
    back = call.resume_from(1060.0, DELAYS, stays=False)
    assert back == ResumePoint(19_900, paused=True)
    assert call.state(1060.0, DELAYS, (), {}, None).lost_at_s is None


def test_what_came_after_the_last_packet_was_never_heard() -> None:
    call = playing_call()
    # Noticed 1.3 s late: the server went on meanwhile, by the clock.
    call.freeze(1001.3, DELAYS, 1000.0)
    assert call.state(1001.3, DELAYS, (), {}, None).position_ms == 20_000


def test_a_stretch_that_began_after_the_last_packet_is_where_it_waits() -> None:
    call = playing_call()
    call.apply(Scrub(50_000), 1000.0, DELAYS)
    call.take_status(status(50_000), 1000.1, DELAYS)
    call.freeze(1003.0, DELAYS, 1000.05)
    assert call.state(1003.0, DELAYS, (), {}, None).position_ms == 50_000


def test_what_was_asked_while_away_is_what_is_restored() -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    call.apply(m.SeekBy(-5000), 1003.0, DELAYS)
    call.apply(m.SeekBy(-5000), 1004.0, DELAYS)
    assert call.resume_from(1060.0, DELAYS, stays=True) == ResumePoint(9_900, paused=False)
    call.freeze(1061.0, DELAYS, None)
    call.apply(ScrubToEnd(), 1061.0, DELAYS)
    assert call.resume_from(1062.0, DELAYS, stays=True).position_ms is None


def test_a_call_that_was_live_comes_back_live() -> None:
    call = playing_call(100_000, over=False, end=True)
    call.freeze(1000.0, DELAYS, None)
    assert call.resume_from(1030.0, DELAYS, stays=False).position_ms is None


def test_a_live_call_does_not_grow_while_nothing_is_known_of_it() -> None:
    call = playing_call(over=False)
    before = call.state(1000.0, DELAYS, (), {}, None).duration_ms
    call.freeze(1000.0, DELAYS, None)
    assert call.state(1050.0, DELAYS, (), {}, None).duration_ms == before


def test_what_a_server_reports_while_away_counts_once_it_is_back() -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    assert not call.take_status(status(0, paused=True), 1002.0, DELAYS)  # a new bot's
    assert call.state(1002.0, DELAYS, (), {}, None).position_ms == 19_900
    assert call.has_status_since(1001.0)
    assert not call.has_status_since(1002.0)
    assert not call.has_stayed(1001.9)
    assert call.resume_from(1002.1, DELAYS, stays=False) == ResumePoint(19_900, paused=False)
    assert call.head.status == status(0, paused=True)


@pytest.mark.parametrize(
    ("reported", "stayed"),
    [
        (status(19_900), True),
        (status(20_500), True),
        (status(20_700), False),  # it has gone on while nothing was heard
        (status(19_000), False),
        (status(19_900, paused=True), False),
    ],
)
def test_a_server_whose_sound_came_late_but_whole_is_left_alone(
    reported: Status, stayed: bool
) -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    call.take_status(reported, 1002.0, DELAYS)
    assert call.has_stayed(flows_s=1002.0) is stayed
    back = call.resume_from(1002.0, DELAYS, stays=call.has_stayed(1002.0))
    assert back.stays is stayed


def test_in_a_new_room_nothing_is_heard_before_the_call_is_where_it_was() -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    assert call.may_be_heard(1000.0)  # what still comes of the old room
    call.join_anew()
    assert not call.may_be_heard(1001.0)
    back = call.resume_from(1002.0, DELAYS, stays=False)
    assert back == ResumePoint(19_900, paused=False)
    assert call.phase(1000.0) == "connecting"  # it has reported nothing yet
    call.apply(Scrub(19_900), 1002.0, DELAYS)
    assert not call.may_be_heard(1002.1)


def test_after_a_gap_nothing_more_is_lost_to_the_gate() -> None:
    call = playing_call()
    call.freeze(1000.0, DELAYS, None)
    back = call.resume_from(1002.0, DELAYS, stays=False)
    assert back.position_ms is not None
    call.apply(Scrub(back.position_ms), 1002.0, DELAYS)
    assert not call.may_be_heard(1002.1)
    call.listen_at_once()
    assert call.may_be_heard(1002.1)


@pytest.mark.parametrize(
    ("start", "asked", "begun"),
    [
        ("play", [], ResumePoint(0, paused=False)),
        ("paused", [], ResumePoint(0, paused=True)),
        ("live", [], ResumePoint(None, paused=False)),
        ("play", [Scrub(5_000), Pause()], ResumePoint(5_000, paused=True)),
        ("paused", [ScrubToEnd(), Resume()], ResumePoint(None, paused=False)),
    ],
)
def test_what_is_typed_before_the_call_is_there_goes_before_the_start(
    start: m.Start, asked: list[m.Request], begun: ResumePoint
) -> None:
    call = PlaybackState()
    for request in asked:
        call.apply(request, 999.0, DELAYS)
    assert call.start_point(start) == begun


@pytest.mark.parametrize(
    ("start", "asked", "begun"),
    [
        ("play", Pause(), ResumePoint(0, paused=True)),
        ("live", Scrub(0), ResumePoint(0, paused=False)),
        ("paused", Resume(), ResumePoint(0, paused=False)),
    ],
)
def test_before_the_call_is_open_a_status_confirms_nothing(
    start: m.Start, asked: m.Request, begun: ResumePoint
) -> None:
    call = PlaybackState()
    call.apply(asked, 999.0, DELAYS)
    # What a new stream reports agrees with some wishes, by chance: it knows of none.
    assert not call.take_status(status(0, paused=True), 999.5, DELAYS)
    assert not call.take_status(status(0, paused=start == "play"), 999.9, DELAYS)
    assert call.start_point(start) == begun


@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize("rejoins", [False, True])
def test_a_server_that_was_primed_and_says_nothing_rests_at_the_start(
    reports: bool, rejoins: bool
) -> None:
    """It plays since it was asked to only to have tracks, and nothing shows when it is back."""
    call = playing_call() if rejoins else PlaybackState()
    if rejoins:
        call.freeze(1000.0, DELAYS, None)
        call.join_anew()
    call.primed = True
    if reports:
        call.take_status(status(1_000), 1003.0, DELAYS)
    back = call.resume_from(1003.0, DELAYS, stays=False) if rejoins else call.start_point("play")
    assert (back.paused, back.moved, back.rests) == (False, True, not reports)
    if reports:
        return
    call.opened = True
    assert back.position_ms is not None
    wishes = (Pause(), Scrub(back.position_ms), Resume())
    sent = [call.apply(wish, 1003.0, DELAYS) for wish in wishes]
    assert sent == [[Pause()], [Scrub(back.position_ms)], []]
    assert call.phase(1003.0) != "paused"
    resumed_s = next(
        at_s for at_s in (1003.0 + step / 20 for step in range(60))
        if Resume() in call.due(at_s, DELAYS)
    )  # fmt: skip
    assert 1003.5 < resumed_s < 1004.3
    assert call.may_be_heard(resumed_s), "all of it"


def test_a_wish_that_did_not_get_out_is_known() -> None:
    call = playing_call()
    assert call.open_wishes() == ResumePoint(None, paused=False, stays=True)
    call.apply(Scrub(5_000), 1000.0, DELAYS)
    assert call.open_wishes() == ResumePoint(5_000, paused=False)


def test_sound_is_expected_while_the_call_plays() -> None:
    call = playing_call()
    first = call.expected_stretch()
    assert first is not None
    call.apply(Scrub(5_000), 1000.0, DELAYS)
    second = call.expected_stretch()
    assert second not in (None, first)
    assert call.due(1006.0, DELAYS) == []
    assert call.expected_stretch() not in (None, first)
    call.take_status(status(60_000), 1006.1, DELAYS)
    assert call.expected_stretch() not in (None, second)
    assert not call.is_idle()
    call.take_status(status(60_000, paused=True), 1006.2, DELAYS)
    assert call.expected_stretch() is None
    assert call.is_idle()
    call.apply(Resume(), 1007.0, DELAYS)
    assert call.expected_stretch() is None  # until the server says that it plays


def test_sound_that_begins_before_a_scrub_is_confirmed_says_nothing_of_the_statuses() -> None:
    call = playing_call()
    call.apply(Resume(), 995.0, DELAYS)
    call.freeze(1001.0, DELAYS, 1000.0)
    call.take_status(status(24_000), 1004.0, DELAYS)
    back = call.resume_from(1004.0, DELAYS, stays=False)
    assert back.position_ms is not None
    call.apply(Scrub(back.position_ms), 1004.0, DELAYS)
    call.apply(Resume(), 1004.0, DELAYS)
    call.listen_at_once()
    call.take_sound(1004.2, DELAYS)  # what the server plays until it obeys
    call.take_status(status(24_300), 1004.3, DELAYS)
    assert call.head.habits.ahead_ms == 0
    call.take_status(status(back.position_ms), 1004.4, DELAYS)
    assert call.shown_ms(1004.6, DELAYS) == pytest.approx(back.position_ms + 100, abs=5)
    assert call.may_be_heard(1004.6)


def test_without_any_status_the_phase_goes_by_sound() -> None:
    call = PlaybackState()
    call.opened = True
    call.apply(Resume(), 1000.0, DELAYS)
    assert call.phase(1000.1) == "connecting"
    call.take_sound(1000.2, DELAYS)
    assert call.phase(1000.3) == "playing"
    assert call.head.unconfirmed_s(1001.0) == 0.0
    assert call.shown_ms(1005.0, DELAYS) == pytest.approx(4_800, abs=200)
    assert call.due(1001.1, DELAYS) == []  # sound is agreement enough


def test_a_call_that_is_to_wait_is_paused_though_no_status_has_come() -> None:
    call = PlaybackState()
    call.opened = True
    call.stay_paused(1000.0)
    assert call.phase(1000.0) == "paused"


def test_a_move_that_nothing_confirms_is_heard_after_what_the_server_needs() -> None:
    call = playing_call()
    call.head = replace(call.head, habits=ServerHabits(obey_s=0.05))
    call.apply(Scrub(50_000), 1000.0, DELAYS)
    assert call.due(1000.2, DELAYS) == []
    assert not call.may_be_heard(1000.3)
    assert call.due(1000.3, DELAYS) == []
    assert call.may_be_heard(1000.34)
    state = call.state(1000.4, DELAYS, (), {}, None)
    assert (state.requested_ms, state.unconfirmed_s) == (None, 0.0)
    assert state.position_ms == pytest.approx(50_150, abs=50)
    call.take_status(status(20_500), 1000.5, DELAYS)  # older than the move, as far as is known
    assert call.state(1000.5, DELAYS, (), {}, None).position_ms > 50_000


def test_scrubs_are_not_clamped_by_a_duration_that_is_not_known() -> None:
    call = PlaybackState()
    call.opened = True
    call.take_status(Status(0, 0, True, False, True), 1000.0, DELAYS)
    assert call.apply(Scrub(123_456), 1000.1, DELAYS) == [Scrub(123_456)]


def test_a_server_that_resumes_at_a_scrub_is_paused_again_and_then_known() -> None:
    call = playing_call()
    call.apply(Pause(), 1000.0, DELAYS)
    call.take_status(status(19_860, paused=True), 1000.1, DELAYS)
    assert call.apply(Scrub(60_000), 1010.0, DELAYS) == [Scrub(60_000)]
    call.take_status(status(60_010), 1010.1, DELAYS)
    assert call.due(1010.1, DELAYS) == [Pause()]
    assert call.phase(1010.1) == "paused"
    call.take_status(status(60_050, paused=True), 1010.2, DELAYS)
    assert call.apply(Scrub(70_000), 1020.0, DELAYS) == [Scrub(70_000), Pause()]


@pytest.mark.parametrize(("left_ms", "phase"), [(800, "live"), (1_400, "live"), (3_000, "playing")])
def test_live_is_where_a_user_would_call_it_live(left_ms: int, phase: str) -> None:
    call = playing_call(DURATION_MS - left_ms, over=False)
    assert call.phase(1000.0) == phase
    call.take_status(status(DURATION_MS - left_ms, over=False, end=False), 1000.0, DELAYS)
    assert call.phase(1000.0) == phase
