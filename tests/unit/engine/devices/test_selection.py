"""Which device is opened when one is lost, and when home is home again."""

from __future__ import annotations

import pytest

from callplayer.engine.devices.pulse import NOWHERE, PulseView, Sink
from callplayer.engine.devices.selection import HOME_AGAIN_S, DeviceSelection, stream_went

HEADSET, SPEAKERS = Sink("headset", "Headset"), Sink("speakers", "Speakers")
HDMI = Sink("hdmi", "HDMI")
DUMMY = Sink(NOWHERE, "Dummy Output")


LOOKED_S = 100.0


def view(*sinks: Sink, default: str = "speakers", playing_on: str = "") -> PulseView:
    return PulseView(sinks, default, playing_on, LOOKED_S)


def lost(
    wanted: str = "", *, goes_on: bool = True, gone: bool = True, is_sink: bool = True
) -> DeviceSelection:
    home = DeviceSelection(wanted, goes_on)
    home.remember("headset", "Headset", is_sink=is_sink, gone=gone)
    return home


def test_what_is_gone_is_bridged_by_the_default_device() -> None:
    assert lost().candidates(view(SPEAKERS, HDMI)) == ["speakers", "hdmi", ""]
    assert lost("headset").candidates(None) == ["headset", ""]


def test_a_lost_device_is_tried_before_all_others_once_it_is_there() -> None:
    assert lost().candidates(view(SPEAKERS, HEADSET)) == ["headset", "speakers", ""]


def test_after_a_pause_it_is_the_lost_device_or_none_until_any_is_asked_for() -> None:
    home = lost(goes_on=False)
    assert home.candidates(view(SPEAKERS)) == []
    assert home.candidates(None) == ["headset"]
    assert home.candidates(view(SPEAKERS, HEADSET)) == ["headset"]
    assert home.candidates(view(SPEAKERS), any_will_do=True) == ["speakers", ""]


def test_the_sink_that_is_not_heard_is_no_device() -> None:
    assert lost().candidates(view(DUMMY, default=NOWHERE)) == []
    assert lost().candidates(view()) == []


def test_a_suspended_device_is_not_tried_and_another_one_is_even_if_it_was_the_default() -> None:
    asleep = Sink("headset", "Headset", suspended=True)
    home = lost(gone=False)
    assert home.candidates(view(asleep, HDMI, default="headset")) == ["hdmi", ""]
    assert not home.is_back(view(asleep, HDMI), "hdmi", 100.0)
    assert home.is_back(view(HEADSET, HDMI), "hdmi", 100.0)


def test_an_idle_sink_is_suspended_too_and_can_be_played_on() -> None:
    asleep = Sink("headset", "Headset", suspended=True)
    home = lost()
    assert not home.is_back(view(SPEAKERS), "speakers", 100.0)
    assert home.is_back(view(SPEAKERS, asleep), "speakers", 100.0)


def test_the_first_device_lost_stays_home() -> None:
    home = lost()
    home.remember("speakers", "Speakers", is_sink=True, gone=True)
    assert (home.name, home.label) == ("headset", "Headset")
    home.forget()
    assert not home.is_back(view(HEADSET), "speakers", 100.0)


def test_a_home_that_did_not_run_is_left_alone_for_a_while() -> None:
    home = lost()
    home.leave_alone(100.0)
    assert not home.is_back(view(SPEAKERS, HEADSET), "speakers", 101.0)
    assert home.is_back(view(SPEAKERS, HEADSET), "speakers", 100.0 + HOME_AGAIN_S)


def test_a_call_on_its_own_device_need_not_move_there() -> None:
    assert not lost().is_back(view(HEADSET), "headset", 100.0)


@pytest.mark.parametrize("known", [None, view(SPEAKERS)])
def test_a_card_that_the_sound_server_does_not_know_is_tried_whenever_it_is_home(
    known: PulseView | None,
) -> None:
    assert lost(is_sink=False).candidates(known)[0] == "headset"


@pytest.mark.parametrize(
    ("seen", "on_sink", "went"),
    [
        (None, "headset", "stayed"),
        (view(HEADSET, playing_on="headset"), "headset", "stayed"),
        (view(HEADSET), "headset", "stayed"),  # not playing yet, or no more
        (view(HEADSET, playing_on="headset"), "", "began"),
        (view(DUMMY, playing_on=NOWHERE), "", "nowhere"),
        (view(SPEAKERS, playing_on="speakers"), "headset", "lost"),
        (view(SPEAKERS, HEADSET, playing_on="speakers"), "headset", "moved"),
        (view(DUMMY, playing_on=NOWHERE), "headset", "nowhere"),
    ],
)
def test_a_stream_is_lost_where_its_sink_is_gone_and_moved_where_it_is_not(
    seen: PulseView | None, on_sink: str, went: str
) -> None:
    assert stream_went(seen, LOOKED_S - 1.0, on_sink) == went
    assert stream_went(seen, LOOKED_S + 1.0, on_sink) == "stayed"  # seen before it was opened
