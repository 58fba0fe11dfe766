"""The call held where it was heard while its open device, or this process, stands still.

A busy sound server asks for no sound for up to a second or two and then goes on: that is no loss.
A process that was stopped, or a machine that slept, finds a call that has gone on unheard.
"""

from __future__ import annotations

import logging
import time

from callplayer.engine.cursor.hold import Hold
from callplayer.engine.devices.limits import DeviceLimits
from callplayer.engine.session.device.device_report import DeviceReport
from callplayer.engine.session.device.playing_device import PlayingDevice
from callplayer.engine.session.pipeline import AudioPipeline

LOG = logging.getLogger(__name__)

LINK_S = 0.4
"""After this time a link that broke while this process stood still is known to be down."""

SETTLES_S = 1.0
"""A device that has just gone on may ask unevenly at first."""

REPORTED_S = 1.5
"""A pause of the sound that is longer than this, and over, is worth a line."""


class Standstill:
    """Looks at the time between two blocks, and between two turns of the engine's loop.

    Call `turn` at each turn of the loop, before anything takes the call's position; `look` after
    the device's own look.
    """

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
        self._turned_s: float | None = None
        self._was_shown = self._stood = False
        self._released_s = self._linked_s = float("-inf")

    def turn(self, now_s: float) -> None:
        """Note a turn of the loop: one that comes late finds a call that has gone on unheard.

        What counts is the time since the device's last block: it may have been fed meanwhile.
        """
        slept_s = max(asleep_s() - self._asleep_s, 0.0)
        self._asleep_s += slept_s
        turned_s, self._turned_s = self._turned_s, now_s
        late_s = slept_s + (now_s - turned_s if turned_s is not None else 0.0)
        sound, output = self._sound, self._sound.output
        is_simulated = sound.no_audio or sound.has_stand_in
        if late_s < self._limits.stalled_s or output is None or is_simulated:
            return
        silent_s = slept_s + max(output.take_gap_s(), output.stalled_s(now_s))
        if silent_s < self._limits.stalled_s:
            return
        if late_s < REPORTED_S:
            if self._settled(now_s):
                self._break_off(now_s, silent_s)
            return
        self._stood, self._linked_s = True, now_s + LINK_S
        self._break_off(now_s, silent_s)
        self._report.stood_still(silent_s)

    def look(self, now_s: float) -> bool:
        """Hold the call, or let it go on; return whether the device is waited for."""
        device, output = self._device, self._sound.output
        gap_s = output.take_gap_s() if output is not None else 0.0
        counts = self._settled(now_s)
        self._was_shown = device.shown
        if self._sound.stands_still:
            if device.asks and self._may_go_on(now_s):
                self._sound.goes_on(now_s)
                self.release(now_s)
        elif gap_s >= self._limits.stalled_s and counts:
            self._break_off(now_s, gap_s)
        elif device.stalled and output is not None:
            silent_s = output.stalled_s(now_s)
            self._hold.engage(now_s, goes_on=True, broke_off_s=now_s - silent_s)
            self._wait(silent_s)
        return self._sound.stands_still

    def release(self, now_s: float) -> None:
        """The device runs: let the call go on, if it is held and the room is there."""
        if self._stood and not self._may_go_on(now_s):
            self._sound.stands_still = True
            return
        self._released_s, self._stood = now_s, False
        self._hold.release(now_s)
        self._report.detail()

    def _settled(self, now_s: float) -> bool:
        return self._was_shown and now_s - self._released_s >= SETTLES_S

    def _may_go_on(self, now_s: float) -> bool:
        """Return whether the room is there: a server may have given up a process that stood still.

        While the link is being restored nothing is heard, and the call stays where it is.
        """
        if self._hold.can_go_on:
            return now_s >= self._linked_s
        if self._stood:
            self._hold.ask_again()
        return False

    def _break_off(self, now_s: float, silent_s: float) -> None:
        self._hold.break_off(now_s, silent_s)
        self._wait(silent_s)

    def _wait(self, silent_s: float) -> None:
        LOG.warning("the device has asked for no sound for %.1f s", silent_s)
        self._sound.stands_still = True
        self._report.detail()


def asleep_s() -> float:
    """Return for how long at least the machine has slept since its start, in s.

    0.0 where that is not known. This process may be held up between the two clocks' readings.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boottime is None else time.clock_gettime(boottime) - time.monotonic()
