"""Blocks of sound: no clicks, exact samples, safe gains; and when they are due."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.playback import render as rendering
from callplayer.playback.audio_source import DecodedSound
from callplayer.playback.cursor import BLOCK_FRAMES, BLOCK_S, EDGE_FRAMES
from callplayer.playback.player import Place, StreamPlayer
from callplayer.playback.render import FADE_FRAMES, plan_block
from callplayer.service.bots.clock import (
    CATCH_UP_GAP_S,
    MOST_BEHIND_S,
    STALLED_S,
    BlockTurn,
    next_turn,
)
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd, SetGain

RAMP = np.arange(20_000, dtype=np.int16)
TONE = (8000 * np.sin(2 * np.pi * 300 * np.arange(96_000) / 48_000)).astype(np.int16)
LARGEST_STEP = 8000 * 2 * np.pi * 300 / 48_000


def render(plan, samples, gain_from, gain_to):
    """One party's block."""
    sound = DecodedSound(samples[:, None])
    return rendering.render(plan, sound.read, (gain_from,), (gain_to,))[:, 0]


def player_of(*parties, samples=TONE, **options):
    sound = DecodedSound(np.stack([samples] * len(parties), axis=1))
    return StreamPlayer(parties, sound, autoplay=True, **options)


def test_going_on_copies_bit_for_bit():
    plan = plan_block(960, 960, BLOCK_FRAMES)
    assert plan.advance_frames == BLOCK_FRAMES
    assert plan.next_source == 960 + BLOCK_FRAMES
    assert np.array_equal(render(plan, RAMP, 1.0, 1.0), RAMP[960:1920])


def test_a_seek_fades_the_old_out_and_begins_the_new_with_its_very_first_sample():
    plan = plan_block(960, 5000, BLOCK_FRAMES)
    assert plan.advance_frames == BLOCK_FRAMES - FADE_FRAMES
    assert plan.next_source == 5000 + BLOCK_FRAMES - FADE_FRAMES
    marked = np.zeros(20_000, dtype=np.int16)
    marked[5000 : 5000 + 5 * 48] = 10_000
    block = render(plan, marked, 1.0, 1.0)
    assert not block[:FADE_FRAMES].any()
    assert block[FADE_FRAMES] > 0
    assert (np.diff(block[FADE_FRAMES : 2 * FADE_FRAMES].astype(int)) >= 0).all()


def test_pausing_fades_out_and_moves_nothing():
    plan = plan_block(960, 960, 0)
    assert (plan.advance_frames, plan.next_source) == (0, None)
    block = render(plan, np.full(20_000, 10_000, dtype=np.int16), 1.0, 1.0)
    assert block[0] > 9000
    assert not block[FADE_FRAMES:].any()


def test_silence_is_no_plan():
    assert plan_block(None, 960, 0).pieces == ()


@given(st.integers(0, 90_000), st.integers(0, 90_000), st.integers(1, BLOCK_FRAMES))
def test_every_plan_stays_in_its_block(seamless, position, playable):
    for source in (None, seamless, position):
        plan = plan_block(source, position, playable)
        assert 0 < plan.advance_frames <= playable
        assert all(0 <= piece.offset <= BLOCK_FRAMES - piece.frames for piece in plan.pieces)
        assert len(render(plan, TONE, 1.0, 1.0)) == BLOCK_FRAMES


@given(st.floats(-40, 20), st.floats(-40, 20))
def test_gains_never_wrap_around(from_db, to_db):
    loud = np.array([32_767, -32_768] * 240, dtype=np.int16)
    block = render(plan_block(0, 0, BLOCK_FRAMES), loud, 10 ** (from_db / 20), 10 ** (to_db / 20))
    assert block.dtype == np.int16
    assert (block[::2] >= 0).all()
    assert (block[1::2] <= 0).all()


def test_a_gain_of_minus_12_db_is_that():
    block = render(plan_block(0, 0, BLOCK_FRAMES), TONE, 10 ** (-12 / 20), 10 ** (-12 / 20))
    ratio = np.sqrt(np.mean(block.astype(float) ** 2) / np.mean(TONE[:480].astype(float) ** 2))
    assert 20 * np.log10(ratio) == pytest.approx(-12, abs=0.05)


def test_pause_resume_and_gain_do_not_click():
    player = player_of("call")
    player.begin(0.0)
    sound = []
    steps = {5: Resume(), 20: Pause(), 30: Resume(), 40: SetGain(-20.0, "caller"),
             50: SetGain(6.0, "callTaker"), 60: Scrub(7), 70: Scrub(1500)}  # fmt: skip
    for number in range(90):
        now_s = number * BLOCK_S
        if number in steps:
            player.obey(steps[number], now_s)
        sound.append(player.next_block(now_s)[:, 0])
    whole = np.concatenate(sound).astype(float)
    assert np.abs(whole).max() > 7000
    # The tone's own slope at +6 dB, and a fade's on top.
    assert np.abs(np.diff(whole)).max() < 2 * LARGEST_STEP + 2 * 8000 / FADE_FRAMES


def test_a_mix_is_the_sum_of_the_parties_with_their_gains():
    two = player_of("caller", "callTaker")
    two.begin(0.0)
    two.obey(Resume(), 0.0)
    two.obey(SetGain(-40.0, "caller"), 0.0)
    for number in range(3):
        block = two.next_block(number * BLOCK_S)
    assert np.array_equal(rendering.mixed(block)[:, 0], block.sum(axis=1, dtype=np.int32))


def test_a_mix_that_would_overload_is_rounded_off():
    loud = np.array([[30_000, 30_000], [-30_000, -30_000], [32_767, 0]], np.int16)
    high, low, single = rendering.mixed(loud)[:, 0]
    assert 30_000 < high <= 32_767
    assert low == -high
    assert 26_000 < single < high


def test_a_gain_moves_its_party_only():
    two = player_of("caller", "callTaker")
    two.begin(0.0)
    two.obey(Resume(), 0.0)
    two.obey(SetGain(-40.0, "caller"), 0.0)
    for number in range(3):
        caller, taker = two.next_block(number * BLOCK_S).T
    assert np.abs(caller).max() < 100
    assert np.abs(taker).max() > 7000


@given(st.floats(-200, 200))
def test_a_gain_is_held_inside_its_range(gain_db):
    player = player_of("call")
    player.begin(0.0)
    player.obey(Resume(), 0.0)
    for party in ("caller", "callTaker"):
        player.obey(SetGain(gain_db, party), 0.0)
    player.next_block(0.0)
    peak = int(np.abs(player.next_block(0.01)[:, 0].astype(int)).max())
    assert 8000 * 10 ** (-40 / 20) - 2 <= peak <= 32_768


# Each sample is its own place in the call.
PLACES = np.arange(-32_768, 32_767).astype(np.int16)
random_commands = st.one_of(
    st.builds(Pause),
    st.builds(Resume),
    st.builds(Scrub, st.integers(0, 1500)),
    st.builds(ScrubToEnd),
    st.builds(SetGain, st.just(0.0), st.sampled_from(["caller", "callTaker"])),
)


def commanded(command, cursor, paused, newest):
    """Return cursor (frames) and pause of the model after a command; the call goes to `newest`."""
    match command:
        case Pause():
            return cursor, True
        case Resume():
            return cursor, False
        case Scrub(position=position_ms):
            return min(position_ms * 48, newest), paused
        case ScrubToEnd():
            return newest, paused
    return cursor, paused


@settings(deadline=None)
@given(st.lists(st.tuples(random_commands, st.integers(3, 30)), max_size=30))
def test_random_commands_play_what_a_simple_model_says(steps):
    """The model: a cursor that commands move, and that each block of sound moves on."""
    player, now_s, cursor, paused = player_of("call", samples=PLACES), 0.0, 0, True
    player.begin(now_s)
    for command, count in steps:
        cursor, paused = commanded(command, cursor, paused, len(PLACES))
        reported = player.obey(command, now_s)
        assert reported.paused is paused
        assert abs(reported.position * 48 - cursor) <= BLOCK_FRAMES
        sound = []
        for _ in range(count):
            sound.append(player.next_block(now_s)[:, 0])
            now_s += BLOCK_S
        played = np.concatenate(sound[1:-1]).astype(int) + 32_768  # the fades are in the first
        if paused:
            assert not np.concatenate(sound[1:]).any()
        elif cursor + count * BLOCK_FRAMES < len(PLACES):
            settled = played[FADE_FRAMES:]
            assert (np.diff(settled) == 1).all()
            first = settled[0] - FADE_FRAMES - BLOCK_FRAMES
            assert -FADE_FRAMES <= first - cursor <= 0
            cursor = settled[-1] + 1 + BLOCK_FRAMES
        else:
            cursor = round(player.status(now_s).position * 48)


@settings(deadline=None)
@given(st.lists(st.tuples(random_commands, st.integers(3, 30)), max_size=12))
def test_random_commands_on_a_live_call_play_what_has_come_in_its_order(steps):
    """The model: a cursor that commands move inside of what has come; the call ends meanwhile."""
    sound = DecodedSound(PLACES[:, None], live_from_s=0.0)
    player, now_s, cursor, paused = StreamPlayer(("call",), sound, autoplay=False), 0.1, 0, True
    player.begin(now_s)
    for command, count in steps:
        extent = sound.at(now_s)
        cursor, paused = commanded(command, cursor, paused, extent.newest_frames)
        reported = player.obey(command, now_s)
        assert (reported.paused, reported.call_over) == (paused, extent.is_over)
        assert abs(reported.position * 48 - cursor) <= BLOCK_FRAMES
        for number in range(count):
            extent = sound.at(now_s)
            raw = player.next_block(now_s)[:, 0].astype(int)
            now_s += BLOCK_S
            left = extent.duration_frames - cursor
            if paused:
                assert number == 0 or not raw.any()  # the first block fades out
            elif player.position_frames == cursor:  # it waits for more, or stands at the end
                assert left < EDGE_FRAMES
                assert not extent.is_over or not left
            else:
                moved = player.position_frames - cursor
                assert moved in (BLOCK_FRAMES, BLOCK_FRAMES - FADE_FRAMES) or moved == left
                places = raw[2 * FADE_FRAMES : moved] + 32_768
                assert (np.diff(places) == 1).all()
                assert not len(places) or cursor <= places[0] <= cursor + 2 * FADE_FRAMES
                cursor = player.position_frames
                assert cursor <= extent.duration_frames


def test_a_place_brings_cursor_pause_and_gains_back():
    left = player_of("caller", "callTaker")
    left.begin(0.0)
    left.obey(Scrub(1234), 0.0)
    left.obey(SetGain(-12.0, "callTaker"), 0.0)
    left.obey(Resume(), 0.0)
    assert left.place == Place(1234, paused=False, gains_db={"callTaker": -12.0})
    back = player_of("caller", "callTaker", place=left.place)
    back.begin(50.0)
    left.next_block(0.0)
    back.next_block(50.0)
    assert back.place == left.place
    assert np.array_equal(back.next_block(50.01), left.next_block(0.01))


def test_on_time_the_turns_are_10_ms_apart():
    turn = BlockTurn(5.0, 5.0)
    for number in range(1, 100):
        turn = next_turn(turn, turn.due_s + 0.001)
        assert turn.due_s == pytest.approx(5.0 + number * BLOCK_S)
        assert turn.not_before_s == turn.due_s
        assert not turn.lost_s


def test_a_little_late_it_catches_up_without_a_burst():
    now_s, turn, sent_s = 5.05, BlockTurn(5.0, 5.0), []
    for _ in range(20):
        turn = next_turn(turn, now_s)
        now_s = max(now_s, turn.not_before_s)
        sent_s.append(now_s)
        assert not turn.lost_s
    assert np.diff(sent_s).min() >= CATCH_UP_GAP_S - 1e-9
    assert turn.not_before_s == turn.due_s == pytest.approx(5.0 + 20 * BLOCK_S)


def test_after_a_stall_all_that_was_missed_is_sent_and_the_schedule_met_again():
    stalled_s, turn, sent_s = 0.5, BlockTurn(5.0, 5.0), [5.0]
    now_s = 5.0 + stalled_s
    while turn.due_s < 5.0 + 2 * stalled_s:
        turn = next_turn(turn, now_s)
        assert not turn.lost_s
        now_s = max(now_s, turn.not_before_s)
        sent_s.append(now_s)
    assert len(sent_s) == round((turn.due_s - 5.0) / BLOCK_S) + 1
    assert turn.not_before_s == turn.due_s


def test_what_a_stall_missed_is_known_until_the_schedule_is_met_again():
    now_s, turn, missed = 5.5, BlockTurn(5.0, 5.0), []
    while turn.due_s < 6.5:
        turn = next_turn(turn, now_s)
        missed.append(turn.missed)
        now_s = max(now_s, turn.not_before_s)
    assert missed == sorted(missed, reverse=True)
    assert sum(missed) * BLOCK_S == pytest.approx(0.5, abs=BLOCK_S)


def test_a_little_late_nothing_counts_as_missed():
    assert not next_turn(BlockTurn(5.0, 5.0), 5.0 + STALLED_S).missed


def test_a_missed_block_is_silent_and_nothing_of_the_call_is_lost():
    player = player_of("caller", "callTaker")
    player.begin(0.0)
    player.obey(Scrub(1000), 0.0)
    player.obey(Resume(), 0.0)
    player.next_block(0.0)
    place = player.place
    silence = player.missed_block(0.02)
    assert silence.shape == player.next_block(0.04).shape
    assert not silence.any()
    assert player.place.position_ms == place.position_ms + round(BLOCK_S * 1000)


def test_far_behind_the_schedule_starts_anew():
    late_s = MOST_BEHIND_S + 0.5
    turn = next_turn(BlockTurn(5.0, 5.0), 5.0 + late_s)
    assert (turn.due_s, turn.not_before_s) == (5.0 + late_s, 5.0 + late_s)
    assert turn.lost_s == pytest.approx(late_s)
