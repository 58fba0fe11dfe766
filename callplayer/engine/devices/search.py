"""The search for a lost device; where no sound server reports its return, in the devices listed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.pulse import PulseView
from callplayer.engine.devices.selection import DeviceSelection

ListDevices = Callable[[], Awaitable[Sequence[OutputDevice]]]


class DeviceSearch:
    """Lists the devices now and then, in the background: the device that plays is watched on."""

    def __init__(self, list_devices: ListDevices, limits: DeviceLimits) -> None:
        self._list_devices = list_devices
        self._limits = limits
        self._looked_s = 0.0
        self._looking: asyncio.Future[Sequence[OutputDevice]] | None = None

    def is_back(
        self, home: DeviceSelection, view: PulseView | None, on_sink: str, now_s: float
    ) -> bool:
        """Return whether the lost device, which was seen to be gone, can be played on again.

        `on_sink` is the sink that plays; `view` what the sound server, if any, reported last.
        """
        if view is not None and (home.is_sink or view.sink(home.name)):
            return home.is_back(view, on_sink, now_s)
        return self._is_listed_again(home, now_s)

    def _is_listed_again(self, home: DeviceSelection, now_s: float) -> bool:
        if self._looking is None:
            if now_s >= max(home.not_before_s, self._looked_s + self._limits.search_s):
                self._looked_s = now_s
                self._looking = asyncio.ensure_future(self._list_devices())
            return False
        if not self._looking.done():
            return False
        looking, self._looking = self._looking, None
        is_listed = home.name in {device.name for device in looking.result()}
        was_gone, home.seen_gone = home.seen_gone, not is_listed
        return was_gone and is_listed

    def stop(self) -> None:
        """End a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
