"""The search for a lost device where no sound server reports that it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.portaudio import OutputDevice
from callplayer.engine.devices.selection import DeviceSelection

ListDevices = Callable[[], Awaitable[Sequence[OutputDevice]]]


class DeviceSearch:
    """Lists the devices now and then, in the background: the device that plays is watched on."""

    def __init__(self, list_devices: ListDevices, limits: DeviceLimits) -> None:
        self._list_devices = list_devices
        self._limits = limits
        self._looked_s = 0.0
        self._looking: asyncio.Future[Sequence[OutputDevice]] | None = None

    def is_back(self, home: DeviceSelection, now_s: float) -> bool:
        """Return whether the lost device, which was seen to be gone, is listed again."""
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
