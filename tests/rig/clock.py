"""The clock of tests in which time passes only where they say so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SteppedClock:
    """A clock that stands still but for what a test lets pass, in s."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s
