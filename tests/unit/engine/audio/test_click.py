"""The clicks by which a device's delay is found."""

from __future__ import annotations

import numpy as np
import pytest

from callplayer.engine.audio.click import CLICKS, LENGTH_S, PERIOD_S, Click
from callplayer.engine.audio.mixer import Mixer

RATE_HZ = 8_000


def played(click: Click, seconds: float, block: int) -> np.ndarray:
    """Return what blocks of that size come to."""
    blocks = []
    for number in range(round(seconds * RATE_HZ) // block):
        bus = np.zeros(block, dtype=np.float32)
        click.mix_into(bus, 100.0 + number)
        blocks.append(bus)
    return np.concatenate(blocks)


@pytest.mark.parametrize("block", [37, 240, 4000])
def test_one_click_each_second_to_the_frame_whatever_the_blocks(block: int) -> None:
    click = Click(RATE_HZ)
    sound = played(click, (CLICKS + 2) * PERIOD_S, block)
    assert click.is_over
    assert click.began_s == 100.0
    one = sound[: round(LENGTH_S * RATE_HZ)]
    assert np.abs(one).max() > 0.2
    expected = np.zeros_like(sound)
    for number in range(CLICKS):
        at = round(number * PERIOD_S * RATE_HZ)
        expected[at : at + len(one)] = one
    assert np.array_equal(sound, expected)


def test_it_goes_on_for_as_long_again_without_losing_its_beat() -> None:
    click = Click(RATE_HZ)
    before = played(click, 2.5, 400)
    click.extend()
    sound = np.concatenate([before, played(click, 8.0, 400)])
    begins = np.flatnonzero((np.abs(sound[1:]) > 0) & (sound[:-1] == 0)) // RATE_HZ
    assert sorted(set(begins)) == list(range(2 + CLICKS))


def test_the_mixer_adds_it() -> None:
    mixer = Mixer(RATE_HZ)
    mixer.click = Click(RATE_HZ)
    out = np.zeros((400, 2), dtype=np.float32)
    mixer.render(out)
    assert np.abs(out).max() > 0.2
