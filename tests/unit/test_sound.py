"""What counts as a device that is there."""

from __future__ import annotations

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


def test_a_device_on_trial_does_not_count_as_there() -> None:
    sound = Sound(RATE_HZ)
    sound._output, sound.on_trial = Card(), True
    assert (sound.ready, sound.device_name) == (False, None)
    sound.on_trial = False
    assert (sound.ready, sound.device_name) == (True, "card")
    assert sound.detach() is not None
    assert not sound.ready
