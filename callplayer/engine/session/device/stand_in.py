"""A call that plays on silently, without any device, until one comes."""

from __future__ import annotations

import logging

from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.devices.pulse import PulseView
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.errors import SoundDeviceError, SoundDeviceHangsError

LOG = logging.getLogger(__name__)


class StandIn:
    """Takes the place of the device of `sound`. Looks for a device are due more and more rarely."""

    def __init__(self, sound: AudioPipeline, limits: DeviceLimits) -> None:
        self._sound = sound
        self._limits = limits
        self._begun = 0
        self._due_s = 0.0

    def begin(self, now_s: float) -> None:
        """Let the call play on silently."""
        self._sound.open_stand_in()
        self._due_s = now_s + min(self._limits.retry_s * 2**self._begun, self._limits.rarely_s)
        self._begun += 1

    def hurry(self) -> None:
        """Look at once: the devices have changed."""
        self._due_s = 0.0

    async def device_has_come(self, view: PulseView | None, now_s: float) -> bool:
        """Return whether there may be a device now; False also while no look is due."""
        if now_s < self._due_s:
            return False
        if view is not None:
            self._due_s = now_s + self._limits.retry_s
            return bool(view.audible)
        self._due_s = now_s + self._limits.search_s
        try:
            return await self._sound.look_for_devices()
        except SoundDeviceHangsError:
            LOG.warning("the sound system hangs; it is left alone")
            self._due_s = float("inf")
        except SoundDeviceError:
            pass
        return False
