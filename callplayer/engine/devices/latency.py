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
"""A device that has not run dry for this long may be asked for less."""

LONGEST_PLAUSIBLE_S = 1.0
"""A Bluetooth headset takes 0.3 s. A device that reports more than this does not know."""


def plausible_s(reported_s: float, asked_s: float) -> float:
    """Return the latency that a device reports, or what was asked of it if that cannot be true.

    PortAudio reports 89,478 s of pipewire-jack, and nan or 0 of others, until they run.
    """
    return reported_s if 0.0 < reported_s < LONGEST_PLAUSIBLE_S else asked_s


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

    def goes_on(self, now_s: float) -> None:
        """The device had stood still, and ran dry of that: it begins as one that has been opened.

        What it counts until now is seen at the next look.
        """
        self._starts_until_s = now_s + START_S

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
