"""A lane between frames that arrive and a sound card that asks, both on an invented clock."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.audio.channel import LATE_TRIM_S, Channel
from callplayer.engine.audio.jitter_margin import FRAME_S, MAX_MARGIN_S
from callplayer.ipc.messages import LEVEL_FLOOR_DB
from tests.audio.sound_lab import (
    RATE_HZ,
    SILENCE,
    Rig,
    Sound,
    jittered,
    largest_step,
    on_time,
    open_lane,
    snr_db,
    steady,
    target_s,
    tone,
)

FADE_FRAMES = 240  # 5 ms at 48 kHz
LEVEL = 0.5
FADE_STEP = LEVEL / FADE_FRAMES
"""What one sample of a 5 ms fade of LEVEL moves; the resampler's ringing adds some."""


# --- sound ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [440.0, 3000.0, 8000.0])
@pytest.mark.parametrize("block_frames", [128, 256])
def test_a_tone_goes_through_whole(hz: float, block_frames: int) -> None:
    lane = open_lane()
    rig = Rig(lane, source=tone(hz), block_frames=block_frames, card_ppm=200.0)
    rig.run(25.0)
    assert snr_db(rig.sound()[-2 * RATE_HZ :], hz / (1 + 200e-6)) > 80.0
    assert (lane.underruns, lane.trimmed_frames) == (0, 0)


def test_the_level_is_kept() -> None:
    rig = Rig(open_lane(), source=tone(1000.0, peak=0.5), block_frames=256)
    rig.run(2.0)
    assert np.abs(rig.sound()[-RATE_HZ:]).max() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_a_card_with_another_rate_hears_the_same_tone(rate_hz: int) -> None:
    rig = Rig(open_lane(rate_hz), source=tone(1000.0), block_frames=256)
    rig.run(25.0)
    assert snr_db(rig.sound()[-2 * rate_hz :], 1000.0, rate_hz) > 80.0


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("card_ppm", [300.0, -300.0])
def test_five_minutes_of_drifting_clocks_lose_nothing(card_ppm: float) -> None:
    lane = open_lane(16_000, 16_000)
    rig = Rig(lane, in_hz=16_000, block_frames=96, card_ppm=card_ppm, keep_sound=False)
    rig.run(30.0)
    rig.fills_s.clear()
    rig.run(300.0)
    assert (lane.underruns, lane.trimmed_frames) == (0, 0)
    fills_ms = np.array(rig.fills_s) * 1000
    middle_ms = float(np.median(fills_ms))
    assert float(np.abs(fills_ms - middle_ms).max()) <= 5.0
    assert lane.correction * 1e6 == pytest.approx(-card_ppm, abs=20.0)


@given(seed=st.integers(0, 10_000), late_ms=st.floats(0.0, 30.0))
@settings(max_examples=10, deadline=None)
def test_jitter_is_ridden_out_once_the_margin_has_learned_it(seed: int, late_ms: float) -> None:
    chance = random.Random(seed)
    arrivals = jittered(lambda _number: chance.uniform(0.0, late_ms))
    lane = open_lane(16_000, 16_000)
    rig = Rig(lane, arrivals, in_hz=16_000, block_frames=96, keep_sound=False)
    rig.run(10.0)
    learned = lane.underruns
    rig.run(40.0)
    assert lane.underruns == learned
    assert lane.fill_s < MAX_MARGIN_S


def test_the_margin_grows_with_lateness_and_shrinks_back() -> None:
    arrivals = jittered(lambda number: 60.0 if number % 50 == 25 and number < 1000 else 0.0)
    lane = open_lane(16_000, 16_000)
    rig = Rig(lane, arrivals, in_hz=16_000, block_frames=96, keep_sound=False)
    rig.run(0.2)
    first_s = target_s(lane, 96)
    rig.run(10.0)
    grown_s = target_s(lane, 96)
    rig.run(200.0)
    assert grown_s > first_s + 0.03
    assert target_s(lane, 96) < first_s + 0.01


@pytest.mark.parametrize("block_frames", [80, 160])
def test_the_target_is_the_gap_of_one_in_a_thousand_and_one_callback(block_frames: int) -> None:
    gap_s = 0.0225
    arrivals = jittered(lambda number: 12.5 if number % 200 == 25 else 0.0)
    lane = open_lane(16_000, 16_000)
    rig = Rig(lane, arrivals, in_hz=16_000, block_frames=block_frames, keep_sound=False)
    rig.run(200.0)  # what running dry has taught at first is forgotten by then
    assert target_s(lane, block_frames) == pytest.approx(gap_s + block_frames / 16_000, abs=0.001)


# --- too little -----------------------------------------------------------------------------------


def _with_a_gap(at_s: float, gap_s: float) -> Iterator[float]:
    for due_s in on_time():
        yield due_s if due_s < at_s else due_s + gap_s


def test_an_underrun_is_counted_once_and_fills_up_again() -> None:
    lane = open_lane()
    rig = Rig(lane, _with_a_gap(3.0, 0.4), source=steady(LEVEL), block_frames=480)
    rig.run(3.35)
    assert (lane.underruns, lane.playing) == (1, False)
    gap = rig.sound()[-RATE_HZ // 10 :]
    assert not gap.any()
    rig.run(5.0)
    assert (lane.underruns, lane.playing) == (1, True)
    assert rig.sound()[-1] == pytest.approx(LEVEL, abs=1e-3)


def test_a_player_that_waits_for_sound_is_silent_and_counts_nothing() -> None:
    lane = open_lane()
    rig = Rig(lane, on_time(5.0), source=steady(LEVEL))
    rig.run(4.9)
    assert not rig.sound().any()
    assert lane.underruns == 0


def test_a_closed_gate_makes_a_gap_no_underrun() -> None:
    lane = open_lane()
    rig = Rig(lane, _with_a_gap(3.0, 0.4), source=steady(LEVEL))
    rig.run(2.5)
    lane.close_gate()
    rig.run(4.0)
    assert lane.underruns == 0


# --- too much -------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_frames", [256, 480, 512])
@pytest.mark.parametrize("late_s", [0.3, 0.9])
def test_a_card_that_starts_late_is_caught_up_with_without_a_click(
    block_frames: int, late_s: float
) -> None:
    lane, hz = open_lane(), 50.0
    rig = Rig(lane, source=tone(hz, LEVEL), block_frames=block_frames, card_start_s=late_s)
    rig.run(late_s + 1.5)
    assert rig.fills_s[-1] < target_s(lane, block_frames) + LATE_TRIM_S
    assert lane.trimmed_frames > (late_s - LATE_TRIM_S - 0.05) * RATE_HZ
    slope = LEVEL * 2 * np.pi * hz / RATE_HZ
    assert largest_step(rig.sound()) < slope + 2 * 2 * FADE_STEP


def test_a_ring_that_is_not_read_holds_two_seconds_at_most() -> None:
    lane = open_lane()
    rig = Rig(lane, source=steady(LEVEL), card_start_s=60.0)
    rig.run(59.0)
    assert lane.fill_s <= 2.0


# --- gate and mute --------------------------------------------------------------------------------


def _closed_after(block_frames: int) -> tuple[Rig, Sound]:
    rig = Rig(open_lane(), source=steady(LEVEL), block_frames=block_frames)
    rig.run(1.0)
    rig.lane.close_gate()
    first = len(rig.heard)
    rig.run(1.5)
    return rig, rig.sound_since(first)


@pytest.mark.parametrize("block_frames", [64, 240, 480, 1024])
def test_closing_the_gate_silences_within_5_ms_without_a_click(block_frames: int) -> None:
    rig, after = _closed_after(block_frames)
    assert not after[FADE_FRAMES:].any()
    assert largest_step(rig.sound()[RATE_HZ // 2 :]) < 1.5 * FADE_STEP
    assert rig.lane.fill_s > 0.0


@pytest.mark.parametrize("block_frames", [64, 240, 480, 1024])
def test_what_is_written_after_opening_fades_in_and_nothing_before_is_heard(
    block_frames: int,
) -> None:
    rig, _ = _closed_after(block_frames)
    rig.source = SILENCE
    rig.run(1.6)  # the old sound is out of the resampler by now, and still in the ring
    rig.lane.open_gate()
    first = len(rig.heard)
    rig.run(1.8)
    assert float(np.abs(rig.sound_since(first)).max()) < 1e-6
    rig.lane.close_gate()
    rig.run(1.9)
    rig.source = steady(LEVEL)
    rig.run(2.0)
    rig.lane.open_gate()
    first = len(rig.heard)
    rig.run(2.5)
    opened = rig.sound_since(first)
    assert opened[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert float(np.abs(np.diff(opened)).max()) < 1.5 * FADE_STEP


@pytest.mark.parametrize("block_frames", [64, 480])
def test_mute_fades_out_and_in_and_the_meter_still_moves(block_frames: int) -> None:
    rig = Rig(open_lane(), source=steady(LEVEL), block_frames=block_frames)
    rig.run(1.0)
    rig.lane.set_silenced(True)
    first = len(rig.heard)
    rig.run(1.1)
    rig.lane.meter.read(1.1)
    rig.run(1.2)
    muted = rig.sound_since(first)
    assert not muted[FADE_FRAMES:].any()
    assert rig.lane.meter.read(1.2).rms_db == pytest.approx(-6.02, abs=0.1)
    rig.lane.set_silenced(False)
    rig.run(1.5)
    assert rig.sound()[-1] == pytest.approx(LEVEL, abs=1e-3)
    assert largest_step(rig.sound()[RATE_HZ // 2 :]) < 1.5 * FADE_STEP


def test_the_meter_is_still_while_the_gate_is_closed() -> None:
    rig, _ = _closed_after(480)
    rig.lane.meter.read(1.5)
    rig.run(1.7)
    assert rig.lane.meter.read(1.7).rms_db == LEVEL_FLOOR_DB


def test_muting_does_not_close_the_gate_nor_the_gate_mute() -> None:
    rig = Rig(open_lane(), source=steady(LEVEL))
    rig.run(0.5)
    rig.lane.set_silenced(True)
    rig.lane.close_gate()
    rig.run(0.7)
    rig.lane.open_gate()
    rig.run(1.0)
    assert not rig.heard[-1].any()
    rig.lane.set_silenced(False)
    rig.run(1.2)
    assert rig.heard[-1][-1] == pytest.approx(LEVEL, abs=1e-3)


def test_a_new_lane_is_closed() -> None:
    rig = Rig(Channel(RATE_HZ, RATE_HZ, 8192), source=steady(LEVEL))
    rig.run(1.0)
    assert not rig.sound().any()


# --- delay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_frames", [120, 240, 480])
@pytest.mark.parametrize("card_start_s", [0.001, 0.004, 0.0085])
def test_the_delay_reported_is_the_delay_there_is(block_frames: int, card_start_s: float) -> None:
    """A step that goes in comes out as much later as was reported, give or take half a block."""
    lane = open_lane()
    rig = Rig(lane, block_frames=block_frames, card_start_s=card_start_s)
    rig.run(4.0)
    reported_s = lane.delay_s
    first = len(rig.heard)
    rig.source = steady(LEVEL)
    rig.run(4.5)
    period_s = block_frames / RATE_HZ
    starts_s = card_start_s + period_s * first
    heard_s = starts_s + int(np.argmax(rig.sound_since(first) > LEVEL / 2)) / RATE_HZ
    # The first sample of the frame that came at 4.0 s: half a frame earlier than its middle.
    waited_s = heard_s - 4.0 - lane.resampler_s + FRAME_S / 2
    assert waited_s == pytest.approx(reported_s + period_s / 2, abs=0.0015)


@pytest.mark.parametrize("surplus_frames", [0, 480, 960])
def test_lanes_that_open_at_once_play_at_once(surplus_frames: int) -> None:
    """Whatever they held before, when the gate opens their delay is the one aimed at."""
    lane = Channel(RATE_HZ, RATE_HZ, 8192)
    rig = Rig(lane, source=steady(LEVEL), block_frames=240)
    if surplus_frames:
        lane.push(np.zeros(surplus_frames, dtype=np.int16), 0.0)
    rig.run(0.06)
    lane.open_gate()
    rig.run(0.5)
    assert lane.delay_s == pytest.approx(lane.delay_target_s, abs=0.002)


def test_after_a_trim_the_delay_reported_is_the_new_one_at_once() -> None:
    """A card that asks for nothing for a while leaves a backlog, which is left out."""
    lane = open_lane()
    rig = Rig(lane, block_frames=240)
    rig.run(4.0)
    rig.hold_card(0.4)
    rig.run(4.45)
    assert lane.trimmed_frames > 0.3 * RATE_HZ
    assert lane.delay_s == pytest.approx(lane.delay_target_s, abs=0.012)


def test_the_clocks_difference_is_known_after_a_while_and_not_forgotten_in_a_jump() -> None:
    lane = open_lane()
    rig = Rig(lane, block_frames=240, card_ppm=200.0, keep_sound=False)
    rig.run(20.0)
    assert lane.learned is None
    rig.run(60.0)
    assert lane.learned == pytest.approx(-200e-6, abs=20e-6)
    lane.close_gate()
    rig.hold_card(0.02)  # the ring is put right while it is not heard
    rig.run(60.2)
    lane.open_gate()
    rig.run(61.0)
    assert lane.learned == pytest.approx(-200e-6, abs=20e-6)


def test_a_card_that_asks_late_and_then_twice_makes_no_vibrato() -> None:
    """A sound server that is a whole block behind after a second asks for one more at once.

    So does PulseAudio after a hiccup. What is heard then is even; only the ring goes up and down.
    """
    lane = open_lane()
    rig = Rig(lane, block_frames=240, card_ppm=-4975.0, keep_sound=False)
    rig.run(1.0)
    lane.close_gate()
    rig.hold_card(0.02)  # the ring is put right while it is not heard
    rig.run(1.2)
    lane.open_gate()
    bends = []
    for frame in range(120, 800):
        rig.run(frame / 100)
        bends.append(lane.correction)
        if frame % 100 == 0:
            rig.hold_card(-0.005)
    assert float(np.ptp(bends[100:])) < 0.002  # three and a half cents
