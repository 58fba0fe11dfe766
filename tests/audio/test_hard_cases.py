"""Cards, blocks and moments that are hard on the audio path: each kept clean and without clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.sound_lab import (
    RATE_HZ,
    SILENCE,
    Rig,
    largest_step,
    on_time,
    open_lane,
    snr_db,
    steady,
    tone,
)

LEVEL = 0.5
FADE_FRAMES = 240
FADE_STEP = LEVEL / FADE_FRAMES


@pytest.mark.parametrize("block_frames", [128, 256, 480, 1024])
@pytest.mark.parametrize("card_ppm", [0.0, -200.0])
def test_a_tone_goes_through_whole_on_any_card(block_frames: int, card_ppm: float) -> None:
    lane, hz = open_lane(), 8000.0
    rig = Rig(lane, source=tone(hz), block_frames=block_frames, card_ppm=card_ppm)
    rig.run(25.0)
    assert snr_db(rig.sound()[-2 * RATE_HZ :], hz / (1 + card_ppm * 1e-6)) > 80.0


@pytest.mark.parametrize("block_frames", [64, 256, 480, 1024])
@pytest.mark.parametrize(
    ("card_ppm", "card_start_s"),
    [(0.0, 0.0005), (0.0, 0.0095), (300.0, 0.003), (-300.0, 0.0095)],
)
def test_nothing_is_trimmed_or_missed_on_even_clocks(
    block_frames: int, card_ppm: float, card_start_s: float
) -> None:
    lane = open_lane(16_000, 16_000)
    rig = Rig(
        lane, in_hz=16_000, block_frames=block_frames // 3, card_ppm=card_ppm,
        card_start_s=card_start_s, keep_sound=False,
    )  # fmt: skip
    rig.run(60.0)
    assert (lane.underruns, lane.trimmed_frames) == (0, 0)


@pytest.mark.parametrize("block_frames", [64, 128, 256, 480, 512, 1024])
@pytest.mark.parametrize("offset_ms", [0.0, 3.7, 8.9])
def test_an_underrun_fades(block_frames: int, offset_ms: float) -> None:
    def arrivals() -> Iterator[float]:
        for due_s in on_time(offset_ms / 1000):
            yield due_s if due_s < 1.0 else due_s + 0.4

    lane = open_lane()
    rig = Rig(lane, arrivals(), source=steady(LEVEL), block_frames=block_frames)
    rig.run(2.5)
    assert lane.underruns == 1
    assert largest_step(rig.sound()) < 1.5 * FADE_STEP


@pytest.mark.parametrize("block_frames", [64, 128])
def test_a_splice_shorter_than_a_fade_does_not_click(block_frames: int) -> None:
    lane, hz = open_lane(), 50.0
    rig = Rig(lane, source=tone(hz, LEVEL), block_frames=block_frames, card_start_s=0.9)
    rig.run(2.4)
    slope = LEVEL * 2 * np.pi * hz / RATE_HZ
    assert largest_step(rig.sound()) < slope + 2 * LEVEL / block_frames


@pytest.mark.parametrize("block_frames", [64, 480, 1024])
def test_what_the_resampler_holds_when_the_gate_opens_is_old(block_frames: int) -> None:
    rig = Rig(open_lane(), source=steady(LEVEL), block_frames=block_frames)
    rig.run(1.0)
    rig.lane.close_gate()
    first = len(rig.heard)
    rig.run(1.08)
    rig.source = SILENCE
    rig.lane.open_gate()
    rig.run(1.5)
    assert float(np.abs(rig.sound_since(first)[FADE_FRAMES:]).max()) < 0.02 * LEVEL


@pytest.mark.parametrize("block_frames", [480, 1024, 2048, 4096])
def test_a_gate_closed_and_opened_between_two_blocks_fades(block_frames: int) -> None:
    rig = Rig(open_lane(), source=steady(LEVEL), block_frames=block_frames)
    rig.run(1.0)
    rig.lane.close_gate()
    rig.source = SILENCE
    rig.lane.open_gate()
    first = len(rig.heard)
    rig.run(1.5)
    old = rig.sound_since(first - 1)[block_frames - 1 :]
    assert float(np.abs(old[FADE_FRAMES + 1 :]).max()) < 0.02 * LEVEL
    assert largest_step(old) < 2 * FADE_STEP


@given(
    block_frames=st.sampled_from([64, 240, 480, 512]),
    moves=st.lists(
        st.tuples(
            st.sampled_from(["open", "close", "mute", "unmute"]),
            st.integers(0, 12).map(lambda count: count * 0.013),
        ),
        max_size=12,
    ),
)
@settings(max_examples=40, deadline=None)
def test_no_order_of_mutes_and_slow_gates_clicks(
    block_frames: int, moves: list[tuple[str, float]]
) -> None:
    """The gate opens 60 ms after it was closed at the earliest: the receive path's turn-over."""
    lane = open_lane()
    rig = Rig(lane, source=steady(LEVEL), block_frames=block_frames)
    rig.run(0.2)
    act: dict[str, Callable[[], None]] = {
        "open": lane.open_gate,
        "close": lane.close_gate,
        "mute": partial(lane.set_silenced, True),
        "unmute": partial(lane.set_silenced, False),
    }
    for move, wait_s in moves:
        act[move]()
        rig.run(rig.now_s + wait_s + (0.06 if move == "close" else 0.0))
    rig.run(rig.now_s + 0.1)
    assert largest_step(rig.sound()[RATE_HZ // 10 :]) < 1.5 * FADE_STEP
