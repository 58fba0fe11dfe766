"""The call held where it was heard while its open device, or this process, stands still.

A busy sound server asks for no sound for up to a second or two and then goes on: that is no loss.
A process that was stopped, or a machine that slept, finds a call that has gone on unheard.
"""

from __future__ import annotations

import logging
import time

from callplayer.engine.cursor.hold import Hold
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.session.device_report import DeviceReport
from callplayer.engine.session.pipeline import AudioPipeline
from callplayer.engine.session.playing_device import PlayingDevice

LOG = logging.getLogger(__name__)

LINK_S = 0.4
"""A link that broke while this process stood still is known to be down after so long."""

SETTLES_S = 1.0
"""A device that has just gone on may ask unevenly at first."""

REPORTED_S = 1.5
"""A pause of the sound that is longer than this, and over, is worth a line."""


class Standstill:
    """Looks at the time between two blocks. Call `look` after the device's own look."""

    def __init__(
        self,
        sound: AudioPipeline,
        device: PlayingDevice,
        hold: Hold,
        report: DeviceReport,
        limits: DeviceLimits,
    ) -> None:
        self._sound = sound
        self._device = device
        self._hold = hold
        self._report = report
        self._limits = limits
        self._asleep_s = asleep_s()
        self._was_shown = False
        self._released_s = self._linked_s = float("-inf")

    def look(self, now_s: float) -> bool:
        """Hold the call, or let it go on; return whether the device is waited for."""
        device, output = self._device, self._sound.output
        slept_s = max(asleep_s() - self._asleep_s, 0.0)
        self._asleep_s += slept_s
        gap_s = output.take_gap_s() if output is not None else 0.0
        counts = self._was_shown and now_s - self._released_s >= SETTLES_S
        over_s = slept_s + gap_s if counts else 0.0
        self._was_shown = device.shown
        if over_s >= self._limits.stalled_s and not device.stands_still:
            self._hold.break_off(now_s, over_s)
            self._wait(over_s)
            if over_s >= REPORTED_S:
                self._linked_s = now_s + LINK_S
                self._report.stood_still(over_s)
        elif device.stalled and not device.stands_still:
            self._hold.engage(now_s, goes_on=True)
            self._wait(self._limits.stalled_s)
        elif device.stands_still and device.asks and self._may_go_on(now_s):
            device.stands_still, self._released_s = False, now_s
            self._hold.release(now_s)
            self._report.detail()
        return device.stands_still

    def _may_go_on(self, now_s: float) -> bool:
        """Return whether the room is there: a server may have given up a process that stood still.

        While the link is being restored nothing is heard, and the call stays where it is.
        """
        return now_s >= self._linked_s and self._hold.can_go_on

    def _wait(self, silent_s: float) -> None:
        LOG.warning("the device has asked for no sound for %.1f s", silent_s)
        self._device.stands_still = True
        self._report.detail()


def asleep_s() -> float:
    """Return for how long at least the machine has slept since its start, in s.

    0.0 where that is not known. This process may be held up between the two clocks' readings.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boottime is None else time.clock_gettime(boottime) - time.monotonic()
