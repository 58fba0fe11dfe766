"""The care of the sound device: its loss told and bridged, its return, and the user's choice.

A call without a sound device waits at the place that was heard last, so that nothing of it is lost.
Everything here runs on the engine's loop; what may hang is done by Sound in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from callplayer.config import Settings
from callplayer.engine.cursor.hold import Hold
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.listing import fresh_devices
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import PulseView, PulseWatch
from callplayer.engine.devices.selection import DeviceSelection, stream_went
from callplayer.engine.devices.watchdog import TICK_S, Cadence, update
from callplayer.engine.session.device_list import DeviceList
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.errors import SoundDeviceError, SoundDeviceHangsError
from callplayer.ipc import messages as m
from callplayer.text import plain_text
from callplayer.vendor.commands import Command, Pause, Resume

LOG = logging.getLogger(__name__)

RETRY_S = 1.0
LATENCY_LOOKS_S = 1.0
FIRST_VIEW_S = 1.0
GOES_ON_HINT = "It goes on on the default device, or waits without one."
PAUSED_HINT = "It is paused where it was heard last; Space goes on."
WAITS = "No sound device: the call waits here and goes on by itself."
LACKS = "No sound device."
SILENT = "No sound device: silent. `callplayer doctor` says why."
RARELY_S = 60.0
LOOK_FOR_HOME_S = 3.0
"""How often a lost device is looked for where no sound server tells that it is back."""


class DeviceManager:
    """Keeps a sound device open for `sound`, and the call where it was heard while there is none.

    `lasting` is the device chosen in an earlier call, which counts if `settings` name none and may
    be missing now. `send` sends commands to the server; `keep` makes a choice last and may raise
    OSError. `silent`: a call that finds no device at its begin plays on silently, and takes up
    sound as soon as one comes.
    """

    def __init__(
        self,
        sound: AudioPipeline,
        call: PlaybackState,
        teller: Reporter,
        send: Callable[[list[Command]], None],
        settings: Settings,
        *,
        lasting: str,
        keep: Callable[[str], None],
        silent: bool = False,
    ) -> None:
        self._silent = silent
        self._sound = sound
        self._call = call
        self._teller = teller
        self._hold = Hold(call, teller.delays, send)
        self._list = DeviceList(sound, teller)
        self._keep = keep
        goes_on = settings.on_device_loss == "default"
        self._home = DeviceSelection(settings.output_device or lasting, goes_on)
        self._may_be_missing = not settings.output_device
        self._any_will_do = False
        self._asked: str | None = None
        self._stand_ins = 0
        self._begun = False
        self._cadence = Cadence()
        self._watch: PulseWatch | None = None
        self._view: PulseView | None = None
        self._first_view = asyncio.Event()
        self._on_sink = ""
        self._opened_s = 0.0
        self._retry_s = self._latency_s = self._look_s = 0.0
        self._listing: asyncio.Task[None] | None = None
        self._search: asyncio.Task[list[OutputDevice]] | None = None

    # --- life -------------------------------------------------------------------------------------

    async def open_first(self) -> None:
        """Open the device for the first time; raise SoundDeviceError if none can be opened.

        With `silent` a stand-in is opened then, and nothing raised.

        A device that was chosen in an earlier call and is missing is told of, and the default one
        taken for it, if another device is as good.
        """
        if self._sound.no_audio:
            await self._sound.open("")
            return
        self._start_watch()
        if self._home.wanted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_VIEW_S):
                    await self._first_view.wait()
        try:
            await self._sound.open(self._home.wanted, self._view)
        except SoundDeviceError as error:
            await self._open_without(error)
        self._begun = True

    async def _open_without(self, error: SoundDeviceError) -> None:
        """Take the default device for the one that cannot be opened, else a stand-in."""
        hangs = isinstance(error, SoundDeviceHangsError)
        if self._home.wanted and self._may_be_missing and self._home.goes_on and not hangs:
            try:
                await self._sound.open("", self._view)
            except SoundDeviceError as none:
                error = none
            else:
                self._report_missing(self._home.wanted)
                return
        if not self._silent:
            raise SoundDeviceError(error.what, error.hint) from None
        LOG.warning("playing silently: %s", error.what)
        self._stand_in()

    async def run(self, *, waiting: bool = False) -> None:
        """Care for ever. `waiting`: the call may begin without a device, nobody opens one first.

        Raise SoundDeviceHangsError when only a new process can help.
        """
        if self._sound.no_audio:
            await asyncio.Event().wait()
        if waiting:
            self._start_watch()
            self._begun = True
        while True:
            await asyncio.sleep(TICK_S)
            if self._begun:
                await self._step(time.monotonic())

    def stop(self) -> None:
        """Ask the sound server no more."""
        for asking in (self._listing, self._search):
            if asking is not None:
                asking.cancel()
        if self._watch is not None:
            self._watch.stop()

    # --- requests ---------------------------------------------------------------------------------

    def handle(self, request: m.Request) -> bool:
        """Take a request that is about the device, or that has to wait for one."""
        match request:
            case m.ListDevices():
                self._listing = asyncio.create_task(self._tell_devices())
            case m.SetOutputDevice() if self._sound.no_audio:
                what = "There is no sound with --no-audio."
                self._teller.error("bad-request", what, "Run without it.")
            case m.SetOutputDevice(name=name):
                self._asked = name
            case Resume() | m.TogglePause() | Pause() if self._must_wait():
                is_toggle = isinstance(request, m.TogglePause)
                plays = not self._call.held if is_toggle else isinstance(request, Resume)
                self._call.held = self._any_will_do = plays
                self._retry_s = 0.0
                self._publish_detail()
            case _:
                return False
        return True

    def _must_wait(self) -> bool:
        return self._call.opened and not self._sound.ready and self._call.head.wants_paused()

    # --- one step ---------------------------------------------------------------------------------

    async def _step(self, now_s: float) -> None:
        if self._asked is not None:
            asked, self._asked = self._asked, None
            await self._choose(asked)
        elif self._sound.has_stand_in:
            if now_s >= self._retry_s:
                await self._take_up()
        elif self._sound.ready:
            await self._supervise(now_s)
        elif now_s >= self._retry_s:
            await self._reopen()

    async def _supervise(self, now_s: float) -> None:
        output = self._sound.output
        assert output is not None
        name = self._sound.device_name
        self._cadence = update(self._cadence, now_s, now_s - output.stalled_s(now_s))
        if output.ended() or self._follow_the_stream():
            await self._lose(f"The sound device {name} is gone.", gone=True)
        elif self._cadence.stalled:
            await self._lose(f"The sound device {name} has stopped.", gone=False)
        elif self._home.name and self._home_is_back(now_s):
            if await self._probe(self._home.name):
                await self._switch(self._home.name)
        elif now_s - self._latency_s >= LATENCY_LOOKS_S:
            self._latency_s = now_s
            unheard = self._call.head.wants_paused()
            if self._sound.wants_other_latency(now_s, unheard=unheard):
                name = output.device_name if self._home.name else self._home.wanted
                await self._switch(self._on_sink or name)
        elif not self._cadence.is_late:
            self._hold.record(now_s)

    def _follow_the_stream(self) -> bool:
        """Take note of where the sound server plays us; tell whether that is nowhere any more.

        A sink that is unplugged never stops: the server moves its streams to another one.
        """
        view, before, label = self._view, self._on_sink, self._sound.device_name
        went = stream_went(view, self._opened_s, before)
        if view is None or went == "stayed":
            return False
        if went == "nowhere":
            return True
        self._on_sink = view.playing_on
        sink = view.sink(self._on_sink)
        self._sound.device_label = sink.label if sink is not None else ""
        if self._on_sink == self._home.name or went == "moved":
            self._home.forget()  # it is home, or somebody wants it elsewhere
        elif went == "lost":
            self._home.remember(before, label or before, is_sink=True, gone=True)
            if not self._home.goes_on:
                self._hold.engage(time.monotonic(), goes_on=False)
            self._tell_loss(f"The sound device {label} is gone.")
        self._publish_detail()
        return False

    async def _lose(self, why: str, *, gone: bool) -> None:
        """The device gives no sound: let the call wait where it was heard, tell it, close it."""
        LOG.warning("%s", why)
        self._hold.engage(time.monotonic(), goes_on=self._home.goes_on)
        label = self._sound.device_name or ""
        output = self._sound.detach()
        assert output is not None
        self._home.remember(
            self._on_sink or output.device_name, label, is_sink=bool(self._on_sink), gone=gone
        )
        self._tell_loss(why)
        self._publish_detail()
        self._retry_s = 0.0
        await self._sound.end(output)

    async def _reopen(self) -> None:
        """Open the lost device if it is back, else another one if that is wanted."""
        self._retry_s = time.monotonic() + RETRY_S
        for name in self._home.candidates(self._view, any_will_do=self._any_will_do):
            if await self._open(name):
                wanted = self._home.wanted
                if wanted and name != wanted and not self._home.name:
                    self._report_missing(wanted)
                return

    def _stand_in(self) -> None:
        """Let the call go on silently; look for a device now and then, more and more rarely."""
        self._sound.open_stand_in()
        self._stand_ins += 1
        self._retry_s = time.monotonic() + min(RETRY_S * 2 ** (self._stand_ins - 1), RARELY_S)
        self._publish_detail()

    async def _take_up(self) -> None:
        """Play on a device that has come, from the place the silent call has reached."""
        if not await self._has_come():
            return
        self._hold.record(time.monotonic())
        self._hold.engage(time.monotonic(), goes_on=True)
        output = self._sound.detach()
        assert output is not None
        await self._sound.end(output)
        await self._reopen()
        if not self._sound.ready:
            self._stand_in()
            self._hold.release(time.monotonic())

    async def _has_come(self) -> bool:
        """Return whether there may be a device now."""
        if self._view is not None:
            self._retry_s = time.monotonic() + RETRY_S
            return bool(self._view.audible)
        self._retry_s = time.monotonic() + LOOK_FOR_HOME_S
        try:
            return await self._sound.look_for_devices()
        except SoundDeviceHangsError:
            LOG.warning("the sound system hangs; it is left alone")
            self._retry_s = float("inf")
        except SoundDeviceError:
            pass
        return False

    async def _switch(self, name: str) -> None:
        """Leave a device that plays for another one; the call goes on where it was heard."""
        self._hold.record(time.monotonic())
        self._hold.engage(time.monotonic(), goes_on=True)
        self._sound.set_gate(False)
        await asyncio.sleep(self._sound.fade_s)
        left, label = self._on_sink, self._sound.device_name or ""
        output = self._sound.detach()
        self._retry_s = 0.0
        if output is not None:
            await self._sound.end(output)
        if not await self._open(name) and not self._home.name:
            # It went just now: a device that is only opened anew, or one that ran a moment ago.
            label = label if name in ("", left) else name
            self._home.remember(name or left, label, is_sink=bool(left), gone=True)
            self._tell_loss(f"The sound device {label} is gone.")
            self._publish_detail()

    async def _open(self, name: str) -> bool:
        """Open a device and see that it runs; tell whether it does."""
        self._on_sink, self._cadence, self._opened_s = "", Cadence(), time.monotonic()
        if name == self._home.name:
            self._home.leave_alone(self._opened_s)
        try:
            await self._sound.open(name, self._view, refresh=True, on_trial=True)
            if not await self._runs(name):
                await self._sound.close()
                return False
        except SoundDeviceHangsError:
            raise
        except SoundDeviceError as error:
            LOG.warning("opening: %s", error.what)
            return False
        self._sound.on_trial = False
        sink = self._view.sink(name) if self._view is not None else None
        if sink is not None:
            self._on_sink, self._sound.device_label = sink.name, sink.label
        if name == self._home.name:
            self._home.forget()
        self._any_will_do = False
        self._hold.release(time.monotonic())
        self._publish_detail()
        return True

    async def _probe(self, name: str) -> bool:
        """Tell whether a device runs, while the one that plays goes on.

        Where PortAudio must close everything to see a new device, it has to be believed.
        """
        if self._view is None or self._view.sink(name) is None:
            return True
        self._home.leave_alone(time.monotonic())
        playing = self._sound.output
        try:
            probe = await self._sound.open_silent(name, self._view)
        except SoundDeviceHangsError:
            raise
        except SoundDeviceError as error:
            LOG.warning("trying out: %s", error.what)
            return False
        cadence = Cadence()
        while playing is not None and not (cadence.looks or cadence.stalled or probe.ended()):
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            cadence = update(cadence, now_s, now_s - probe.stalled_s(now_s))
            self._cadence = update(self._cadence, now_s, now_s - playing.stalled_s(now_s))
            if playing.ended() or self._cadence.stalled:
                break
        await self._sound.end(probe)
        self._opened_s = time.monotonic()  # what was seen of our streams until now was the probe
        if not cadence.looks:
            LOG.warning("a sound device was tried out and does not run")
        return bool(cadence.looks)

    async def _runs(self, name: str) -> bool:
        """Wait for the device to ask for blocks again and again."""
        output = self._sound.output
        assert output is not None
        is_sink = self._view is not None and self._view.sink(name) is not None
        while not (self._cadence.stalled or output.ended()):
            await asyncio.sleep(TICK_S)
            if is_sink and self._view is not None and self._view.sink(name) is None:
                return False
            now_s = time.monotonic()
            self._cadence = update(self._cadence, now_s, now_s - output.stalled_s(now_s))
            if self._cadence.looks:
                return True
        return False

    # --- which device -----------------------------------------------------------------------------

    def _home_is_back(self, now_s: float) -> bool:
        """Tell whether the device that was lost can be played on again.

        To look for one takes a while, in which the one that plays is watched all the same.
        """
        home, view = self._home, self._view
        if view is not None and (home.is_sink or view.sink(home.name)):
            return home.is_back(view, self._on_sink, now_s)
        if self._search is None:
            if now_s >= max(home.not_before_s, self._look_s + LOOK_FOR_HOME_S):
                self._look_s = now_s
                self._search = asyncio.create_task(fresh_devices())
            return False
        if not self._search.done():
            return False
        search, self._search = self._search, None
        listed = home.name in {device.name for device in search.result()}
        was_gone, home.seen_gone = home.seen_gone, not listed
        return was_gone and listed

    def _report_missing(self, wanted: str) -> None:
        """The device asked for was not there in the first place, and another one plays."""
        self._home.remember(wanted, wanted, is_sink=self._view is not None, gone=True)
        self._tell_loss(f"The sound device {wanted} is not there.")
        self._publish_detail()

    # --- choice -----------------------------------------------------------------------------------

    async def _choose(self, asked: str) -> None:
        """Play on a device from now on; a name that is none changes nothing."""
        name = await self._list.meant(asked, self._view)
        if name is None:
            return
        plays = self._sound.ready and not self._sound.has_stand_in
        is_other = plays and not (name and name == self._on_sink)
        if is_other and not await self._probe(name):
            stays = f"It stays {self._sound.device_name}."
            self._teller.error("no-sound-device", f"{plain_text(name, 80)} gives no sound.", stays)
            return
        self._home.wanted = name
        self._home.forget()
        try:
            self._keep(name)
        except OSError as error:
            LOG.warning("the choice is not kept: %s", error)
            what = "The choice is not kept for later calls."
            self._teller.error("not-kept", what, "The log says why.")
        if is_other:
            await self._switch(name)
        self._retry_s = 0.0
        self._publish_detail()
        await self._tell_devices()

    async def _tell_devices(self) -> None:
        await self._list.tell(self._view, on_sink=self._on_sink, chosen=self._home.wanted)

    # --- telling ----------------------------------------------------------------------------------

    def _tell_loss(self, what: str) -> None:
        hint = GOES_ON_HINT if self._home.goes_on else PAUSED_HINT
        self._teller.error("device-lost", what, hint)

    def _publish_detail(self) -> None:
        """Keep on the screen what the sound lacks, for as long as it does."""
        detail = ""
        if self._sound.has_stand_in:
            detail = SILENT
        elif not self._sound.ready:
            detail = WAITS if self._call.held else LACKS
        elif self._home.name:
            device = self._sound.device_name
            detail = f"{self._home.label} is lost: sound comes from {device} until it is back."
        self._call.sound_detail = detail
        self._teller.state()

    # --- the sound server's word ------------------------------------------------------------------

    def _start_watch(self) -> None:
        loop = asyncio.get_running_loop()

        def on_view(view: PulseView | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self._take_view, view)

        self._watch = PulseWatch(on_view)

    def _take_view(self, view: PulseView | None) -> None:
        before, self._view = self._view, view
        if (before.sinks if before else ()) != (view.sinks if view else ()):
            self._retry_s = 0.0
        self._first_view.set()
