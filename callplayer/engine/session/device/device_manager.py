"""The care of the sound device: its loss reported and bridged, its return, and the user's choice.

A call without a sound device waits at the place that was heard last, so that nothing of it is lost.
Everything here runs on the engine's loop; what may hang is done by AudioPipeline in threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from callplayer.config import Settings
from callplayer.engine.cursor.hold import Hold
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.listing import fresh_devices
from callplayer.engine.devices.portaudio import Output
from callplayer.engine.devices.routes import sink_in_environment
from callplayer.engine.devices.search import DeviceSearch, ListDevices
from callplayer.engine.devices.selection import DeviceSelection, StreamWent
from callplayer.engine.devices.watchdog import TICK_S
from callplayer.engine.session.device.device_report import DeviceReport, system_gone
from callplayer.engine.session.device.first_device import FirstDevice
from callplayer.engine.session.device.playing_device import PlayingDevice
from callplayer.engine.session.device.stand_in import StandIn
from callplayer.engine.session.device.standstill import Standstill
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.errors import SoundDeviceHangsError
from callplayer.ipc import messages as m
from callplayer.preferences import read_output_delays_ms
from callplayer.text import plain_text
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd

LOG = logging.getLogger(__name__)

DEFAULT_LIMITS = DeviceLimits()


class DeviceManager:
    """Keeps a sound device open for `sound`, and the call where it was heard while there is none.

    `lasting` is the device chosen in an earlier call, which counts if `settings` name none and may
    be missing now. `send` sends commands to the server; `keep` makes a choice last and may raise
    OSError. `silent`: a call that finds no device at its begin plays on silently, and takes up
    sound as soon as one comes. `list_devices` lists PortAudio's devices of the moment. `device` is
    what is opened for `sound` (None: the real ones).
    """

    def __init__(
        self,
        sound: AudioPipeline,
        call: PlaybackState,
        reporter: Reporter,
        send: Callable[[list[Command]], None],
        settings: Settings,
        *,
        lasting: str,
        keep: Callable[[str], None],
        silent: bool = False,
        limits: DeviceLimits = DEFAULT_LIMITS,
        list_devices: ListDevices = fresh_devices,
        device: PlayingDevice | None = None,
    ) -> None:
        sound.output_delays_ms = read_output_delays_ms() | dict(settings.output_delay_ms)
        self._limits = limits
        self._sound = sound
        self._call = call
        self._reporter = reporter
        self._hold = Hold(call, reporter.delays, send)
        self._keep = keep
        goes_on = settings.on_device_loss == "default"
        self._home = DeviceSelection(settings.output_device or lasting, goes_on)
        self._any_will_do = False
        self._asked: str | None = None
        self._device = device or PlayingDevice(sound, limits)
        self._search = DeviceSearch(list_devices, limits)
        self._stand_in = StandIn(sound, limits)
        self._report = DeviceReport(
            sound, call, reporter, self._home, self._device, list_devices=list_devices
        )
        self._standstill = Standstill(sound, self._device, self._hold, self._report, limits)
        self._first = FirstDevice(
            self._device,
            self._home,
            self._stand_in,
            self._report,
            may_be_missing=not settings.output_device,
            silent=silent,
        )
        self._begun = False
        self._retry_s = 0.0

    # --- life -------------------------------------------------------------------------------------

    async def open_first(self) -> None:
        """Open the device for the first time; raise SoundDeviceError if none can be opened."""
        if self._sound.no_audio:
            await self._sound.open("")
            return
        self._watch_server()
        with self._report.naming(self._home.wanted):
            await self._first.open()
        self._begun = True

    async def run(self, *, waiting: bool = False) -> None:
        """Care for ever. `waiting`: the call begins without a device, open_first is not called.

        Raise SoundDeviceHangsError when only a new process can help.
        """
        if self._sound.no_audio:
            await asyncio.Event().wait()
        if waiting:
            self._watch_server()
            self._begun = True
        while True:
            await asyncio.sleep(TICK_S)
            if self._begun:
                await self.step(time.monotonic())

    def turn(self, now_s: float) -> None:
        """Note a turn of the engine's loop: one that comes late shows that this process stood."""
        self._standstill.turn(now_s)

    def stop(self) -> None:
        """Ask the sound server no more."""
        self._report.stop()
        self._search.stop()
        self._device.stop()

    # --- requests ---------------------------------------------------------------------------------

    def handle(self, request: m.Request) -> bool:
        """Take a request that is about the device, or that has to wait for one."""
        if self._report.handle(request):
            return True
        if isinstance(request, Scrub | ScrubToEnd | m.SeekBy):
            self._hold.forget_place()
        match request:
            case m.SetOutputDevice() if self._sound.no_audio:
                self._reporter.error("bad-request", "--no-audio plays nothing.", "Run without it.")
            case m.SetOutputDevice(name=name):
                self._asked = name
            case Resume() | m.TogglePause() | Pause() if self._must_wait():
                is_toggle = isinstance(request, m.TogglePause)
                plays = not self._call.held if is_toggle else isinstance(request, Resume)
                self._call.held = self._any_will_do = plays
                self._retry_s = 0.0
                self._report.detail()
            case _:
                return False
        return True

    def _must_wait(self) -> bool:
        waits = self._sound.silent or self._call.held  # held, it is about to be left
        return self._call.opened and waits and self._call.is_silent()

    # --- one step ---------------------------------------------------------------------------------

    async def step(self, now_s: float) -> None:
        """Look at the device, do what is due; called each TICK_S."""
        self.turn(now_s)
        if self._asked is not None:
            asked, self._asked = self._asked, None
            await self._choose(asked)
        elif self._sound.has_stand_in:
            if await self._stand_in.device_has_come(self._device.view, now_s):
                await self._take_up()
        elif self._sound.ready:
            await self._supervise(now_s)
        elif now_s >= self._retry_s:
            await self._reopen()

    async def _supervise(self, now_s: float) -> None:
        output = self._sound.output
        assert output is not None
        name = self._sound.device_name
        self._device.look(now_s)
        went = self._follow_the_stream(now_s)
        if output.ended() or went == "nowhere":
            await self._lose(f"The sound device {name} is gone.", gone=True)
        elif went == "misled":
            self._report.kept()
            await self._switch(self._device.on_sink)
        elif self._device.is_lost:
            await self._lose(f"The sound device {name} has stopped.", gone=False)
        elif self._standstill.look(now_s):
            return
        elif self._home.name and self._search.is_back(
            self._home, self._device.view, self._device.on_sink, now_s
        ):
            if await self._probe(self._home.name):
                await self._switch(self._home.name)
        elif self._device.wants_other_latency(now_s, unheard=self._call.is_silent()):
            name = output.device_name if self._home.name else self._home.wanted
            await self._switch(self._device.on_sink or name)
        elif not self._device.is_late:
            self._hold.record(now_s)

    def _follow_the_stream(self, now_s: float) -> StreamWent:
        """Take note of where the sound server plays us; return where that is."""
        before, label = self._device.on_sink, self._sound.device_name
        stays = bool(self._home.wanted or sink_in_environment()) and not self._home.name
        went = self._device.follow(now_s, stays=stays)
        if went in ("stayed", "misled", "nowhere"):
            return went
        if self._device.on_sink == self._home.name or went == "moved":
            self._home.forget()  # it is home, or a person wants it elsewhere
        elif went == "lost":
            self._home.remember(before, label or before, is_sink=True, gone=True)
            if not self._home.goes_on:
                self._hold.engage(now_s, goes_on=False)
            self._report.loss(f"The sound device {label} is gone.")
        self._report.detail()
        return went

    async def _lose(self, why: str, *, gone: bool) -> None:
        """The device gives no sound: hold the call where it was heard, close the device."""
        LOG.warning("%s", why)
        now_s, label, output = time.monotonic(), self._sound.device_name or "", self._sound.output
        assert output is not None
        broke_off_s = None if gone else now_s - output.stalled_s(now_s)
        self._hold.engage(now_s, goes_on=self._home.goes_on, broke_off_s=broke_off_s)
        self._sound.detach()
        on_sink = self._device.on_sink
        self._home.remember(on_sink or output.device_name, label, is_sink=bool(on_sink), gone=gone)
        self._report.loss(why)
        self._report.detail()
        self._retry_s = 0.0
        if not output.closes:
            raise system_gone("JACK has ended.")
        await self._end(output)

    async def _end(self, output: Output) -> None:
        """Close a device; raise SoundSystemGoneError if that hangs, for its server has ended."""
        try:
            await self._sound.end(output)
        except SoundDeviceHangsError:
            if self._device.server_ended:
                raise system_gone("The sound server has ended.") from None
            raise

    async def _reopen(self) -> None:
        """Open the lost device if it is back, else another one if that is wanted."""
        self._retry_s = time.monotonic() + self._limits.retry_s
        for name in self._home.candidates(self._device.view, any_will_do=self._any_will_do):
            wanted, is_meant = self._home.wanted, name in (self._home.wanted, self._home.name)
            if await self._open(name):
                if wanted and not is_meant and not self._home.name:
                    self._report.missing(wanted)
                return

    async def _take_up(self) -> None:
        """Play on a device that has come, from the place the silent call has reached."""
        self._break_off()
        output = self._sound.detach()
        assert output is not None
        await self._sound.end(output)
        await self._reopen()
        if not self._sound.ready:
            self._stand_in.begin(time.monotonic())
            self._report.detail()
            self._hold.release(time.monotonic())

    async def _switch(self, name: str) -> None:
        """Leave a device that plays for another one; the call goes on where it was heard."""
        left, label = self._device.on_sink, self._sound.device_name or ""
        with self._report.naming(name):
            self._break_off()
            self._sound.channels.set_gate(False)
            await asyncio.sleep(self._sound.fade_s)
            output = self._sound.detach()
            self._retry_s = 0.0
            if output is not None:
                await self._end(output)
            is_open = await self._open(name)
        if not is_open and not self._home.name:
            # It went just now: a device that is only opened anew, or one that ran a moment ago.
            label = label if name in ("", left) else name
            self._home.remember(name or left, label, is_sink=bool(left), gone=True)
            self._report.loss(f"The sound device {label} is gone.")
            self._report.detail()

    def _break_off(self) -> None:
        """Hold the call where it is heard now: the device that plays is left."""
        now_s = time.monotonic()
        self.turn(now_s)
        self._hold.record(now_s)
        self._hold.engage(now_s, goes_on=True)

    async def _open(self, name: str) -> bool:
        """Open a device and see that it runs; return whether it does: the call goes on then."""
        if name == self._home.name:
            self._home.leave_alone(time.monotonic())
        with self._report.opening(name):
            is_open = await self._device.open(name)
        if not is_open:
            return False
        if name == self._home.name:
            self._home.forget()
        self._any_will_do = False
        self._standstill.release(time.monotonic())
        return True

    async def _probe(self, name: str) -> bool:
        """Return whether a device runs, while the one that plays goes on."""
        if name == self._home.name:
            self._home.leave_alone(time.monotonic())
        with self._report.opening(name):
            return await self._device.probe(name)

    # --- choice -----------------------------------------------------------------------------------

    async def _choose(self, asked: str) -> None:
        """Play on a device from now on; a name that is none changes nothing."""
        name = await self._report.meant(asked)
        if name is None:
            return
        plays = self._sound.ready and not self._sound.has_stand_in
        is_other = plays and not (name and name == self._device.on_sink)
        if is_other and not await self._probe(name):
            stays = f"It stays {self._sound.device_name}."
            self._reporter.error(
                "no-sound-device", f"{plain_text(name, 80)} gives no sound.", stays
            )
            return
        self._home.wanted = name
        self._home.forget()
        try:
            self._keep(name)
        except OSError as error:
            LOG.warning("the choice is not kept: %s", error)
            what = "The choice is not kept for later calls."
            self._reporter.error("not-kept", what, "The log says why.")
        if is_other:
            await self._switch(name)
        self._retry_s = 0.0
        self._report.detail()
        await self._report.devices()

    def _watch_server(self) -> None:
        self._device.watch_server(self._look_again, self._reporter.request_state)

    def _look_again(self) -> None:
        """Try again at once: the sinks have changed."""
        self._retry_s = 0.0
        self._stand_in.hurry()
