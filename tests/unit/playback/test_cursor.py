"""The cursor's rules: pure functions of state, command and time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.playback import cursor as cursors
from callplayer.playback.cursor import (
    BLOCK_FRAMES,
    BLOCK_S,
    EDGE_FRAMES,
    FOLLOW_FRAMES,
    CallExtent,
    CallTimeline,
    Cursor,
)
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd, SetGain

SECOND = 48_000
RECORDED = CallTimeline(10 * SECOND)
LIVE = CallTimeline(10 * SECOND, live_from_s=100.0)

timelines = st.builds(
    CallTimeline,
    st.integers(1, 30 * SECOND),
    st.one_of(st.none(), st.floats(0, 50)),
)
commands = st.one_of(
    st.builds(Pause),
    st.builds(Resume),
    st.builds(Scrub, st.integers(-(10**6), 10**8)),
    st.builds(ScrubToEnd),
    st.builds(SetGain, st.floats(-60, 60), st.sampled_from(["caller", "callTaker"])),
)


@settings(deadline=None)
@given(timelines, st.booleans(), st.lists(st.tuples(commands, st.integers(0, 300)), max_size=30))
def test_the_status_stays_inside_the_call(timeline, autoplay, steps):
    now_s = 20.0
    cursor = cursors.start(timeline.at(now_s), autoplay)
    for command, blocks in steps:
        cursor = cursors.apply(cursor, command, timeline.at(now_s))
        for _ in range(blocks):
            frames = cursors.playable_frames(cursor, timeline.at(now_s))
            assert 0 <= frames <= BLOCK_FRAMES
            cursor = cursors.advance(cursor, frames, now_s)
            reported = cursors.status(cursor, timeline.at(now_s + BLOCK_S / 2), now_s + BLOCK_S / 2)
            assert 0 <= reported.position <= reported.duration <= timeline.total_frames / 48
            now_s += BLOCK_S


@settings(deadline=None)
@given(timelines, st.integers(1, 2000))
def test_paused_never_moves(timeline, blocks):
    cursor = cursors.apply(Cursor(), Scrub(position=100), timeline.at(60.0))
    moved = cursor
    for number in range(blocks):
        now_s = 60.0 + number * BLOCK_S
        moved = cursors.advance(moved, cursors.playable_frames(moved, timeline.at(now_s)), now_s)
    assert moved.position_frames == cursor.position_frames


@given(st.integers(0, 9_999))
def test_a_scrub_is_exact(position_ms):
    cursor = cursors.apply(Cursor(), Scrub(position=position_ms), RECORDED.at(0.0))
    assert cursor.position_frames == position_ms * 48
    assert cursors.status(cursor, RECORDED.at(5.0), 5.0).position == position_ms


@pytest.mark.parametrize("autoplay", [True, False])
def test_a_recorded_call_starts_paused_at_0(autoplay):
    assert cursors.start(RECORDED.at(50.0), autoplay) == Cursor(0, paused=True)


def test_a_live_call_starts_at_its_newest_sound_or_paused_at_0():
    assert cursors.start(LIVE.at(104.0), True) == Cursor(
        4 * SECOND - EDGE_FRAMES, paused=False, following=True
    )
    assert cursors.start(LIVE.at(104.0), False) == Cursor(0, paused=True)


def test_a_live_call_that_is_over_is_a_recorded_one():
    assert cursors.start(LIVE.at(111.0), True) == Cursor(0, paused=True)


def test_the_position_reported_is_that_of_the_sample_going_out():
    cursor = cursors.advance(Cursor(SECOND, paused=False), BLOCK_FRAMES, 7.0)
    whole = RECORDED.at(7.0)
    reported = [cursors.status(cursor, whole, 7 + ms / 1000).position for ms in (0, 4.1, 20.1, 99)]
    assert reported == [1000, 1004, 1020, 1020]


def test_a_recorded_call_ends_at_its_duration_and_stays_as_it_was():
    cursor = Cursor(10 * SECOND - 100, paused=False)
    frames = cursors.playable_frames(cursor, RECORDED.at(1.0))
    assert frames == 100
    cursor = cursors.advance(cursor, frames, 1.0)
    assert cursors.playable_frames(cursor, RECORDED.at(1.01)) == 0
    cursor = cursors.apply(cursor, Resume(), RECORDED.at(1.02))
    reported = cursors.status(cursor, RECORDED.at(1.02), 1.02)
    assert (reported.position, reported.at_end, reported.paused, reported.call_over) == (
        10_000,
        True,
        False,
        True,
    )
    cursor = cursors.apply(cursor, Scrub(position=2000), RECORDED.at(1.03))
    assert cursors.playable_frames(cursor, RECORDED.at(1.04)) == BLOCK_FRAMES


def test_at_the_live_end_every_block_is_there_and_the_distance_stays():
    cursor = cursors.start(LIVE.at(101.0), True)
    for number in range(300):
        now_s = 101.0 + number * BLOCK_S
        frames = cursors.playable_frames(cursor, LIVE.at(now_s))
        assert frames == BLOCK_FRAMES
        cursor = cursors.advance(cursor, frames, now_s)
        assert cursors.status(cursor, LIVE.at(now_s), now_s).at_end


def test_a_live_call_grows_and_ends_once():
    reported = [
        cursors.status(Cursor(), LIVE.at(at_s), at_s) for at_s in (99.0, 103.0, 110.0, 120.0)
    ]
    assert [each.duration for each in reported] == [0, 3000, 10_000, 10_000]
    assert [each.call_over for each in reported] == [False, False, True, True]


def test_at_end_means_within_half_a_second_of_a_live_call():
    for behind_ms, expected in ((0, True), (499, True), (501, False), (3000, False)):
        cursor = Cursor((4000 - behind_ms) * 48)
        assert cursors.status(cursor, LIVE.at(104.0), 104.0).at_end is expected


def test_lost_time_is_made_up_at_the_live_end_only():
    at_edge = cursors.start(LIVE.at(104.0), True)
    caught_up = cursors.skip(at_edge, LIVE.at(105.0))
    assert caught_up.position_frames == 5 * SECOND - EDGE_FRAMES
    behind = Cursor(SECOND, paused=False)
    assert cursors.skip(behind, LIVE.at(105.0)) == behind
    paused = cursors.apply(at_edge, Pause(), LIVE.at(104.0))
    assert cursors.skip(paused, LIVE.at(105.0)) == paused
    recorded = Cursor(SECOND, paused=False)
    assert cursors.skip(recorded, RECORDED.at(105.0)) == recorded


def test_a_listener_sent_to_the_live_end_follows_it_until_sent_elsewhere():
    late = CallExtent(4 * SECOND, is_over=False)
    for command in (ScrubToEnd(), Scrub(position=99_000)):
        cursor = cursors.apply(Cursor(paused=False), command, late)
        assert cursor.following
        assert cursors.follow(cursor, CallExtent(4 * SECOND + FOLLOW_FRAMES // 2, False)) == cursor
        far = CallExtent(6 * SECOND, is_over=False)
        assert cursors.follow(cursor, far).position_frames == far.newest_frames
        for other in (Scrub(position=1000), Pause()):
            assert not cursors.apply(cursor, other, late).following


def test_a_resume_long_after_the_live_end_was_asked_for_goes_on_from_there():
    cursor = cursors.apply(Cursor(), ScrubToEnd(), CallExtent(4 * SECOND, is_over=False))
    soon = cursors.apply(cursor, Resume(), CallExtent(4 * SECOND + 4800, is_over=False))
    assert soon.following
    later = cursors.apply(cursor, Resume(), CallExtent(9 * SECOND, is_over=False))
    assert not later.following
    assert (
        cursors.follow(later, CallExtent(9 * SECOND, False)).position_frames
        == cursor.position_frames
    )


def test_a_listener_that_runs_dry_at_the_live_end_waits_once_for_enough():
    edge = 9600
    cursor, gaps, was_dry = Cursor(0, paused=False, following=True), 0, False
    for block in range(400):
        # A source that gives 250 ms at a time, with less of a cursor start than that.
        grown = CallExtent(9600 + block * BLOCK_FRAMES // 12_000 * 12_000, False, edge)
        frames = cursors.playable_frames(cursor, grown)
        cursor = cursors.advance(cursor, frames, block * BLOCK_S)
        gaps += cursor.dry and not was_dry
        was_dry = cursor.dry
    assert gaps == 1
    assert not cursor.dry


def test_the_end_of_a_live_call_is_played_to_its_last_frame():
    cursor = Cursor(SECOND - 100, paused=False, following=True, dry=True)
    assert cursors.playable_frames(cursor, CallExtent(SECOND, is_over=False)) == 0
    assert cursors.playable_frames(cursor, CallExtent(SECOND)) == 100


def test_sound_that_reached_no_listener_is_played_again():
    played = Cursor(5000, paused=False, block_frames=960, block_at_s=1.0)
    assert cursors.go_back(played, 3000) == Cursor(3000, paused=False, block_at_s=1.0)
    assert cursors.go_back(played, 9000).position_frames == 5000
