"""What is known of whether a bot's listener is there, and where the call was when it last was."""

from __future__ import annotations

from collections import deque
from typing import Protocol

NOTED_S = 1.0
"""How often it is noted that the listener is there, about."""

UNNOTICED_S = 23.0
"""After so long at most a LiveKit server tells that a connection is gone; measured: 22 s."""


class RoomRoster(Protocol):
    """Who is in the bot's room: the room server's own API knows at once."""

    async def identities(self) -> frozenset[str]:
        """Return who is there now; nobody if there is no answer."""

    async def announce(self) -> None:
        """Have the server tell the room of the listener now."""


class Heard:
    """Where the cursor was whenever the listener was known to be there, since it last sent it.

    Times are readings of one monotonic clock in s, places are in frames.
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque(maxlen=2 * int(UNNOTICED_S / NOTED_S))

    def begin(self, now_s: float, frames: int) -> None:
        """Note that the listener has come, or has sent a command: it was there for certain."""
        self._noted.clear()
        self.note(now_s, frames)

    def note(self, now_s: float, frames: int) -> None:
        """Note that the room server takes the listener to be there."""
        self._noted.append((now_s, frames))

    def until(self, *, lost: bool) -> int | None:
        """Return the last place that was heard for certain; None if none was.

        `lost`: the listener has not left, its connection was lost, as the server noticed late.
        """
        if not self._noted:
            return None
        since_s = self._noted[-1][0] - (UNNOTICED_S if lost else 0.0)
        return next(frames for noted_s, frames in self._noted if noted_s >= since_s)
