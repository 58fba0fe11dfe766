"""What a person can choose from, and what a name means."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from callplayer.engine.devices import listing
from callplayer.engine.devices.listing import Choice, choices, find_target, resolve_name, would_play
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import NOWHERE, PulseView, Sink
from callplayer.engine.devices.routes import SINK_VARIABLES, playing_to, route_of
from callplayer.errors import SoundDeviceError

VIEW = PulseView(
    sinks=(
        Sink("alsa_output.usb-c320", "Plantronics C320"),
        Sink("alsa_output.pci-hdmi", "HDMI Output"),
        Sink(NOWHERE, "Dummy Output"),
    ),
    default="alsa_output.pci-hdmi",
)


def machine(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[OutputDevice]:
    listed = [
        OutputDevice(index, name, "ALSA", 2, 44_100, name == "default")
        for index, name in enumerate(names)
    ]

    def find(wanted: str) -> OutputDevice:
        for device in listed:
            if device.name == (wanted or "default"):
                return device
        raise SoundDeviceError("It is not there.", "Plug it in.")

    monkeypatch.setattr(listing, "list_devices", lambda: listed)
    monkeypatch.setattr(listing, "find_device", find)
    monkeypatch.setattr(listing, "usable_rate_hz", lambda _: 48_000)
    return listed


def test_sinks_stand_for_the_devices_that_only_lead_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = machine(monkeypatch, "pulse", "default", "USB Audio: - (hw:1,0)")
    assert choices(listed, VIEW) == [
        Choice("alsa_output.usb-c320", "Plantronics C320"),
        Choice("alsa_output.pci-hdmi", "HDMI Output"),
        Choice("USB Audio: - (hw:1,0)", "USB Audio: - (hw:1,0) (ALSA)"),
    ]


def test_where_no_device_leads_to_a_sink_they_are_no_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = machine(monkeypatch, "oss", "default")
    for view in (None, VIEW):
        assert [choice.name for choice in choices(listed, view)] == ["oss", "default"]
    with pytest.raises(SoundDeviceError):
        find_target("alsa_output.usb-c320", VIEW)


@pytest.mark.parametrize(
    ("wanted", "device", "sink"),
    [
        ("alsa_output.usb-c320", "pulse", "alsa_output.usb-c320"),
        ("plantronics c320", "pulse", "alsa_output.usb-c320"),
        ("hdmi", "pulse", "alsa_output.pci-hdmi"),
        ("c320", "c320", None),  # a card of just that name goes before a part of a sink's
        ("", "default", None),
    ],
)
def test_what_a_name_means(
    wanted: str, device: str, sink: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in SINK_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    listed = machine(monkeypatch, "pulse", "default", "c320")
    target = find_target(wanted, VIEW)
    assert (target.device.name, target.sink, target.listed) == (device, sink, tuple(listed))


def test_a_part_that_two_sinks_have_is_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "pulse", "default")
    with pytest.raises(SoundDeviceError):
        find_target("alsa_output", VIEW)


@pytest.mark.parametrize(
    ("named", "view", "sink"),
    [
        ("alsa_output.usb-c320", VIEW, None),
        ("unplugged", VIEW, ""),
        ("unplugged", None, None),
    ],
)
def test_the_sink_that_the_environment_names_counts_until_it_is_gone(
    named: str, view: PulseView | None, sink: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, "pulse", "default")
    monkeypatch.setenv("PULSE_SINK", named)
    assert find_target("", view).sink == sink


@pytest.mark.parametrize("before", [None, "mine"])
@pytest.mark.parametrize("variable", SINK_VARIABLES)
def test_the_environment_names_a_sink_only_while_it_is_opened(
    before: str | None, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    if before is not None:
        monkeypatch.setenv(variable, before)
    for sink, meanwhile in (("other", "other"), ("", None), (None, before)):
        with playing_to(sink):
            assert os.environ.get(variable) == meanwhile
        assert os.environ.get(variable) == before


@pytest.mark.parametrize(
    ("server", "listed", "route"),
    [
        ("PulseAudio (on PipeWire 0.3.65)", ("pipewire", "pulse", "default"), "pipewire"),
        ("PulseAudio (on PipeWire 0.3.65)", ("pulse", "default"), "pulse"),
        ("pulseaudio", ("pipewire", "pulse", "default"), "pulse"),
        ("pulseaudio", ("pipewire", "default"), ""),
        ("PulseAudio (on PipeWire 0.3.65)", ("default",), ""),
    ],
)
def test_a_sink_is_reached_by_the_plugin_that_its_server_answers_to(
    server: str, listed: tuple[str, ...], route: str
) -> None:
    assert route_of(listed, PulseView(server=server)) == route


def test_a_choice_is_meant_by_its_name_its_label_or_a_part_that_only_one_has() -> None:
    headset = Choice("alsa_output.usb-c320", "Plantronics C320")
    known = [headset, Choice("alsa_output.hdmi", "HDMI"), Choice("alsa_output.hdmi-2", "HDMI 2")]
    for name in ("c320", "PLANTRONICS", "usb", headset.name, headset.label):
        assert resolve_name(name, known) == headset.name
    assert resolve_name("hdmi", known) == "alsa_output.hdmi"
    assert resolve_name("", []) == ""
    assert resolve_name("Speakers", known) is None
    assert resolve_name("alsa", known) is None


@pytest.mark.parametrize(
    ("wanted", "names", "view", "plays"),
    [
        ("", ("pulse", "default", "USB"), VIEW, "alsa_output.pci-hdmi"),
        ("Plantronics", ("pulse", "default", "USB"), VIEW, "alsa_output.usb-c320"),
        ("USB", ("pulse", "default", "USB"), VIEW, "USB"),
        ("not there", ("pulse", "default", "USB"), VIEW, "alsa_output.pci-hdmi"),
        ("", ("USB", "default"), None, "default"),
        ("", ("USB",), None, "USB"),
        ("usb", ("USB", "default"), None, "USB"),
    ],
)
def test_the_one_device_that_would_play(
    wanted: str,
    names: tuple[str, ...],
    view: PulseView | None,
    plays: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in SINK_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    assert would_play(wanted, machine(monkeypatch, *names), view) == plays


def test_the_sink_that_the_environment_names_would_play(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = machine(monkeypatch, "pulse", "default")
    monkeypatch.setenv("PULSE_SINK", "alsa_output.usb-c320")
    assert would_play("", listed, VIEW) == "alsa_output.usb-c320"
    monkeypatch.setenv("PULSE_SINK", "gone")
    assert would_play("", listed, VIEW) == "alsa_output.pci-hdmi"


async def test_a_machine_that_can_start_no_process_lists_no_device(monkeypatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    assert await listing.fresh_devices() == []
