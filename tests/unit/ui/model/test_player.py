"""What each event does to the view, and what may be restored."""

from __future__ import annotations

import msgspec
import pytest

from callplayer.ipc.messages import (
    ErrorEvent,
    LaneLevel,
    LaneState,
    LevelsEvent,
    Mute,
    PartyState,
    SetPartyGain,
    Solo,
    StateEvent,
    StatsEvent,
)
from callplayer.ipc.news import EngineGone, EngineRestarting
from callplayer.ipc.restore import (
    BREAK_BACK_MS,
    EngineLimits,
    SilenceWatch,
    lost_state,
    paused_argv,
    restore_requests,
)
from callplayer.ui.model.format import shown_position_ms
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import (
    PlayerView,
    is_clock_tick,
    reduce,
    select_next_party,
    without_answer,
)
from callplayer.ui.widgets.lines import header_row, notice_rows
from callplayer.vendor.commands import Resume, Scrub, ScrubToEnd
from tests.ui.talk import events_of, word

STATE = StateEvent(
    phase="playing",
    position_ms=10_100,
    audible_ms=10_000,
    duration_ms=60_000,
    paused=False,
    call_over=True,
    advancing=True,
    as_of_s=50.0,
    parties=(PartyState(party="caller"), PartyState(party="callTaker")),
)


def but(state: StateEvent, **changes: object) -> StateEvent:
    return msgspec.structs.replace(state, **changes)


def test_both_parties_are_there_from_the_first_frame_and_tab_goes_round() -> None:
    view = PlayerView()
    assert [party.party for party in view.state.parties] == ["caller", "callTaker"]
    assert view.selected == "caller"
    other = select_next_party(view)
    assert other.selected == "callTaker"
    assert reduce(other, STATE, 50.0).selected == "callTaker"
    assert select_next_party(other).selected == "caller"


@pytest.mark.parametrize("requested_ms", [None, 5_000])
def test_the_hollow_mark_is_explained_only_where_it_is_drawn(requested_ms: int | None) -> None:
    view = reduce(PlayerView(), but(STATE, unconfirmed_s=2.0, requested_ms=requested_ms), 50.0)
    notice = shown_notice(view, 50.0)
    assert notice is not None
    assert ("◇" in notice.hint) is (requested_ms is not None)


def test_a_command_unconfirmed_for_a_second_is_reported_and_then_counted() -> None:
    view = reduce(PlayerView(), but(STATE, unconfirmed_s=0.9), 50.0)
    assert shown_notice(view, 50.05) is None
    notice = shown_notice(view, 51.2)
    assert notice is not None
    assert notice.text == "Not confirmed by the server for 2 s."


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({}, "The server did not go to 0:30.0."),
        ({"position_ms": 30_400}, None),  # it went there, late
        ({"requested_ms": 30_000, "unconfirmed_s": 5.0}, None),  # it is still waited for
        ({"phase": "reconnecting", "advancing": False}, None),  # why is shown already
    ],
)
def test_a_jump_that_never_came_about_is_reported(
    changes: dict[str, object], reported: str | None
) -> None:
    asked = but(STATE, requested_ms=30_000, unconfirmed_s=4.9)
    view = reduce(reduce(PlayerView(), asked, 50.0), but(STATE, **changes), 50.1)
    assert (view.notice.text if view.notice is not None else None) == reported
    quick = but(STATE, requested_ms=30_000, unconfirmed_s=0.2)
    view = reduce(reduce(PlayerView(), quick, 50.0), STATE, 50.1)
    assert view.notice is None, "it was called back before anything had to be shown"


REASON = "The room server does not answer. Trying again in 7 s."


def _shown(view: PlayerView, now_s: float) -> tuple[str, str] | None:
    notice = shown_notice(view, now_s)
    return None if notice is None else (notice.text, notice.tone)


def test_why_there_is_no_link_is_reported_for_as_long_as_there_is_none() -> None:
    down = but(STATE, phase="reconnecting", advancing=False, detail=REASON, unconfirmed_s=4.0)
    view = reduce(PlayerView(), down, 50.0)
    assert _shown(view, 50.0) == (REASON, "hold")
    assert _shown(view, 500.0) == (REASON, "hold")
    assert _shown(reduce(view, STATE, 501.0), 501.0) is None


def test_a_failed_state_shows_why_before_its_error_has_come() -> None:
    view = reduce(PlayerView(), but(STATE, phase="failed", advancing=False, detail=REASON), 50.0)
    assert _shown(view, 50.0) == (REASON, "alert")


def test_what_connecting_waits_for_is_reported_once_it_takes_more_than_two_seconds() -> None:
    first = StateEvent(phase="connecting", detail="signing in")
    view = reduce(reduce(PlayerView(), first, 50.0), but(first, detail="joining\x1b"), 51.5)
    assert _shown(view, 52.0) is None
    assert _shown(view, 52.1) == ("joining\N{REPLACEMENT CHARACTER}", "ask")
    again = reduce(reduce(view, STATE, 60.0), first, 70.0)
    assert _shown(again, 71.9) is None
    assert _shown(again, 72.1) == ("signing in", "ask")


def test_an_error_goes_before_what_connecting_waits_for_and_after_a_broken_link() -> None:
    error = ErrorEvent(code="device-lost", message="No device.", hint="Plug it in.")
    connecting = reduce(PlayerView(), StateEvent(phase="connecting", detail=REASON), 50.0)
    assert _shown(reduce(connecting, error, 53.0), 53.0) == ("No device.", "alert")
    down = reduce(PlayerView(), but(STATE, phase="reconnecting", detail=REASON), 50.0)
    assert _shown(reduce(down, error, 53.0), 53.0) == (REASON, "hold")


def test_a_lost_engine_is_reported_for_a_moment_before_what_the_next_one_waits_for() -> None:
    view = reduce(PlayerView(), EngineRestarting("died", 1), 50.0)
    view = reduce(view, but(STATE, phase="reconnecting", detail="signing in"), 50.5)
    assert "died" in str(_shown(view, 51.0))
    assert _shown(view, 56.1) == ("signing in", "hold")


def test_an_error_is_a_notice_for_a_while_and_its_text_is_cleaned() -> None:
    error = ErrorEvent(code="x", message="bad\x1b[31m\nnews", hint="do this")
    view = reduce(reduce(PlayerView(), STATE, 50.0), error, 50.0)
    notice = shown_notice(view, 51.0)
    assert notice is not None
    assert "\x1b" not in notice.text
    assert "\n" not in notice.text
    assert shown_notice(view, 500.0) is None


def test_a_fatal_error_fails_the_view_and_keeps_the_position() -> None:
    error = ErrorEvent(code="unreachable", message="No answer.", hint="Wait.", exit_code=5)
    view = reduce(reduce(PlayerView(), STATE, 50.0), error, 51.0)
    assert view.state.phase == "failed"
    assert view.state.position_ms == 10_100
    assert view.failure is not None
    assert view.failure.exit_code == 5
    assert view.was_connected
    gone = reduce(view, EngineGone("other", "other", 1), 52.0)
    assert gone.failure == view.failure


def test_a_restart_is_reported() -> None:
    notice = shown_notice(reduce(PlayerView(), EngineRestarting("died", 1), 50.0), 51.0)
    assert notice is not None
    assert "died" in notice.text


def test_a_lost_engine_is_brought_back_to_what_was_heard() -> None:
    """Or a little before: what was made last may not have been heard."""
    assert restore_requests(STATE, 50.4) == (Scrub(10_400 - BREAK_BACK_MS), Resume())
    rest = but(STATE, phase="paused", advancing=False, paused=True)
    assert restore_requests(rest, 50.4) == (Scrub(10_100),)


def test_an_old_state_is_carried_on_for_a_second_at_most() -> None:
    assert restore_requests(STATE, 53.5) == (Scrub(11_000 - BREAK_BACK_MS), Resume())


def test_a_lost_engines_clock_stands_where_it_was_heard_last() -> None:
    lost = lost_state(but(STATE, detail="old", unconfirmed_s=3.0), 50.4)
    assert {shown_position_ms(lost, 50.4 + s) for s in (0.0, 0.5, 90.0)} == {10_400}
    assert (lost.phase, lost.detail, lost.unconfirmed_s) == ("reconnecting", "", 0.0)
    assert lost.parties == STATE.parties
    rest = but(STATE, phase="paused", advancing=False, paused=True, requested_ms=42_000)
    assert shown_position_ms(lost_state(rest, 50.4), 60.0) == 10_100
    assert lost_state(rest, 50.4).requested_ms == 42_000


def test_pause_target_and_volumes_come_back_volumes_first() -> None:
    state = but(
        STATE,
        phase="paused",
        paused=True,
        advancing=False,
        requested_ms=42_000,
        parties=(
            PartyState(party="caller", gain_db=-6.0, muted=True),
            PartyState(party="callTaker", soloed=True),
        ),
    )
    assert restore_requests(state, 51.0) == (
        SetPartyGain(-6.0, "caller"),
        Mute("caller"),
        Solo("callTaker"),
        Scrub(42_000),
    )


def test_a_volume_sent_for_a_mute_is_always_sent_again() -> None:
    muted = PartyState(party="caller", muted=True, silenced=True, muted_at_server=True)
    state = but(STATE, parties=(muted, PartyState(party="callTaker")), requested_ms=0, paused=True)
    assert restore_requests(state, 51.0) == (SetPartyGain(0.0, "caller"), Mute("caller"), Scrub(0))


def test_the_live_end_is_found_again_as_the_live_end() -> None:
    live = but(STATE, phase="live", call_over=False, at_end=True)
    assert restore_requests(live, 50.0) == (ScrubToEnd(), Resume())


def test_a_restarted_engine_waits_whatever_the_flags_of_the_first() -> None:
    waits = ("--paused", "--wait-for-device")
    assert paused_argv(("p", "-m", "c")) == ("p", "-m", "c", *waits)
    assert paused_argv(("c", "--live", "--", "--live")) == ("c", *waits, "--", "--live")
    assert paused_argv(("c", *waits, "--", "i")) == ("c", *waits, "--", "i")


def test_a_call_that_waits_for_a_sound_device_goes_on_after_a_restart() -> None:
    held = but(STATE, phase="paused", paused=True, advancing=False, device=None, held=True)
    assert restore_requests(held, 50.0)[-1] == Resume()
    assert Resume() not in restore_requests(but(held, held=False), 50.0)


@pytest.mark.parametrize(("device", "tone"), [(None, "alert"), ("Speakers", "hold")])
def test_what_the_sound_lacks_is_reported_while_it_does(device: str | None, tone: str) -> None:
    lacks = but(STATE, device=device, detail="The headset is gone.")
    view = reduce(PlayerView(), lacks, 50.0)
    assert _shown(view, 3000.0) == ("The headset is gone.", tone)
    assert _shown(reduce(view, but(lacks, detail=""), 3001.0), 3001.0) is None


def test_five_restarts_in_a_minute_each_later_than_the_last_then_no_more() -> None:
    budget = EngineLimits().restarts
    delays = [budget.delay_s([100.0] * n, 101.0) for n in range(6)]
    assert delays == [0.0, 0.5, 1.0, 2.0, 4.0, None]
    assert budget.delay_s([10.0] * 9, 101.0) == 0.0


def test_tries_to_reach_the_calls_server_wait_longer_and_longer_up_to_10_s() -> None:
    backoff = EngineLimits().unreached()
    waits_s = [backoff.next_s(0.0) for _ in range(8)]
    assert waits_s == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert backoff.next_s(1.0) == pytest.approx(7.0)


def test_the_screens_own_absence_is_not_taken_for_the_engines_silence() -> None:
    watch = SilenceWatch(tick_s=0.5)
    watch.tick(3600.0)
    assert watch.silent_s == 1.0
    for _ in range(6):
        watch.tick(0.5)
    assert watch.silent_s == 4.0
    watch.heard()
    assert watch.silent_s == 0.0


@pytest.mark.parametrize(
    ("retry_at_s", "reported"),
    [
        (None, "Lost 12 s ago; trying now."),
        (115.6, "Lost 12 s ago; next try in 4 s. R tries at once."),
        (100.0, "Lost 12 s ago; next try in 0 s. R tries at once."),
    ],
)
def test_a_lost_link_is_reported_with_its_age_and_its_next_try(
    retry_at_s: float | None, reported: str
) -> None:
    down = but(STATE, phase="reconnecting", detail=REASON, lost_at_s=100.0, retry_at_s=retry_at_s)
    notice = shown_notice(reduce(PlayerView(), down, 112.0), 112.0)
    assert notice is not None
    assert (notice.text, notice.hint) == (REASON, reported)


def levels(*rms_db: float) -> LevelsEvent:
    return LevelsEvent(
        levels=tuple(
            LaneLevel(lane=party, rms_db=db, peak_db=db, hold_db=db)
            for party, db in zip(("caller", "callTaker"), rms_db, strict=True)
        )
    )


def test_silence_while_it_plays_is_reported_with_when_words_go_on() -> None:
    view = reduce(reduce(PlayerView(), STATE, 50.0), levels(-60.0, -20.0), 50.0)
    assert _shown(view, 59.0) is None
    view = reduce(view, levels(-60.0, -96.0), 51.0)
    view = reduce(view, levels(-61.0, -96.0), 52.0)
    assert _shown(view, 53.9) is None
    assert _shown(view, 54.1) == ("Nobody speaks, for 3 s now.", "dim")
    for event in events_of([word(9.0, "one"), word(40.0, "two")]):
        view = reduce(view, event, 54.0)
    notice = shown_notice(view, 55.0)
    assert notice is not None
    assert (notice.text, notice.hint) == ("Nobody speaks, for 4 s now.", "Words go on at 0:40.")
    paused = reduce(view, but(STATE, phase="paused", paused=True, advancing=False), 56.0)
    assert _shown(paused, 60.0) is None, "the clock shows that it is paused"
    assert _shown(reduce(view, levels(-30.0, -96.0), 56.0), 60.0) is None


def test_that_nothing_comes_from_the_server_is_no_silence_of_the_caller() -> None:
    view = reduce(reduce(PlayerView(), STATE, 50.0), levels(-96.0, -96.0), 50.0)
    for second in range(4):
        view = reduce(view, StatsEvent(concealed_ms=second * 2_000.0, tracks=2), 50.0 + second)
    reported = _shown(view, 54.0)
    assert reported is not None
    assert reported[0] == "No sound comes from the server."
    assert "··· no sound" in "".join(text for text, _ in header_row(view, 80))


@pytest.mark.parametrize("width", [58, 78, 118, 198])
def test_quality_and_delay_stand_in_the_header(width: int) -> None:
    view = reduce(PlayerView(), but(STATE, device="Headphones"), 50.0)
    for second in range(2):
        view = reduce(view, StatsEvent(delay_ms=97.4, concealed_ms=5.0, tracks=2), 50.0 + second)
    row = "".join(text for text, _ in header_row(view, width))
    assert "▂▄▆ good  97 ms   ♪ Headphones" in row
    assert len(row) == width


def test_a_state_that_brings_only_the_time_is_no_news() -> None:
    view = reduce(PlayerView(), STATE, 50.0)
    later = but(STATE, position_ms=11_100, audible_ms=11_010, as_of_s=51.0)
    assert is_clock_tick(view, reduce(view, later, 51.0), 51.0)
    for news in (
        but(later, audible_ms=12_000),
        but(later, phase="paused"),
        but(later, requested_ms=5),
        but(later, duration_ms=61_000),
        but(later, parties=(PartyState(party="caller", muted=True), STATE.parties[1])),
    ):
        assert not is_clock_tick(view, reduce(view, news, 51.0), 51.0)


def test_a_mute_at_the_server_is_not_taken_for_silence_of_the_call() -> None:
    both = ("caller", "callTaker")
    muted = PartyState(party="caller", muted=True, silenced=True, muted_at_server=True)
    mixed = but(
        STATE,
        lanes=(LaneState(lane="call", carries=both),),
        parties=(muted, PartyState(party="callTaker")),
    )
    level = LaneLevel(lane="call", rms_db=-57.0, peak_db=-57.0, hold_db=-57.0)
    view = reduce(reduce(PlayerView(), mixed, 50.0), LevelsEvent(levels=(level,)), 50.0)
    view = reduce(view, mixed, 54.0)
    notice = shown_notice(view, 54.0)
    assert notice is not None
    assert notice.text == "Caller: muted at the server; no other sound for 4 s."


def test_without_a_device_no_link_is_called_good() -> None:
    view = reduce(PlayerView(), but(STATE, device="Headphones"), 50.0)
    for second in range(2):
        view = reduce(view, StatsEvent(concealed_ms=5.0, tracks=2), 50.0 + second)
    assert "good" in "".join(text for text, _ in header_row(view, 80))
    lost = but(STATE, device="Headphones", phase="reconnecting")
    row = "".join(text for text, _ in header_row(reduce(view, lost, 51.0), 80))
    assert "··· no sound" in row
    assert " ms" not in row
    row = "".join(text for text, _ in header_row(reduce(view, STATE, 51.0), 80))
    assert "good" not in row
    assert "no device" in row


def test_good_news_bear_no_exclamation_mark() -> None:
    lost = ErrorEvent(code="device-lost", message="The sound device A is gone.", hint="Trying B.")
    view = reduce(reduce(PlayerView(), STATE, 50.0), lost, 50.0)
    back = reduce(view, but(STATE, device="B"), 51.0)
    assert back.notice is not None
    (row,) = notice_rows(back.notice, 78, 1)
    assert "".join(text for text, _ in row) == "Sound comes from B again."


def test_what_a_key_could_not_do_is_said_until_the_next_key() -> None:
    for code, stays in (("too-little-speech", False), ("device-lost", True)):
        error = ErrorEvent(code=code, message="Too little.", hint="Play on.")
        view = reduce(reduce(PlayerView(), STATE, 50.0), error, 50.0)
        assert (without_answer(view).notice is not None) is stays
