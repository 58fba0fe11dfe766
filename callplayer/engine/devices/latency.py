"""How much latency is asked of the sound device. Pure.

More at once when the device runs dry; less again only where opening it anew is not heard.
"""

from __future__ import annotations

FIRST_LATENCY_S = 0.010
LONGEST_LATENCY_S = 0.080
UNDERFLOWS_TO_STEP = 2
START_S = 2.0
UNDERFLOWS_AT_START = 10
"""A device that has just been opened may run dry a few times before it runs."""

STEADY_S = 30.0
"""A device that has not run dry for so long may be asked for less."""


class DeviceLatency:
    """`latency_s` is what to ask for at the next opening."""

    def __init__(self) -> None:
        self.latency_s = FIRST_LATENCY_S
        self._seen = 0
        self._starts_until_s = 0.0
        self._dry_s = 0.0

    def opened(self, now_s: float) -> None:
        """A device is open from now on; its count of underflows begins at 0."""
        self._seen = 0
        self._starts_until_s = now_s + START_S
        self._dry_s = now_s

    def look(self, underflows: int, now_s: float, *, unheard: bool) -> bool:
        """Take the device's count, about once a second; return whether to open it anew.

        `unheard`: nothing is to be heard just now.
        """
        ran_dry, self._seen = underflows - self._seen, underflows
        if now_s < self._starts_until_s and ran_dry < UNDERFLOWS_AT_START:
            return False
        if ran_dry:
            self._dry_s = now_s
        if ran_dry >= UNDERFLOWS_TO_STEP and self.latency_s < LONGEST_LATENCY_S:
            self.latency_s = min(2 * self.latency_s, LONGEST_LATENCY_S)
            return True
        is_steady = now_s - self._dry_s >= STEADY_S
        if unheard and is_steady and self.latency_s > FIRST_LATENCY_S:
            self.latency_s = max(self.latency_s / 2, FIRST_LATENCY_S)
            return True
        return False
