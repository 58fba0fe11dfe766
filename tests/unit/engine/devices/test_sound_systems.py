"""Latencies that cannot be true, levels that need a word, names of sound systems, sinks held."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.engine.devices.faults import is_busy
from callplayer.engine.devices.jack import JACK
from callplayer.engine.devices.latency import LONGEST_PLAUSIBLE_S, plausible_s
from callplayer.engine.devices.mixer_level import FULL, MixerLevel, heard_at
from callplayer.engine.devices.pulse import PulseView, Sink
from callplayer.engine.devices.selection import DeviceSelection
from callplayer.engine.devices.sound_system import describe_system


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_latency_is_believed_that_cannot_be_true(reported_s: float) -> None:
    believed_s = plausible_s(reported_s, 0.01)
    assert 0.0 < believed_s < LONGEST_PLAUSIBLE_S
    assert believed_s in (reported_s, 0.01)


@pytest.mark.parametrize("reported_s", [89_478.464, math.nan, math.inf, 0.0, -0.02])
def test_of_a_device_that_does_not_know_its_latency_the_one_asked_for_is_taken(
    reported_s: float,
) -> None:
    assert plausible_s(reported_s, 0.01) == 0.01


@pytest.mark.parametrize(
    ("stream", "sink", "heard"),
    [
        (FULL, FULL, FULL),
        (MixerLevel(20), FULL, MixerLevel(20)),
        (MixerLevel(97), MixerLevel(40), FULL),  # what people set their loudspeakers to
        (FULL, MixerLevel(10), MixerLevel(10)),
        (MixerLevel(20), MixerLevel(10), MixerLevel(10)),
        (MixerLevel(100, muted=True), FULL, MixerLevel(100, muted=True)),
        (FULL, MixerLevel(40, muted=True), MixerLevel(100, muted=True)),
        (MixerLevel(150), MixerLevel(150), FULL),
    ],
)
def test_what_the_mixer_takes_away_needs_a_word_only_where_it_could_be_missed(
    stream: MixerLevel, sink: MixerLevel, heard: MixerLevel
) -> None:
    assert heard_at(stream, sink) == heard
    assert PulseView(stream=stream, sink_level=sink).heard_at == heard


@pytest.mark.parametrize(
    ("host_api", "view", "text"),
    [
        ("ALSA", None, "ALSA"),
        ("ALSA", PulseView(server="pulseaudio"), "ALSA"),  # it does not play our stream
        (JACK, None, "JACK"),
        (
            JACK,
            PulseView(server="PulseAudio (on PipeWire 0.3.65)"),
            "PipeWire 0.3.65, through JACK",
        ),
        (
            "ALSA",
            PulseView(server="PulseAudio (on PipeWire 1.6.9)", playing_on="hdmi", layer="alsa"),
            "PipeWire 1.6.9, through pipewire-alsa",
        ),
        (
            "ALSA",
            PulseView(
                server="PulseAudio (on PipeWire 0.3.65)", playing_on="hdmi", layer="pipewire-pulse"
            ),
            "PipeWire 0.3.65, through ALSA's plugin for PulseAudio",
        ),
        (
            "ALSA",
            PulseView(server="pulseaudio", playing_on="hdmi"),
            "pulseaudio, through ALSA's plugin for PulseAudio",
        ),
    ],
)
def test_which_sound_system_plays_and_through_which_layer(
    host_api: str, view: PulseView | None, text: str
) -> None:
    assert describe_system(host_api, view) == text


def test_a_sink_that_a_program_holds_for_itself_is_not_opened() -> None:
    sinks = (Sink("headset", "Headset"), Sink("speakers", "Speakers"))
    view = PulseView(sinks, default="speakers", holders=(("speakers", "Greedy"),))
    assert (view.held_by("speakers"), view.held_by(""), view.held_by("headset")) == (
        "Greedy", "Greedy", "",
    )  # fmt: skip
    assert DeviceSelection("", goes_on=True).candidates(view) == ["headset"]
    assert DeviceSelection("speakers", goes_on=False).candidates(view) == []


def test_a_device_that_is_open_elsewhere_is_known_by_its_error() -> None:
    assert is_busy("Unanticipated host error [PaErrorCode -9999]: 'Busy' [ALSA error -16].")
    assert is_busy("Error opening OutputStream: Device unavailable [PaErrorCode -9985]")
    assert not is_busy("Error opening OutputStream: Invalid sample rate [PaErrorCode -9997]")
