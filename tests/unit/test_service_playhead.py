"""The cursor's rules: pure functions of state, command and time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.service import playhead
from callplayer.service.playhead import BLOCK_FRAMES, BLOCK_S, EDGE_FRAMES, Playhead, Timeline
from callplayer.wire import Pause, Resume, Scrub, ScrubToEnd, SetGain

SECOND = 48_000
RECORDED = Timeline(10 * SECOND)
LIVE = Timeline(10 * SECOND, live_from_s=100.0)

timelines = st.builds(
    Timeline,
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


@given(timelines, st.booleans(), st.lists(st.tuples(commands, st.integers(0, 300)), max_size=30))
def test_the_status_stays_inside_the_call(timeline, autoplay, steps):
    now_s = 20.0
    head = playhead.start(timeline, autoplay, now_s)
    for command, blocks in steps:
        head = playhead.apply(head, command, timeline, now_s)
        for _ in range(blocks):
            frames = playhead.playable_frames(head, timeline, now_s)
            assert 0 <= frames <= BLOCK_FRAMES
            head = playhead.advance(head, frames, now_s)
            told = playhead.status(head, timeline, now_s + BLOCK_S / 2)
            assert 0 <= told.position <= told.duration <= timeline.total_frames / 48
            now_s += BLOCK_S


@given(timelines, st.integers(1, 2000))
def test_paused_never_moves(timeline, blocks):
    head = playhead.apply(Playhead(), Scrub(position=100), timeline, 60.0)
    moved = head
    for number in range(blocks):
        now_s = 60.0 + number * BLOCK_S
        moved = playhead.advance(moved, playhead.playable_frames(moved, timeline, now_s), now_s)
    assert moved.position_frames == head.position_frames


@given(st.integers(0, 9_999))
def test_a_scrub_is_exact(position_ms):
    head = playhead.apply(Playhead(), Scrub(position=position_ms), RECORDED, 0.0)
    assert head.position_frames == position_ms * 48
    assert playhead.status(head, RECORDED, 5.0).position == position_ms


@pytest.mark.parametrize("autoplay", [True, False])
def test_a_recorded_call_starts_paused_at_0(autoplay):
    assert playhead.start(RECORDED, autoplay, 50.0) == Playhead(0, paused=True)


def test_a_live_call_starts_at_its_newest_sound_or_paused_at_0():
    assert playhead.start(LIVE, True, 104.0) == Playhead(4 * SECOND - EDGE_FRAMES, paused=False)
    assert playhead.start(LIVE, False, 104.0) == Playhead(0, paused=True)


def test_a_live_call_that_is_over_is_a_recorded_one():
    assert playhead.start(LIVE, True, 111.0) == Playhead(0, paused=True)


def test_the_position_told_is_that_of_the_sample_going_out():
    head = playhead.advance(Playhead(SECOND, paused=False), BLOCK_FRAMES, 7.0)
    told = [playhead.status(head, RECORDED, 7.0 + ms / 1000).position for ms in (0, 4.1, 10.1, 99)]
    assert told == [1000, 1004, 1010, 1010]


def test_a_recorded_call_ends_at_its_duration_and_stays_as_it_was():
    head = Playhead(10 * SECOND - 100, paused=False)
    frames = playhead.playable_frames(head, RECORDED, 1.0)
    assert frames == 100
    head = playhead.advance(head, frames, 1.0)
    assert playhead.playable_frames(head, RECORDED, 1.01) == 0
    head = playhead.apply(head, Resume(), RECORDED, 1.02)
    told = playhead.status(head, RECORDED, 1.02)
    assert (told.position, told.at_end, told.paused, told.call_over) == (10_000, True, False, True)
    head = playhead.apply(head, Scrub(position=2000), RECORDED, 1.03)
    assert playhead.playable_frames(head, RECORDED, 1.04) == BLOCK_FRAMES


def test_at_the_live_end_every_block_is_there_and_the_distance_stays():
    head = playhead.start(LIVE, True, 101.0)
    for number in range(300):
        now_s = 101.0 + number * BLOCK_S
        frames = playhead.playable_frames(head, LIVE, now_s)
        assert frames == BLOCK_FRAMES
        head = playhead.advance(head, frames, now_s)
        assert playhead.status(head, LIVE, now_s).at_end


def test_a_live_call_grows_and_ends_once():
    told = [playhead.status(Playhead(), LIVE, at_s) for at_s in (99.0, 103.0, 110.0, 120.0)]
    assert [each.duration for each in told] == [0, 3000, 10_000, 10_000]
    assert [each.call_over for each in told] == [False, False, True, True]


def test_at_end_means_within_half_a_second_of_a_live_call():
    for behind_ms, expected in ((0, True), (499, True), (501, False), (3000, False)):
        head = Playhead((4000 - behind_ms) * 48)
        assert playhead.status(head, LIVE, 104.0).at_end is expected


def test_lost_time_is_made_up_at_the_live_end_only():
    at_edge = Playhead(4 * SECOND - EDGE_FRAMES, paused=False)
    caught_up = playhead.skip(at_edge, LIVE, 1.0, 105.0)
    assert caught_up.position_frames == 5 * SECOND - EDGE_FRAMES
    behind = Playhead(SECOND, paused=False)
    assert playhead.skip(behind, LIVE, 1.0, 105.0) == behind
    recorded = Playhead(SECOND, paused=False)
    assert playhead.skip(recorded, RECORDED, 1.0, 105.0) == recorded
