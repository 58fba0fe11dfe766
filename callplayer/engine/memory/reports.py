"""Where what comes belongs, by the places reported of it. Pure.

A report is off by some ms, and those of one second alike. So the first second's median counts, what
follows without a shift refines it, and a shift is believed once a second shows it.
"""

from __future__ import annotations

from collections import deque
from statistics import median

FIRST_PLACES = 10
"""How many places, a tenth of a second apart, show where a stretch begins."""

SHIFT_MS = 4.0
"""How far the place must be off before it is put right: a jitter buffer that stretched or cut the
sound moves it by 3 to 11 ms."""

LEAP_MS = 25.0
LEAP_PLACES = 3
"""Frames that never came move it by more: that is seen at once, from so many places."""


class PlaceReports:
    """The reports of what comes without a break. An origin is the place of the lane's first sample,
    in ms, if nothing had been lost since."""

    def __init__(self) -> None:
        self._origins_ms: deque[float] = deque(maxlen=FIRST_PLACES)
        self._count = 0
        self._agreed = 0
        self._bias_ms = 0.0

    def begin(self) -> None:
        """What comes is of another place."""
        self._origins_ms.clear()
        self._count = self._agreed = 0
        self._bias_ms = 0.0

    def take(self, origin_ms: float, known_ms: float) -> tuple[float, bool]:
        """Take a report beside the origin `known_ms`.

        Return by how much the place is to be moved, and whether only that of what comes from now
        on.
        """
        self._origins_ms.append(origin_ms)
        self._count += 1
        recent = [each + self._bias_ms - known_ms for each in self._origins_ms]
        if self._count <= FIRST_PLACES:
            self._agreed = 1
            return median(recent), False
        leaps = min(recent[-LEAP_PLACES:]) > LEAP_MS or max(recent[-LEAP_PLACES:]) < -LEAP_MS
        shift_ms = median(recent[-LEAP_PLACES:] if leaps else recent)
        if leaps:
            while len(self._origins_ms) > LEAP_PLACES:
                self._origins_ms.popleft()
        elif self._count % FIRST_PLACES:
            return 0.0, False
        if abs(shift_ms) > SHIFT_MS:
            self._agreed = 1
            return shift_ms, True
        self._agreed += 1
        return shift_ms / self._agreed, False

    def believe(self, known_ms: float) -> None:
        """The origin is known otherwise: reports are off by a bias."""
        if self._origins_ms:
            # Those reported last count: the earliest may be of before a jitter buffer moved it.
            self._bias_ms = known_ms - median(self._origins_ms)
            self._count = max(self._count, FIRST_PLACES)

    def move(self, off_ms: float) -> None:
        """All reports are too low, by `off_ms` more than so far."""
        self._bias_ms += off_ms
