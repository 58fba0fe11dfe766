"""What is said when a device is lost: what plays instead, what is tried, or that it waits."""

from __future__ import annotations

import pytest

from callplayer.engine.devices.pulse import PulseView, Sink
from callplayer.engine.devices.selection import DeviceSelection
from callplayer.engine.session.device.device_report import PAUSED_HINT, loss_hint

HEADSET, SPEAKERS = Sink("usb", "Headset"), Sink("pci", "Speakers")


def home(*, goes_on: bool = True) -> DeviceSelection:
    selection = DeviceSelection("", goes_on)
    selection.remember("usb", "Headset", is_sink=True, gone=True)
    return selection


@pytest.mark.parametrize(
    ("view", "plays_on", "hint"),
    [
        (PulseView((SPEAKERS,), "pci"), "Speakers", "Sound comes from Speakers until it is back."),
        (PulseView((HEADSET, SPEAKERS), "pci"), None, "Trying Speakers."),
        (PulseView(), None, "There is no other device: the call waits for one."),
        (None, None, "Trying the default device."),
    ],
)
def test_it_says_which(view: PulseView | None, plays_on: str | None, hint: str) -> None:
    assert loss_hint(home(), view, plays_on) == hint


def test_a_call_that_is_to_pause_says_how_it_goes_on() -> None:
    assert loss_hint(home(goes_on=False), PulseView((SPEAKERS,), "pci"), None) == PAUSED_HINT
