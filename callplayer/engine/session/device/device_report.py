"""What a client learns of the sound devices: their list, a loss, what the sound lacks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence

from callplayer.config import MAX_OUTPUT_DELAY_MS
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.devices.listing import choices, resolve_name
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import PulseView
from callplayer.engine.devices.search import ListDevices
from callplayer.engine.devices.selection import DeviceSelection
from callplayer.engine.session.device.playing_device import PlayingDevice
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.reporter import Reporter
from callplayer.errors import SoundDeviceHangsError, SoundSystemGoneError
from callplayer.ipc import messages as m
from callplayer.preferences import keep_output_delay_ms
from callplayer.text import plain_text

LOG = logging.getLogger(__name__)

FIRST_CLICK_S = 0.2
"""By then a device has asked for the block that the first click is in."""

SLOW_S = 0.5
"""After this time it is reported that a device is still being opened."""

PAUSED_HINT = "It is paused where it was heard last; Space goes on."
WAITS = "No sound device: the call waits here and goes on by itself."
LACKS = "No sound device."
STANDS_STILL = "The sound device stands still: the call waits here and goes on with it."
SILENT = "No sound device: silent. `callplayer doctor` says why."


def loss_hint(home: DeviceSelection, view: PulseView | None, plays_on: str | None) -> str:
    """Return how the call goes on without `home`, which is lost; `plays_on` has taken its place."""
    if not home.goes_on:
        return PAUSED_HINT
    if plays_on:
        return f"Sound comes from {plays_on} until it is back."
    name = next((name for name in home.candidates(view) if name != home.name), None)
    if name is None:
        return "There is no other device: the call waits for one."
    sink = view.sink(name) if view is not None else None
    label = sink.label if sink is not None else name or "the default device"
    return f"Trying {plain_text(label, 60)}."


def system_gone(what: str) -> SoundSystemGoneError:
    """Return the error of a sound system that this process can neither close nor open."""
    return SoundSystemGoneError(what, "A new engine plays on from here once there is a device.")


class DeviceReport:
    """Reports on the device of `sound`. `home` is the one to play on, `playing` the one that does.

    `list_devices` lists PortAudio's devices of this moment.
    """

    def __init__(
        self,
        sound: AudioPipeline,
        call: PlaybackState,
        reporter: Reporter,
        home: DeviceSelection,
        playing: PlayingDevice,
        *,
        list_devices: ListDevices,
    ) -> None:
        self._sound = sound
        self._call = call
        self._reporter = reporter
        self._home = home
        self._playing = playing
        self._list_devices = list_devices
        self._answering: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def opening(self, name: str) -> Iterator[None]:
        """Name the device that is opened; leave a system that hangs to a new engine."""
        with self.naming(name):
            slow = asyncio.get_running_loop().call_later(SLOW_S, self.detail)
            try:
                yield
            except SoundDeviceHangsError:
                raise system_gone("The sound system does not answer.") from None
            finally:
                slow.cancel()

    @contextlib.contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """Name the device that is opened, or left for it, in each state."""
        before, self._sound.opening = self._sound.opening, self._sound.opening or self._label(name)
        try:
            yield
        finally:
            self._sound.opening = before

    def _label(self, name: str) -> str:
        """Return a device's name as people know it."""
        view = self._playing.view
        sink = view.sink(name or view.default) if view is not None else None
        return sink.label if sink is not None else name or "the default device"

    def loss(self, what: str) -> None:
        """Report that the device is lost, and how the call goes on."""
        plays_on = self._sound.device_name if self._sound.ready else None
        hint = loss_hint(self._home, self._playing.view, plays_on)
        self._reporter.error("device-lost", what, hint)

    def stood_still(self, stood_s: float) -> None:
        """Report that nothing could be heard for a while, by no fault of the device's."""
        what = f"The player stood still for {stood_s:.0f} s."
        self._reporter.error("stood-still", what, "It goes on where it was heard last.")

    def missing(self, wanted: str) -> None:
        """The device asked for was not there in the first place, and another one plays."""
        self._home.remember(wanted, wanted, is_sink=self._playing.view is not None, gone=True)
        self.loss(f"The sound device {wanted} is not there.")
        self.detail()

    def kept(self) -> None:
        """Report that the device stays although the desktop's default has changed."""
        what = f"The desktop's default has changed: sound stays on {self._sound.device_name}."
        self._reporter.error("device-kept", what, "Another one can be chosen here.")

    def detail(self) -> None:
        """Keep on the screen what the sound lacks, for as long as it does."""
        detail = ""
        if self._sound.has_stand_in:
            detail = SILENT
        elif not self._sound.ready:
            detail = self._held_elsewhere() or self._lack()
        elif self._sound.stands_still:
            detail = STANDS_STILL
        elif self._home.name:
            device = self._sound.device_name
            detail = f"{self._home.label} is lost: sound comes from {device} until it is back."
        self._call.sound_detail = detail
        self._reporter.state()

    def _lack(self) -> str:
        if opening := plain_text(self._sound.opening, 60):
            goes_on = ": the call waits here and goes on by itself." if self._call.held else "."
            return f"Opening {opening}{goes_on}"
        return WAITS if self._call.held else LACKS

    def handle(self, request: m.Request) -> bool:
        """Answer a request about the list of devices; return whether it is one."""
        match request:
            case m.ListDevices():
                self._answering = asyncio.create_task(self.devices())
            case m.AdjustOutputDelay(delta_ms=delta_ms):
                self._answering = asyncio.create_task(self._adjust(delta_ms))
            case m.MakeAudible():
                self._playing.make_audible()
            case _:
                return False
        return True

    def stop(self) -> None:
        """Answer no more."""
        if self._answering is not None:
            self._answering.cancel()

    async def _adjust(self, delta_ms: int) -> None:
        """Change the delay that the playing device does not report, and click."""
        sound, name = self._sound, self._sound.device_name
        if name is None:
            self._reporter.error("no-sound-device", "No sound device plays.", "Choose one first.")
            return
        delay_ms = min(max(sound.output_delay_ms + delta_ms, 0), MAX_OUTPUT_DELAY_MS)
        if delay_ms != sound.output_delay_ms:
            sound.output_delays_ms[name] = delay_ms
            try:
                keep_output_delay_ms(name, delay_ms)
            except OSError as error:
                LOG.warning("the delay is not kept: %s", error)
                what = "The delay is not kept for later calls."
                self._reporter.error("not-kept", what, "The log says why.")
        sound.click()
        await asyncio.sleep(FIRST_CLICK_S)
        self._reporter.state()
        await self.devices()

    def _held_elsewhere(self) -> str:
        view, sink = self._playing.view, self._home.name or self._home.wanted
        program = view.held_by(sink) if view is not None else ""
        if not program:
            return ""
        return f"{program} holds {self._home.label or 'the sound device'} for itself."

    async def devices(self) -> None:
        """Report the devices there are, the one that plays, and the one that was chosen."""
        listed = choices(await self._listed(), self._playing.view)
        output = self._sound.output if not self._sound.has_stand_in else None
        sink = self._playing.on_sink
        self._reporter.emit(
            m.DevicesEvent(
                devices=tuple(m.Device(choice.name, choice.label) for choice in listed),
                current=(sink or output.device_name) if output is not None else None,
                chosen=self._home.wanted,
                output_delay_ms=self._sound.output_delay_ms,
                click_s=self._sound.click_s,
            )
        )

    async def meant(self, asked: str) -> str | None:
        """Return the name of the device that is meant; None, and an error goes out, if none is."""
        listed = await self._listed()
        known = choices(listed, self._playing.view)
        name = asked if asked in {d.name for d in listed} else resolve_name(asked, known)
        if name is None:
            self._reporter.error(
                "no-such-device",
                f"There is no sound device {plain_text(asked, 80)!r}, or more than one.",
                f"There are: {', '.join(choice.label for choice in known) or 'none'}.",
            )
        return name

    async def _listed(self) -> Sequence[OutputDevice]:
        """Return PortAudio's devices; with a sound server those of the last opening will do."""
        if self._playing.view is not None and self._sound.listed:
            return self._sound.listed
        return await self._list_devices()
