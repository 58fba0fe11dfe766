"""The device's life: what a device that fails, stops or runs dry does to the sound."""

from __future__ import annotations

import pytest

from callplayer.engine import sound as sounds
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.sound import Sound
from callplayer.errors import SoundDeviceError

RATE_HZ = 48_000


class Card:
    """An open device that never asks for anything."""

    device_name = "card"
    latency_s = 0.01

    def __init__(self) -> None:
        self.mixer = Mixer(RATE_HZ)
        self.underflows = 0
        self.stands_s = 0.0
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True

    def stalled_s(self, now_s: float) -> float:
        return self.stands_s


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(_: str) -> None:
        raise SoundDeviceError("It is gone.", "Plug it in.")

    monkeypatch.setattr(sounds, "find_device", find)
    monkeypatch.setattr(sounds, "refresh_devices", lambda: None)


@pytest.mark.usefixtures("gone")
async def test_a_device_that_ran_dry_and_cannot_be_opened_again_is_tried_again_later() -> None:
    sound, card = Sound(RATE_HZ, ""), Card()
    sound._output = card
    card.underflows = 5
    assert await sound.keep_alive() is None
    assert card.stopped
    assert not sound.ready
    sound._retry_s = 0.0
    assert await sound.keep_alive() is None
    assert not sound.ready


@pytest.mark.usefixtures("gone")
async def test_a_device_that_stops_is_told_once_and_closed() -> None:
    sound, card = Sound(RATE_HZ, ""), Card()
    sound._output = card
    card.stands_s = 10.0
    assert await sound.keep_alive() == "The sound device has stopped."
    assert card.stopped
    assert await sound.keep_alive() is None


async def test_a_single_underflow_changes_nothing() -> None:
    sound, card = Sound(RATE_HZ, ""), Card()
    sound._output = card
    card.underflows = 1
    assert await sound.keep_alive() is None
    assert not card.stopped
