"""How a device is watched and found again where no sound server reports it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callplayer import preferences
from callplayer.config import Settings
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import BREAK_BACK_MS, PlaybackState
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import PulseView, Sink
from callplayer.engine.devices.search import ListDevices
from callplayer.engine.devices.watchdog import TICK_S
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.session.device import standstill
from callplayer.engine.session.device.device_manager import DeviceManager
from callplayer.engine.session.device.device_report import LACKS, SLOW_S
from callplayer.engine.session.pipeline import OPEN_TIMEOUT_S, AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.errors import SoundDeviceHangsError, SoundSystemGoneError
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Scrub
from callplayer.vendor.status import Status

LIMITS = DeviceLimits(search_s=3.0)
SPEAKERS = OutputDevice(0, "speakers", "ALSA", 2, 48_000, is_default=True)
HEADSET = OutputDevice(1, "headset", "ALSA", 2, 48_000, is_default=False)


class Card:
    """An open device that asks for blocks until it is made to stand still."""

    latency_s = 0.01
    closes = takes_latency = True
    underflows = 0
    mixer = Mixer(48_000)

    def __init__(self, name: str) -> None:
        self.device_name = name
        self.silent_s = 0.004
        self.gap_s = 0.0

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return self.silent_s

    def take_gap_s(self) -> float:
        gap_s, self.gap_s = self.gap_s, 0.0
        return gap_s

    def ended(self) -> bool:
        return False


class Rig:
    """Plays on the speakers for as long as the headset, which was lost, is gone."""

    def __init__(
        self,
        list_devices: ListDevices,
        *,
        wanted: str = "headset",
        output_delay_ms: Mapping[str, int] | None = None,
    ) -> None:
        self.reported: list[m.Event] = []
        self.now_s = 1000.0
        self.sent: list[Command] = []
        sound, call = AudioPipeline(48_000), PlaybackState()
        reporter = Reporter(self.reported.append, call, sound, ReceivePath())
        self.care = DeviceManager(
            sound, call, reporter, self.sent.extend,
            Settings(output_device=wanted, output_delay_ms=output_delay_ms or {}),
            lasting="", keep=lambda _: None, limits=LIMITS, list_devices=list_devices,
        )  # fmt: skip
        self.card = Card("speakers")
        sound.attach(self.card, self.card.mixer)
        self.care._home.remember("headset", "headset", is_sink=False, gone=True)
        self.switched: list[str] = []
        self.care._switch = self._switch  # type: ignore[method-assign]
        self.care._reopen = self._find_none  # type: ignore[method-assign]
        self.sound, self.call = sound, call

    def play(self) -> None:
        """Let a call of 60 s play, at 30 s by now, on a device that is not lost."""
        self.care._home.forget()
        self.call.opened = True
        reported = Status(30_000, 60_000, paused=False, at_end=False, call_over=True)
        self.call.take_status(reported, self.now_s, Delays())

    @property
    def detail(self) -> str:
        return [each.detail for each in self.reported if isinstance(each, m.StateEvent)][-1]

    @property
    def errors(self) -> list[str]:
        return [each.code for each in self.reported if isinstance(each, m.ErrorEvent)]

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


async def no_devices() -> list[OutputDevice]:
    return []


def scrub_of(sent: list[Command]) -> int:
    """Return where the one scrub of a pause leads."""
    scrub, pause = sent
    assert isinstance(scrub, Scrub)
    assert pause == Pause()
    return scrub.position


async def test_a_device_that_stands_still_for_a_second_is_waited_for_and_gone_on_with() -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    await rig.step(LIMITS.stalled_s - TICK_S, silent=True)
    assert rig.sent == []
    await rig.step(1.2 - LIMITS.stalled_s, silent=True)
    assert scrub_of(rig.sent) == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert "stands still" in rig.detail
    assert rig.sound.ready
    rig.care.handle(Pause())  # what a person asks meanwhile counts
    rig.care.handle(m.TogglePause())
    await rig.step(0.2)
    assert not rig.call.held
    assert not rig.call.head.wants_paused()
    assert (rig.detail, rig.errors) == ("", [])


async def test_a_pause_that_is_pressed_while_the_sound_fades_out_for_another_device_lasts() -> None:
    rig = Rig(no_devices)
    rig.play()
    rig.call.apply(Pause(), rig.now_s, Delays())
    rig.call.held = True  # for the device that is left in a moment
    assert rig.sound.ready
    assert rig.care.handle(Pause())
    assert not rig.call.held
    assert rig.care.handle(m.TogglePause()) is False


async def test_a_device_that_opens_slowly_is_waited_for_and_one_that_hangs_is_left_to_a_new_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(no_devices)
    rig.play()
    rig.sound.detach()
    del rig.care._reopen  # type: ignore[attr-defined]
    patience_s = []

    async def hangs(_name: str, _view: PulseView | None, *, timeout_s: float, **_: Any) -> None:
        patience_s.append(timeout_s)
        await asyncio.sleep(SLOW_S + 0.1)
        raise SoundDeviceHangsError("The sound device does not answer.", "")

    monkeypatch.setattr(rig.sound, "open", hangs)
    with pytest.raises(SoundSystemGoneError):
        await rig.step(TICK_S)
    assert patience_s == [LIMITS.opens_s]
    assert LIMITS.opens_s > OPEN_TIMEOUT_S
    assert rig.detail == LACKS


@pytest.mark.parametrize("server_ended", [True, False])
async def test_a_device_left_for_another_that_hangs_while_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, *, server_ended: bool
) -> None:
    """Once its sound server has ended, PortAudio cannot close it: a new engine waits for one."""
    rig = Rig(no_devices)
    rig.play()
    del rig.care._switch  # type: ignore[attr-defined]

    async def hangs(_: object) -> None:
        rig.care._device._server_ended_s = time.monotonic() if server_ended else -1.0
        raise SoundDeviceHangsError("The sound device does not answer.", "")

    monkeypatch.setattr(rig.sound, "end", hangs)
    with pytest.raises(SoundSystemGoneError if server_ended else SoundDeviceHangsError):
        await rig.care._switch("headset")


async def test_a_suspended_device_is_not_waited_for() -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    sink = Sink("speakers", "Speakers", suspended=True)
    rig.care._device.view = PulseView(sinks=(sink,), playing_on="")
    rig.care._device.on_sink = "speakers"
    await rig.step(LIMITS.stalled_s + TICK_S, silent=True)
    assert rig.errors == ["device-lost"]


async def test_a_process_that_was_stopped_goes_back_to_what_was_heard_last() -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    rig.now_s += 45.0  # beyond the call's end, by its clock
    rig.card.gap_s = 45.0
    await rig.step(TICK_S)
    assert scrub_of(rig.sent) == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert rig.errors == ["stood-still"]
    rig.call.unreachable = True  # the server has given us up meanwhile
    await rig.step(1.0)
    assert rig.call.held
    rig.call.unreachable = False
    rig.sent.clear()
    await rig.step(2 * TICK_S)
    assert isinstance(rig.sent[0], Scrub)  # it may not have got there
    assert rig.sent[0].position == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert not rig.call.head.wants_paused()
    assert rig.detail == ""


async def test_a_stopped_process_is_known_by_its_own_turns_before_the_device_has_asked_again() -> (
    None
):
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    rig.now_s += 20.0
    rig.card.silent_s = 20.0
    rig.care.turn(rig.now_s)
    assert scrub_of(rig.sent) == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert rig.errors == ["stood-still"]
    assert rig.care.handle(Scrub(5_000)) is False  # a jump goes before the place it waits at
    rig.call.away = True
    await rig.step(1.0)
    assert rig.call.held
    rig.call.away = False
    rig.sent.clear()
    await rig.step(2 * TICK_S)
    assert not rig.call.held
    assert not [command for command in rig.sent if isinstance(command, Scrub)]


async def test_a_turn_that_comes_late_while_the_device_was_fed_is_no_standstill() -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    rig.now_s += 3.0
    await rig.step(1.0)
    assert (rig.sent, rig.errors) == ([], [])


async def test_a_machine_that_slept_goes_back_though_its_clock_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    monkeypatch.setattr(standstill, "asleep_s", lambda: rig.care._standstill._asleep_s + 600.0)
    await rig.step(TICK_S)
    monkeypatch.undo()
    assert scrub_of(rig.sent) == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert rig.errors == ["stood-still"]


async def test_what_the_first_block_takes_is_no_standstill() -> None:
    rig = Rig(no_devices)
    rig.play()
    rig.card.gap_s = 2.0
    await rig.step(2.0)
    assert (rig.sent, rig.errors) == ([], [])


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
    await asyncio.wait_for(rig.step(LIMITS.lost_s - 0.2, silent=True), 5.0)
    assert rig.sound.ready
    await asyncio.wait_for(rig.step(0.4, silent=True), 5.0)
    assert not rig.sound.ready
    losses = [event for event in rig.reported if isinstance(event, m.ErrorEvent)]
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


async def test_a_delay_that_the_device_does_not_report_is_found_by_clicks_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferences, "choices_path", lambda: tmp_path / "choices.json")
    rig = Rig(no_devices)
    rig.play()
    await rig.step(0.5)
    reported_ms = rig.sound.device_latency_ms
    assert rig.care.handle(m.AdjustOutputDelay(180))
    assert rig.care.handle(m.AdjustOutputDelay(10))
    block = np.zeros((480, 2), dtype=np.float32)
    await asyncio.sleep(0)
    rig.card.mixer.render(block)
    rendered_s = time.monotonic()
    assert np.abs(block).max() > 0.1
    assert rig.sound.device_latency_ms == reported_ms + 190
    assert rig.sound.fade_s > 0.19
    for _ in range(50):
        reported = [each for each in rig.reported if isinstance(each, m.DevicesEvent)]
        if reported:
            break
        await asyncio.sleep(0.02)
    assert reported[-1].output_delay_ms == 190
    assert reported[-1].click_s == pytest.approx(rendered_s + 0.19 + 0.01, abs=0.02)
    assert preferences.read_output_delays_ms() == {"speakers": 190}
    rig.care.stop()
    assert Rig(no_devices).sound.output_delay_ms == 190


async def test_settings_go_before_a_delay_that_was_found() -> None:
    rig = Rig(no_devices, output_delay_ms={"speakers": 70})
    assert rig.sound.output_delay_ms == 70
    assert rig.care.handle(m.AdjustOutputDelay(-2000))
    await asyncio.sleep(0)
    assert rig.sound.output_delay_ms == 0
    rig.care.stop()


async def test_a_named_device_that_is_back_is_not_reported_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fresh() -> list[OutputDevice]:
        return [HEADSET]

    rig = Rig(fresh, wanted="head")  # a part of its name, and the sink it led to is another name
    rig.sound.detach()
    del rig.care._reopen  # type: ignore[attr-defined]

    async def opens(name: str) -> bool:
        rig.sound.attach(rig.card, rig.card.mixer)
        return name == "headset"

    monkeypatch.setattr(rig.care._device, "open", opens)
    await rig.step(TICK_S)
    assert rig.sound.ready
    assert not [event for event in rig.reported if isinstance(event, m.ErrorEvent)]
