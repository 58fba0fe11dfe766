"""What a device that runs dry asks for."""

from __future__ import annotations

import pytest

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.sound import Sound

RATE_HZ = 48_000


class Card:
    """An open device that never asks for anything."""

    device_name = "card"
    latency_s = 0.01

    def __init__(self) -> None:
        self.mixer = Mixer(RATE_HZ)
        self.underflows = 0

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return 0.0

    def ended(self) -> bool:
        return False


@pytest.mark.parametrize(("underflows", "more"), [(0, False), (1, False), (2, True), (9, True)])
def test_a_device_that_runs_dry_more_than_once_needs_more_time(underflows: int, more: bool) -> None:
    sound, card = Sound(RATE_HZ), Card()
    sound._output = card
    card.underflows = underflows
    assert sound.needs_more_time() is more
    assert not sound.needs_more_time()


def test_there_is_an_end_to_giving_time() -> None:
    sound, card = Sound(RATE_HZ), Card()
    sound._output = card
    given = 0
    for _ in range(20):
        card.underflows += 5
        given += sound.needs_more_time()
    assert given == 3


def test_a_device_on_trial_does_not_count_as_there() -> None:
    sound = Sound(RATE_HZ)
    sound._output, sound.on_trial = Card(), True
    assert (sound.ready, sound.device_name) == (False, None)
    sound.on_trial = False
    assert (sound.ready, sound.device_name) == (True, "card")
    assert sound.detach() is not None
    assert not sound.ready
