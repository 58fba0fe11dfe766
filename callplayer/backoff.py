"""How long to wait before the next try: longer each time, never in step with others. Pure."""

from __future__ import annotations

FIRST_S = 0.5
LONGEST_S = 10.0
LONGEST_TOLD_S = 120.0
"""A server that asks for more than this may be wrong, and a call waits."""

SPREAD = 0.3
"""The share of a wait that chance takes off: many players that lost one server must not come back
to it at the same moment."""


class Backoff:
    """Waits of one series of tries, in s."""

    def __init__(self) -> None:
        self._next_s = FIRST_S

    def next_s(self, chance: float, told_s: float = 0.0) -> float:
        """Return the next wait.

        `chance` is from 0 to 1; `told_s` is the least that the server asked for (Retry-After).
        """
        wait_s = self._next_s * (1.0 - SPREAD * chance)
        self._next_s = min(2 * self._next_s, LONGEST_S)
        return max(wait_s, min(told_s, LONGEST_TOLD_S))
