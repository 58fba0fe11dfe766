"""The player's own sound: channels, one mixer, one output device.

A device is opened and closed on a thread of its own: either can hang.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from callplayer.engine.audio.channel import FADE_S
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.audio.click import Click
from callplayer.engine.audio.mixer import Mixer
from callplayer.engine.devices.blocking import BlockingCalls, HangsError
from callplayer.engine.devices.latency import DeviceLatency
from callplayer.engine.devices.listing import find_target, open_target
from callplayer.engine.devices.mixer_level import FULL
from callplayer.engine.devices.portaudio import (
    Output,
    OutputDevice,
    SimulatedOutput,
    SoundOutput,
    list_devices,
    refresh_devices,
)
from callplayer.engine.devices.pulse import PulseView
from callplayer.errors import SoundDeviceHangsError

LOG = logging.getLogger(__name__)

_R = TypeVar("_R")

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0


class AudioPipeline:
    """The device that is open, and the channels that play to it."""

    def __init__(self, in_hz: int, *, no_audio: bool = False) -> None:
        self._in_hz = in_hz
        self.no_audio = no_audio
        """Whether there is to be no sound at all."""

        self.channels = ChannelBank(in_hz)
        self._output: Output | None = None
        self._mixer: Mixer | None = None
        self._ended_underflows = 0
        self._latency = DeviceLatency()
        self._blocking_calls = BlockingCalls()
        self.device_label = ""
        self.output_delays_ms: dict[str, int] = {}
        """What devices take beyond the delay that they report, by their names for people."""

        self.desktop_level = FULL
        """What the desktop's mixer leaves of the sound."""

        self.on_trial = False
        self.has_stand_in = False
        """Whether a thread takes the place of the device that is not there: the call goes on."""

        self.opening = ""
        """The name of the device that is being opened; "" while none is."""

        self.stands_still = False
        """Whether the device asks for nothing, and is waited for."""

        self.listed: tuple[OutputDevice, ...] = ()

    @property
    def device_name(self) -> str | None:
        """Return the open device's name as people know it, or None."""
        if self._output is None or self.on_trial or self.has_stand_in:
            return None
        return self.device_label or self._output.device_name

    @property
    def ready(self) -> bool:
        """Return whether the call can go on: a device plays it, or a stand-in takes it."""
        return self._output is not None and not self.on_trial

    @property
    def silent(self) -> bool:
        """Return whether no sound can come out: there is no device, or it stands still."""
        return not self.ready or self.stands_still

    @property
    def output(self) -> Output | None:
        """Return the open device, or None."""
        return self._output

    # --- to open and close ------------------------------------------------------------------------

    async def open(
        self,
        wanted: str,
        view: PulseView | None = None,
        *,
        refresh: bool = False,
        on_trial: bool = False,
        timeout_s: float = OPEN_TIMEOUT_S,
    ) -> None:
        """Open the device of that name ("": the system's default).

        Raise SoundDeviceError if it cannot be opened, SoundDeviceHangsError if it does not answer.
        `refresh` looks for devices that have come since the start. A device `on_trial` plays, but
        does not count as there. `timeout_s` is for finding it, and again for opening it.
        """
        if self.no_audio:
            self._open_simulated("no audio")
            return
        target = await self._in_time(lambda: find_target(wanted, view, refresh=refresh), timeout_s)
        self.listed, self.on_trial = target.listed, on_trial
        mixer = Mixer(target.rate_hz)
        output = await self._in_time(
            lambda: open_target(target, mixer, self._latency.latency_s),
            timeout_s,
            SoundOutput.stop,
        )
        self.attach(output, mixer)
        self._latency.opened(time.monotonic())

    def open_stand_in(self) -> None:
        """Let the call go on silently, on a thread's clock, until a device is opened."""
        self._open_simulated("no sound device")
        self.has_stand_in = True

    def _open_simulated(self, name: str) -> None:
        mixer = Mixer(self._in_hz)
        self.attach(SimulatedOutput(mixer, name=name), mixer)

    def attach(self, output: Output, mixer: Mixer) -> None:
        """Play to `output`, which asks `mixer` for its blocks."""
        self._output, self._mixer = output, mixer
        self.channels.connect(mixer)

    async def look_for_devices(self) -> bool:
        """Return whether there is any device; none may be open. Raise as `open` does."""

        def look() -> bool:
            refresh_devices()
            return bool(list_devices())

        return await self._in_time(look, OPEN_TIMEOUT_S)

    async def open_silent(self, wanted: str, view: PulseView) -> Output:
        """Open a device beside the one that plays, only to see whether it runs; `end` it then."""
        target = await self._in_time(lambda: find_target(wanted, view), OPEN_TIMEOUT_S)
        return await self._in_time(
            lambda: open_target(target, Mixer(target.rate_hz), self._latency.latency_s),
            OPEN_TIMEOUT_S,
            SoundOutput.stop,
        )

    def detach(self) -> Output | None:
        """Play to no device from here on; return the one to `end`."""
        output, self._output = self._output, None
        if output is not None:
            self._ended_underflows += output.underflows
        self.channels.disconnect()
        self.device_label = ""
        self.on_trial = self.has_stand_in = self.stands_still = False
        self.desktop_level = FULL
        return output

    async def end(self, output: Output) -> None:
        """Close a device that was detached; raise SoundDeviceHangsError if that hangs."""
        await self._in_time(output.stop, CLOSE_TIMEOUT_S)

    async def close(self) -> None:
        """Close the device, if there is one; raise SoundDeviceHangsError if that hangs."""
        output = self.detach()
        if output is not None:
            await self.end(output)

    async def _in_time(
        self,
        work: Callable[[], _R],
        timeout_s: float,
        undo: Callable[[_R], object] = lambda _: None,
    ) -> _R:
        try:
            return await self._blocking_calls.run(work, timeout_s, undo)
        except HangsError:
            raise SoundDeviceHangsError(
                "The sound device does not answer.",
                "Restart the sound server, or run with --no-audio.",
            ) from None

    def goes_on(self, now_s: float) -> None:
        """The device asks again after a stand-still."""
        self.stands_still = False
        self._latency.goes_on(now_s)

    # --- latency ----------------------------------------------------------------------------------

    def wants_other_latency(self, now_s: float, *, unheard: bool) -> bool:
        """Return whether to open the device anew: for more latency, or `unheard` for less."""
        output = self._output
        if output is None or not output.takes_latency:
            return False
        if not self._latency.look(output.underflows, now_s, unheard=unheard):
            return False
        LOG.warning("the device's latency is now %.0f ms", self._latency.latency_s * 1000)
        return True

    @property
    def delay_ms(self) -> float:
        """Return how long a frame that comes in takes to leave the device, in ms."""
        return self.channels.buffer_ms + self.channels.resampler_ms + self.device_latency_ms

    @property
    def device_latency_ms(self) -> float:
        """Return the device's own delay, in ms: what it reports, and what it does not."""
        return self._output.latency_s * 1000 + self.output_delay_ms if self._output else 0.0

    @property
    def output_delay_ms(self) -> int:
        """Return what the device takes beyond the delay that it reports, in ms."""
        return self.output_delays_ms.get(self.device_name or "", 0)

    def click(self) -> None:
        """Click for some seconds: by the clicks a person finds the device's delay."""
        if self._mixer is None:
            return
        if self._mixer.click is None or self._mixer.click.is_over:
            self._mixer.click = Click(self._mixer.rate_hz)
        self._mixer.click.extend()

    @property
    def click_s(self) -> float | None:
        """Return when a click is heard (monotonic), one each second from then; None if none is."""
        click = self._mixer.click if self._mixer is not None else None
        began_s = click.began_s if click is not None and not click.is_over else None
        return None if began_s is None else began_s + self.device_latency_ms / 1000

    @property
    def fade_s(self) -> float:
        """Return for how long what fades out from now on is heard still, in s.

        A block that is asked for is half of the device's latency, and waits for the whole of it.
        """
        if self._output is None:
            return 0.0
        return FADE_S + 1.5 * self._output.latency_s + self.output_delay_ms / 1000

    def callback_ms(self, percent: float) -> float:
        """Return a percentile of the time a block has taken since the device opened, in ms."""
        return self._mixer.times.percentile_s(percent) * 1000 if self._mixer else 0.0

    @property
    def device_underflows(self) -> int:
        """Return how often the devices ran out of what they had been given."""
        live = self._output.underflows if self._output else 0
        return self._ended_underflows + live
