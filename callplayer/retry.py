"""When to try again, and when to give up. Pure: chance and time are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_S = 0.5
LONGEST_S = 10.0
LONGEST_ASKED_S = 120.0
"""A server that asks for more than this may be wrong, and a call waits."""

SPREAD = 0.3
"""The share of a wait that chance takes off: many players that lost one server must not come back
to it at the same moment."""


class Backoff:
    """Waits of one series of tries, in s: twice as long each time, `longest_s` at most."""

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._next_s = first_s
        self._longest_s = longest_s

    @property
    def least_s(self) -> float:
        """Return the least that the next wait can be."""
        return self._next_s * (1.0 - SPREAD)

    def next_s(self, chance: float, asked_s: float = 0.0) -> float:
        """Return the next wait.

        `chance` is from 0 to 1; `asked_s` is the least that the server asked for (Retry-After).
        """
        wait_s = self._next_s * (1.0 - SPREAD * chance)
        self._next_s = min(2 * self._next_s, self._longest_s)
        return max(wait_s, min(asked_s, LONGEST_ASKED_S))


@dataclass(frozen=True)
class RestartBudget:
    """How often a process that ended by itself is started again.

    As many restarts as `delays_s` has entries are allowed in `window_s`, each after a longer wait.
    """

    delays_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    window_s: float = 60.0

    def delay_s(self, restarts_s: Sequence[float], now_s: float) -> float | None:
        """Return the wait before the next restart; None if there were too many of late.

        `restarts_s` are the times of the earlier restarts, on the clock of `now_s`.
        """
        recent = sum(now_s - at_s < self.window_s for at_s in restarts_s)
        return self.delays_s[recent] if recent < len(self.delays_s) else None


RESTARTS = RestartBudget()
