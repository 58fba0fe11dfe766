"""What the desktop's mixer leaves of the sound, taken from views that come at any moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.mixer_level import FULL, MixerLevel
from callplayer.engine.devices.portaudio import SimulatedOutput
from callplayer.engine.devices.pulse import PulseView
from callplayer.engine.session.device import playing_device
from callplayer.engine.session.device.playing_device import PlayingDevice
from callplayer.engine.session.pipeline import AudioPipeline

QUIET = MixerLevel(20)


class ScriptedWatch:
    """Publishes the views that a test hands it."""

    on_view: Callable[[PulseView | None], None]

    def __init__(self, on_view: Callable[[PulseView | None], None]) -> None:
        ScriptedWatch.on_view = on_view


async def test_a_volume_that_the_mixer_remembers_is_known_though_its_view_came_before_the_opening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(playing_device, "PulseWatch", ScriptedWatch)
    sound, levels = AudioPipeline(48_000), list[MixerLevel]()
    device = PlayingDevice(sound, DeviceLimits())
    device.watch_server(lambda: None, lambda: levels.append(sound.desktop_level))
    ScriptedWatch.on_view(PulseView(stream=QUIET, looked_s=time.monotonic()))
    await asyncio.sleep(0)
    assert levels == []  # the stream is there; the device that it belongs to is being opened still
    mixer = Mixer(48_000)
    output = SimulatedOutput(mixer)
    sound.attach(output, mixer)
    device.look(time.monotonic())
    assert levels == [QUIET]
    ScriptedWatch.on_view(PulseView(stream=FULL, looked_s=time.monotonic()))
    await asyncio.sleep(0)
    assert levels == [QUIET, FULL]
    output.stop()


async def test_a_view_from_before_the_opening_says_nothing_about_the_new_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(playing_device, "PulseWatch", ScriptedWatch)
    sound, levels = AudioPipeline(48_000, no_audio=True), list[MixerLevel]()
    device = PlayingDevice(sound, DeviceLimits())
    device.watch_server(lambda: None, lambda: levels.append(sound.desktop_level))
    ScriptedWatch.on_view(PulseView(stream=QUIET, looked_s=time.monotonic()))
    await asyncio.sleep(0)
    await device.open_first("")
    device.look(time.monotonic())
    assert levels == []
    await sound.close()
