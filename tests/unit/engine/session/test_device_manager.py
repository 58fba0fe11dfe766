"""How a device is watched and found again where no sound server tells of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callplayer.config import Settings
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.search import ListDevices
from callplayer.engine.devices.watchdog import TICK_S
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.session.device_manager import DeviceManager
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.ipc import messages as m

LIMITS = DeviceLimits(search_s=3.0, stalled_s=0.5)
SPEAKERS = OutputDevice(0, "speakers", "ALSA", 2, 48_000, is_default=True)
HEADSET = OutputDevice(1, "headset", "ALSA", 2, 48_000, is_default=False)


class Card:
    """An open device that asks for blocks until it is told to stand still."""

    latency_s = 0.01
    underflows = 0
    mixer = Mixer(48_000)

    def __init__(self, name: str) -> None:
        self.device_name = name
        self.silent_s = 0.004

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return self.silent_s

    def ended(self) -> bool:
        return False


class Rig:
    """Plays on the speakers for as long as the headset, which was lost, is gone."""

    def __init__(self, list_devices: ListDevices, *, wanted: str = "headset") -> None:
        self.told: list[m.Event] = []
        self.now_s = 1000.0
        sound, call = AudioPipeline(48_000), PlaybackState()
        reporter = Reporter(self.told.append, call, sound, ReceivePath())
        self.care = DeviceManager(
            sound, call, reporter, lambda _: None, Settings(output_device=wanted),
            lasting="", keep=lambda _: None, limits=LIMITS, list_devices=list_devices,
        )  # fmt: skip
        self.card = Card("speakers")
        sound.attach(self.card, self.card.mixer)
        self.care._home.remember("headset", "headset", is_sink=False, gone=True)
        self.switched: list[str] = []
        self.care._switch = self._switch  # type: ignore[method-assign]
        self.care._reopen = self._find_none  # type: ignore[method-assign]
        self.sound = sound

    async def _find_none(self) -> None: ...

    async def _switch(self, name: str) -> None:
        self.switched.append(name)
        self.care._home.forget()

    async def step(self, seconds: float, *, silent: bool = False) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            self.card.silent_s = self.card.silent_s + TICK_S if silent else 0.004
            await self.care._step(self.now_s)
            await asyncio.sleep(0)


async def test_a_device_is_watched_while_another_is_looked_for() -> None:
    asked = asyncio.Event()

    async def hangs() -> list[OutputDevice]:
        asked.set()
        await asyncio.sleep(60.0)
        return []

    rig = Rig(hangs)
    await asyncio.wait_for(rig.step(LIMITS.search_s + 0.5), 5.0)
    assert asked.is_set()
    assert rig.sound.ready
    await asyncio.wait_for(rig.step(0.6, silent=True), 5.0)
    assert not rig.sound.ready
    losses = [event for event in rig.told if isinstance(event, m.ErrorEvent)]
    assert [loss.code for loss in losses] == ["device-lost"]
    rig.care.stop()
    looking = rig.care._search._looking
    assert isinstance(looking, asyncio.Task)
    assert looking.cancelled() or looking.cancelling()


async def test_a_lost_device_is_played_on_again_when_it_is_listed_again() -> None:
    listed: list[OutputDevice] = [SPEAKERS]
    looks = 0

    async def fresh() -> list[OutputDevice]:
        nonlocal looks
        looks += 1
        return list(listed)

    rig = Rig(fresh)
    await rig.step(2 * LIMITS.search_s)
    assert looks == 2
    assert not rig.switched
    listed.append(HEADSET)
    await rig.step(LIMITS.search_s + 0.5)
    assert rig.switched == ["headset"]


@pytest.mark.parametrize(("lost", "reopened"), [(True, "speakers"), (False, "headset")])
async def test_for_more_latency_the_device_that_plays_is_opened_anew(
    lost: bool, reopened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fresh() -> list[OutputDevice]:
        return [SPEAKERS]

    rig = Rig(fresh)
    if not lost:
        rig.care._home.forget()
        rig.card.device_name = "headset"
    wants: Any = lambda *_, **__: True  # noqa: E731
    monkeypatch.setattr(rig.sound, "wants_other_latency", wants)
    await rig.step(TICK_S)
    assert rig.switched == [reopened]
