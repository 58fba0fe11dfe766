"""The device that sound comes from: opened on trial, watched, followed from sink to sink.

Everything here runs on the engine's loop; what may hang is done by AudioPipeline in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from callplayer.engine.devices.faults import held_device, no_device
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.mixer_level import AUDIBLE_SINK_PERCENT, FULL
from callplayer.engine.devices.pulse import PulseView, PulseWatch
from callplayer.engine.devices.routes import sink_in_environment
from callplayer.engine.devices.selection import StreamWent, stream_went
from callplayer.engine.devices.watchdog import TICK_S, Cadence, is_stalled, update
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.errors import SoundDeviceError, SoundDeviceHangsError

LOG = logging.getLogger(__name__)


class PlayingDevice:
    """Opens devices for `sound`. `view` is what the sound server reported last.

    `on_sink` is the sink that plays, "" for none that is known.
    """

    def __init__(self, sound: AudioPipeline, limits: DeviceLimits) -> None:
        self._sound = sound
        self._limits = limits
        self.view: PulseView | None = None
        self.on_sink = ""
        self._cadence = Cadence()
        self._opened_s = self._latency_s = 0.0
        self._watch: PulseWatch | None = None
        self._on_level: Callable[[], None] = lambda: None
        self._first_view = asyncio.Event()
        self._default_changed_s = self._server_ended_s = -math.inf
        self._moved_s: float | None = None

    # --- the sound server -------------------------------------------------------------------------

    def watch_server(self, on_sinks: Callable[[], None], on_level: Callable[[], None]) -> None:
        """Keep `view` up to date; call `on_sinks` when the sinks have changed.

        `on_level` is called when the desktop's mixer leaves more or less of the sound.
        """
        loop = asyncio.get_running_loop()
        self._on_level = on_level

        def take(view: PulseView | None) -> None:
            before, self.view = self.view, view
            if before is not None and view is None:
                self._server_ended_s = time.monotonic()
            if (before.default if before else "") != (view.default if view else ""):
                self._default_changed_s = time.monotonic()
            if (before.sinks if before else ()) != (view.sinks if view else ()):
                on_sinks()
            self._take_level()
            self._first_view.set()

        def on_view(view: PulseView | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(take, view)

        self._watch = PulseWatch(on_view)

    def _take_level(self) -> None:
        """Take over what the mixer leaves of the open device's stream, once a view shows that."""
        view, sound = self.view, self._sound
        if sound.output is None or (view is not None and view.looked_s < self._opened_s):
            return
        level = view.heard_at if view is not None else FULL
        if level != sound.desktop_level:
            sound.desktop_level = level
            self._on_level()

    async def _first_view_in_time(self) -> None:
        """Wait for the sound server's first view, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.first_view_s):
                await self._first_view.wait()

    def make_audible(self) -> None:
        """Undo in the desktop's mixer what keeps the stream from being heard."""
        if self._watch is not None:
            self._watch.make_audible(AUDIBLE_SINK_PERCENT)

    def stop(self) -> None:
        """Ask the sound server no more."""
        if self._watch is not None:
            self._watch.stop()

    # --- the device -------------------------------------------------------------------------------

    @property
    def shown(self) -> bool:
        """Return whether the device has shown that it runs."""
        return self._cadence.shown

    @property
    def stalled(self) -> bool:
        """Return whether the device should have asked for a block long ago."""
        return is_stalled(self._cadence, self._limits)

    @property
    def is_lost(self) -> bool:
        """Return whether the device has been waited for in vain, or is known to give no sound.

        One that has only just been opened is known as soon: it may not have shown a cadence yet.
        """
        silent_s, limits = self._cadence.silent_s, self._limits
        if self._is_cut_off:
            return silent_s >= limits.stalled_s
        return self.stalled and (not self.shown or silent_s >= limits.lost_s)

    @property
    def _is_cut_off(self) -> bool:
        """Return whether the device is suspended, or its sound server has ended."""
        view = self.view
        if view is None or view.looked_s < self._opened_s:
            return self.server_ended
        sink = view.sink(self.on_sink or view.playing_on)
        return self.server_ended or (sink is not None and sink.suspended)

    @property
    def asks(self) -> bool:
        """Return whether the device has asked for a block since the last look but one."""
        return self._cadence.silent_s == 0.0

    @property
    def is_late(self) -> bool:
        """Return whether the device has not asked for a block since the last look but one."""
        return self._cadence.is_late

    def wants_other_latency(self, now_s: float, *, unheard: bool) -> bool:
        """Return whether to open the device anew, for more latency, or `unheard` for less.

        Not while it does not ask: it may stand still, and could not be closed. A stream that is
        being moved runs dry for a moment: that says nothing about its latency.
        """
        is_due = now_s - self._latency_s >= self._limits.latency_look_s
        stays = stream_went(self.view, self._opened_s, self.on_sink) == "stayed"
        if not (is_due and stays and self.asks):
            return False
        self._latency_s = now_s
        return self._sound.wants_other_latency(now_s, unheard=unheard)

    @property
    def server_ended(self) -> bool:
        """Return whether the sound server has ended since the device was opened."""
        return self._server_ended_s > self._opened_s

    def look(self, now_s: float) -> None:
        """Take note of whether the device asks for blocks, and is heard; look each TICK_S."""
        output = self._sound.output
        self._take_level()  # a view that came while the device was being opened found none yet
        if output is not None:
            self._cadence = update(self._cadence, now_s, now_s - output.stalled_s(now_s))

    def follow(self, now_s: float, *, stays: bool) -> StreamWent:
        """Return where the sound server plays the stream, as far as that changed; take note of it.

        A sink that is unplugged never stops: the server moves its streams to another one. A stream
        that `stays` is not to follow the desktop's default: then it is "misled", and to be opened
        anew on `on_sink`. (Moved back, PulseAudio would let it stand still for a second.)
        """
        view = self.view
        went = stream_went(view, self._opened_s, self.on_sink)
        if went != "moved":
            self._moved_s = None
        elif stays and view is not None:
            self._moved_s = now_s if self._moved_s is None else self._moved_s
            changed_s = now_s - self._default_changed_s
            if view.playing_on == view.default and changed_s < self._limits.default_moves_s:
                self._default_changed_s = -math.inf  # a hand that moves it next is obeyed
                return "misled"
            if now_s - self._moved_s < self._limits.move_settles_s:
                return "stayed"
        if view is not None and went not in ("stayed", "nowhere"):
            self._on(view.playing_on)
        return went

    def _on(self, sink_name: str) -> None:
        self.on_sink = sink_name
        sink = self.view.sink(sink_name) if self.view is not None else None
        self._sound.device_label = sink.label if sink is not None else ""

    async def open_first(self, name: str) -> None:
        """Open the device of a call that begins; raise SoundDeviceError if it is not heard."""
        await self._first_view_in_time()
        sink = name or sink_in_environment()
        if self.view is not None and (program := self.view.held_by(sink)):
            raise held_device(program, sink or self.view.default)
        self._opened_s = time.monotonic()
        await self._sound.open(name, self.view)
        if await self._plays_nowhere():
            await self._sound.close()
            raise no_device()

    async def _plays_nowhere(self) -> bool:
        """Return whether the sound server, which has no sink, plays the stream just opened."""
        deadline_s = self._opened_s + self._limits.placed_s
        while self.view is not None and not self.view.audible and time.monotonic() < deadline_s:
            if stream_went(self.view, self._opened_s, "") == "nowhere":
                return True
            await asyncio.sleep(TICK_S / 5)
        return False

    async def open(self, name: str) -> bool:
        """Open a device and see that it runs; return whether it does."""
        self.on_sink, self._cadence, self._opened_s = "", Cadence(), time.monotonic()
        try:
            await self._sound.open(
                name, self.view, refresh=True, on_trial=True, timeout_s=self._limits.opens_s
            )
            if not await self._runs(name):
                await self._sound.close()
                return False
        except SoundDeviceHangsError:
            raise
        except SoundDeviceError as error:
            LOG.warning("opening: %s", error.what)
            return False
        self._sound.on_trial = False
        if self._is_sink(name):
            self._on(name)
        return True

    async def _runs(self, name: str) -> bool:
        """Wait for the device to ask for blocks again and again; return whether it does.

        One that sleeps is woken by being opened, and may take seconds to.
        """
        output = self._sound.output
        assert output is not None
        was_sink = self._is_sink(name)
        while not (self.stalled or self.server_ended or output.ended()):
            await asyncio.sleep(TICK_S)
            if was_sink and self.view is not None and not self._is_sink(name):
                return False
            self.look(time.monotonic())
            if self._cadence.looks:
                return True
        return False

    async def probe(self, name: str) -> bool:
        """Return whether a device runs, while the one that plays goes on.

        Where PortAudio must close everything to see a new device, it has to be believed.
        """
        if self.view is None or not self._is_sink(name):
            return True
        playing = self._sound.output
        try:
            probe = await self._sound.open_silent(name, self.view)
        except SoundDeviceHangsError:
            raise
        except SoundDeviceError as error:
            LOG.warning("trying out: %s", error.what)
            return False
        cadence = Cadence()
        while playing is not None and not (
            cadence.looks or is_stalled(cadence, self._limits) or probe.ended()
        ):
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            cadence = update(cadence, now_s, now_s - probe.stalled_s(now_s))
            self.look(now_s)
            if playing.ended() or self.stalled:
                break
        await self._sound.end(probe)
        self._opened_s = time.monotonic()  # what was seen of our streams until now was the probe
        if not cadence.looks:
            LOG.warning("a sound device was tried out and does not run")
        return bool(cadence.looks)

    def _is_sink(self, name: str) -> bool:
        return self.view is not None and self.view.sink(name) is not None
