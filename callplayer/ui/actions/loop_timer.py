"""The A–B loop's way back: when playing comes to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EARLY_S = 0.004
"""A jump takes this long to reach the engine: it is sent so much before B is heard."""

AGAIN_S = 0.25
"""After a jump back, the loop waits at least this long for the engine's state."""


class LoopTimer:
    """Calls `turn` when B is heard; `due` returns in how many s that is, None for not at all."""

    def __init__(
        self,
        due: Callable[[float], float | None],
        turn: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._due = due
        self._turn = turn
        self._clock = clock
        self._turned_s = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Wait for the end of the loop anew, if the call is on its way to it."""
        self.stop()
        now_s = self._clock()
        due_s = self._due(now_s)
        if due_s is None:
            return
        wait_s = max(due_s - EARLY_S, self._turned_s + AGAIN_S - now_s)
        if wait_s <= 0:
            self._turned_s = now_s
            self._turn()
            wait_s = AGAIN_S
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.watch)

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
