"""The sound device that a call begins with: the one asked for, the default one, or a stand-in."""

from __future__ import annotations

import logging
import time

from callplayer.engine.devices.selection import DeviceSelection
from callplayer.engine.session.device.device_report import DeviceReport
from callplayer.engine.session.device.playing_device import PlayingDevice
from callplayer.engine.session.device.stand_in import StandIn
from callplayer.errors import SoundDeviceError, SoundDeviceHangsError

LOG = logging.getLogger(__name__)


class FirstDevice:
    """Opens `device` for the first time.

    For a wanted device that `may_be_missing` the default one is taken. With `silent` a call that
    finds no device plays on with `stand_in`.
    """

    def __init__(
        self,
        device: PlayingDevice,
        home: DeviceSelection,
        stand_in: StandIn,
        report: DeviceReport,
        *,
        may_be_missing: bool,
        silent: bool,
    ) -> None:
        self._device = device
        self._home = home
        self._stand_in = stand_in
        self._report = report
        self._may_be_missing = may_be_missing
        self._silent = silent

    async def open(self) -> None:
        """Open the device, or what takes its place; raise SoundDeviceError if there is neither.

        Where the default device is taken, that is reported.
        """
        try:
            await self._device.open_first(self._home.wanted)
        except SoundDeviceError as error:
            await self._open_without(error)

    async def _open_without(self, error: SoundDeviceError) -> None:
        hangs = isinstance(error, SoundDeviceHangsError)
        if self._home.wanted and self._may_be_missing and self._home.goes_on and not hangs:
            try:
                await self._device.open_first("")
            except SoundDeviceError as none:
                error = none
            else:
                self._report.missing(self._home.wanted)
                return
        if not self._silent:
            raise SoundDeviceError(error.what, error.hint) from None
        LOG.warning("playing silently: %s", error.what)
        self._stand_in.begin(time.monotonic())
        self._report.detail()
