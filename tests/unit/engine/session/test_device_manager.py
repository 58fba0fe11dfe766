"""How a device is watched and found again where no sound server reports it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
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
from callplayer.engine.devices.selection import HOME_AGAIN_S
from callplayer.engine.devices.watchdog import TICK_S
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.session.device import standstill
from callplayer.engine.session.device.device_manager import DeviceManager
from callplayer.engine.session.device.device_report import SLOW_S
from callplayer.engine.session.device.playing_device import PlayingDevice
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
        self.has_ended = False

    def stop(self) -> None: ...

    def stalled_s(self, now_s: float) -> float:
        return self.silent_s

    def take_gap_s(self) -> float:
        gap_s, self.gap_s = self.gap_s, 0.0
        return gap_s

    def ended(self) -> bool:
        return self.has_ended


class Opened(PlayingDevice):
    """Opens cards of the test's own: those that are `there`, by name; "" is the speakers.

    `opened` are the names that were tried. `server_has_ended`: the sound server has, just now.
    """

    def __init__(self, sound: AudioPipeline) -> None:
        super().__init__(sound, LIMITS)
        self.there: dict[str, Card] = {}
        self.opened: list[str] = []
        self.server_has_ended = False
        self._pipeline = sound

    @property
    def server_ended(self) -> bool:
        return self.server_has_ended

    async def open(self, name: str) -> bool:
        self.opened.append(name)
        card = self.there.get(name or "speakers")
        if card is not None:
            self._pipeline.attach(card, card.mixer)
        return card is not None

    async def probe(self, name: str) -> bool:
        return name in self.there


class Rig:
    """A call on the speakers, which are open already. The wanted headset is not there."""

    def __init__(
        self,
        list_devices: ListDevices,
        *,
        wanted: str = "headset",
        output_delay_ms: Mapping[str, int] | None = None,
        make_device: Callable[[AudioPipeline], PlayingDevice] | None = None,
    ) -> None:
        self.reported: list[m.Event] = []
        self.now_s = time.monotonic()
        self.sent: list[Command] = []
        self.sound, self.call = sound, call = AudioPipeline(48_000), PlaybackState()
        self.device, self.card = (make_device or Opened)(sound), Card("speakers")
        self.reporter = Reporter(self.reported.append, call, sound, ReceivePath())
        self.care = DeviceManager(
            sound, call, self.reporter, self.sent.extend,
            Settings(output_device=wanted, output_delay_ms=output_delay_ms or {}),
            lasting="", keep=lambda _: None, limits=LIMITS, list_devices=list_devices,
            device=self.device,
        )  # fmt: skip
        sound.attach(self.card, self.card.mixer)

    async def lose_the_headset(self) -> None:
        """Have the headset play, and end, just now."""
        headset = Card("headset")
        headset.has_ended = True
        self.sound.attach(headset, headset.mixer)
        await self.step(TICK_S)
        assert self.errors == ["device-lost"]

    async def play_on_the_speakers(self) -> None:
        """Play on them for as long as the headset, which was lost, is gone."""
        self.device.there["speakers"] = self.card
        await self.lose_the_headset()
        await self.step(TICK_S)
        assert self.sound.output is self.card
        self.now_s += HOME_AGAIN_S
        self.device.opened.clear()
        self.reported.clear()

    def play(self) -> None:
        """Let a call of 60 s play, at 30 s by now."""
        self.call.opened = True
        reported = Status(30_000, 60_000, paused=False, at_end=False, call_over=True)
        self.call.take_status(reported, self.now_s, Delays())

    @property
    def detail(self) -> str:
        return [each.detail for each in self.reported if isinstance(each, m.StateEvent)][-1]

    @property
    def errors(self) -> list[str]:
        return [each.code for each in self.reported if isinstance(each, m.ErrorEvent)]

    async def step(self, seconds: float, *, silent: bool = False) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            self.card.silent_s = self.card.silent_s + TICK_S if silent else 0.004
            await self.care.step(self.now_s)
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
    rig.card.underflows = 5  # of the stand-still: that is no reason to open it anew
    await rig.step(0.2)
    assert not rig.call.held
    assert not rig.call.head.wants_paused()
    assert (rig.detail, rig.errors) == ("", [])
    await rig.step(1.5)
    assert rig.device.opened == []
    rig.card.underflows = 8
    await rig.step(LIMITS.latency_look_s + TICK_S)
    assert rig.device.opened, "what comes later is one"


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
    rig = Rig(no_devices, make_device=lambda sound: PlayingDevice(sound, LIMITS))
    rig.play()
    rig.sound.detach()
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
    assert rig.detail == "Opening headset."


@pytest.mark.parametrize("why", ["more latency", "a choice", "its loss"])
async def test_while_a_device_is_opened_each_state_names_it(why: str) -> None:
    async def both() -> list[OutputDevice]:
        return [SPEAKERS, HEADSET]

    rig = Rig(both, wanted="" if why == "more latency" else "headset")
    rig.play()
    rig.device.there |= {"speakers": rig.card, "headset": Card("headset")}
    opens = rig.device.open

    async def opens_slowly(name: str) -> bool:
        rig.reporter.state()
        return await opens(name)

    rig.device.open = opens_slowly  # type: ignore[method-assign]
    await rig.step(2.0)
    name = "headset" if why == "a choice" else "speakers"
    if why == "more latency":
        rig.device.view = PulseView(sinks=(Sink("speakers", "Speakers"),), default="speakers")
        rig.card.underflows = 3
        name = "Speakers"
    elif why == "a choice":
        rig.care.handle(m.SetOutputDevice("headset"))
    else:
        rig.card.has_ended = True
        rig.device.there["speakers"] = Card("speakers")
    await rig.step(LIMITS.latency_look_s + TICK_S)
    states = [each for each in rig.reported if isinstance(each, m.StateEvent)]
    silent = [each for each in states if each.device is None]
    assert name in {each.opening for each in silent}
    if why != "its loss":  # before another is opened there is none
        assert {each.opening for each in silent} == {name}
    assert all(each.held for each in silent)
    assert (states[-1].opening, states[-1].held, states[-1].detail) == ("", False, "")


@pytest.mark.parametrize("server_ended", [True, False])
async def test_a_device_left_for_another_that_hangs_while_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, *, server_ended: bool
) -> None:
    """Once its sound server has ended, PortAudio cannot close it: a new engine waits for one."""

    async def one() -> list[OutputDevice]:
        return [HEADSET]

    async def hangs(_: object) -> None:
        rig.device.server_has_ended = server_ended
        raise SoundDeviceHangsError("The sound device does not answer.", "")

    rig = Rig(one)
    rig.play()
    rig.device.there["headset"] = Card("headset")
    rig.care.handle(m.SetOutputDevice("headset"))

    monkeypatch.setattr(rig.sound, "end", hangs)
    with pytest.raises(SoundSystemGoneError if server_ended else SoundDeviceHangsError):
        await rig.step(TICK_S)


@pytest.mark.parametrize("played_s", [2.0, 0.0])
@pytest.mark.parametrize("fault", ["suspended", "its server has ended"])
async def test_a_device_that_is_known_to_give_no_sound_is_not_waited_for(
    fault: str, played_s: float
) -> None:
    """Neither is one that was opened only now, and has not shown that it runs."""
    rig = Rig(no_devices)
    rig.play()
    await rig.step(played_s)
    if fault == "suspended":
        sink = Sink("speakers", "Speakers", suspended=True)
        rig.device.view = PulseView(sinks=(sink,), playing_on="speakers")
        rig.device.on_sink = "speakers"
    else:
        rig.device.server_has_ended = True
    await rig.step(LIMITS.stalled_s + 2 * TICK_S, silent=True)
    assert rig.errors == ["device-lost"]


async def test_a_sink_that_sleeps_is_given_time_to_wake_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    woken_s = time.monotonic() + 2 * LIMITS.stalled_s

    class Sleeps(Card):
        def stalled_s(self, now_s: float) -> float:
            return now_s % TICK_S if now_s > woken_s else now_s - woken_s + 2 * LIMITS.stalled_s

    sound = AudioPipeline(48_000)
    card = Sleeps("speakers")

    async def opens(*_: object, **__: object) -> None:
        sound.attach(card, card.mixer)

    async def closes() -> None:
        sound.detach()

    monkeypatch.setattr(sound, "open", opens)
    monkeypatch.setattr(sound, "close", closes)
    device = PlayingDevice(sound, LIMITS)
    sink = Sink("speakers", "Speakers", suspended=True)
    device.view = PulseView(sinks=(sink,), playing_on="speakers", looked_s=woken_s)
    assert await device.open("speakers")


async def test_a_device_that_has_not_run_yet_is_given_longer_than_one_that_has() -> None:
    rig = Rig(no_devices)
    rig.play()
    await rig.step(LIMITS.first_block_s - TICK_S, silent=True)
    assert (rig.sent, rig.errors) == ([], [])


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
    monkeypatch.setattr(standstill, "asleep_s", lambda: 10.0)
    rig = Rig(no_devices)
    rig.play()
    await rig.step(2.0)
    monkeypatch.setattr(standstill, "asleep_s", lambda: 610.0)
    await rig.step(TICK_S)
    assert scrub_of(rig.sent) == pytest.approx(32_000 - BREAK_BACK_MS, abs=110)
    assert rig.errors == ["stood-still"]


async def test_what_the_first_block_takes_is_no_standstill() -> None:
    rig = Rig(no_devices)
    rig.play()
    rig.card.gap_s = 2.0
    await rig.step(2.0)
    assert (rig.sent, rig.errors) == ([], [])


async def test_a_device_is_watched_while_another_is_looked_for() -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def hangs() -> list[OutputDevice]:
        asked.set()
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return []

    rig = Rig(hangs)
    await rig.play_on_the_speakers()
    rig.device.there.clear()
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
    await asyncio.wait_for(cancelled.wait(), 5.0)


async def test_a_lost_device_is_played_on_again_when_it_is_listed_again() -> None:
    listed: list[OutputDevice] = [SPEAKERS]
    looks = 0

    async def fresh() -> list[OutputDevice]:
        nonlocal looks
        looks += 1
        return list(listed)

    rig = Rig(fresh)
    await rig.play_on_the_speakers()
    await rig.step(2 * LIMITS.search_s)
    assert looks == 2
    assert not rig.device.opened
    listed.append(HEADSET)
    rig.device.there["headset"] = Card("headset")
    await rig.step(LIMITS.search_s + 0.5)
    assert rig.device.opened == ["headset"]


@pytest.mark.parametrize(("lost", "reopened"), [(True, "speakers"), (False, "headset")])
async def test_for_more_latency_the_device_that_plays_is_opened_anew(
    lost: bool, reopened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fresh() -> list[OutputDevice]:
        return [SPEAKERS]

    rig = Rig(fresh)
    if lost:
        await rig.play_on_the_speakers()
    else:
        rig.card.device_name = "headset"
        rig.device.there["headset"] = rig.card
    wants: Any = lambda *_, **__: True  # noqa: E731
    monkeypatch.setattr(rig.sound, "wants_other_latency", wants)
    await rig.step(TICK_S)
    assert rig.device.opened == [reopened]


async def test_a_device_that_stands_still_is_not_closed_for_more_latency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would hang. That it runs dry may be seen just as it stops."""
    rig = Rig(no_devices)
    rig.play()
    await rig.step(LIMITS.latency_look_s)
    wants: Any = lambda *_, **__: True  # noqa: E731
    monkeypatch.setattr(rig.sound, "wants_other_latency", wants)
    await rig.step(1.0, silent=True)
    assert "stands still" in rig.detail
    assert rig.device.opened == []


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
    with monkeypatch.context() as full:
        full.setattr(preferences, "choices_path", lambda: Path("/dev/null/choices.json"))
        assert rig.care.handle(m.AdjustOutputDelay(0))
        assert rig.care.handle(m.AdjustOutputDelay(-10))
        await asyncio.sleep(0)
    assert rig.errors == ["not-kept"]
    assert rig.care.handle(m.AdjustOutputDelay(10))
    await asyncio.sleep(0)
    rig.care.stop()
    assert Rig(no_devices).sound.output_delay_ms == 190


async def test_settings_go_before_a_delay_that_was_found() -> None:
    rig = Rig(no_devices, output_delay_ms={"speakers": 70})
    assert rig.sound.output_delay_ms == 70
    assert rig.care.handle(m.AdjustOutputDelay(-2000))
    await asyncio.sleep(0)
    assert rig.sound.output_delay_ms == 0
    rig.care.stop()


async def test_a_named_device_that_is_back_is_not_reported_as_missing() -> None:
    async def fresh() -> list[OutputDevice]:
        return [HEADSET]

    rig = Rig(fresh, wanted="head")  # a part of its name, and the sink it led to is another name
    await rig.lose_the_headset()
    await rig.step(TICK_S)
    assert not rig.sound.ready
    rig.device.there["headset"] = Card("headset")
    await rig.step(LIMITS.retry_s + TICK_S)
    assert rig.sound.ready
    assert rig.errors == ["device-lost"]
