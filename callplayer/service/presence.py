"""What is known of whether a bot's listener is there, and where the call was when it last was."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

DEFAULT_IDLE_S = 60.0
"""For so long a bot waits for a listener who has gone."""

NOTED_S = 1.0
"""How often it is noted that the listener is there, about, and how often it is asked itself."""

UNNOTICED_S = 23.0
"""After so long at most a LiveKit server tells that a connection is gone; measured: 22 s."""


class RoomRoster(Protocol):
    """Who is in the bot's room: the room server's own API knows at once."""

    async def sessions(self) -> Mapping[str, str]:
        """Return who is there now and the id of that connection; nobody if there is no answer.

        The id is empty as long as the connection is being made.
        """

    async def announce(self) -> None:
        """Have the server tell the room of the listener now."""


@dataclass(frozen=True)
class Sign:
    """A sign of life: a command, or an answer to a question that was asked at `at_s`.

    `frames` is where the cursor was then.
    """

    at_s: float
    frames: int
    is_answer: bool = False


class Heard:
    """Where the cursor was whenever the listener was known to be there, since it was last moved.

    Times are readings of one monotonic clock in s, places are in frames. A sign of life counts when
    it is confirmed: it may have come from another connection of the same name.
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque(maxlen=2 * int(UNNOTICED_S / NOTED_S))
        self._signs: list[Sign] = []
        self._certain: tuple[float, int] | None = None
        self._answers = False

    def begin(self, now_s: float, frames: int) -> None:
        """Note that the listener has come, or has moved the cursor: no place before counts."""
        self._noted.clear()
        self._signs.clear()
        self._certain = now_s, frames
        self.note(now_s, frames)

    def note(self, now_s: float, frames: int) -> None:
        """Note that the room server takes the listener to be there."""
        self._noted.append((now_s, frames))

    def sign(self, sign: Sign) -> None:
        """Take a sign of life, to be confirmed."""
        if self._certain is not None and sign.at_s >= self._certain[0]:
            self._signs.append(sign)

    def take_signs(self) -> tuple[Sign, ...]:
        """Return the signs that wait to be confirmed; they wait no more."""
        signs, self._signs = tuple(self._signs), []
        return signs

    def confirm(self, signs: tuple[Sign, ...]) -> None:
        """Note that these signs came from the listener itself."""
        for sign in signs:
            self._answers = self._answers or sign.is_answer
            if self._certain is not None and sign.at_s >= self._certain[0]:
                self._certain = sign.at_s, sign.frames

    def until(self, *, lost: bool) -> int | None:
        """Return the last place that was heard for certain; None if none was.

        `lost`: the listener has not left, its connection was lost, as the server noticed late. Who
        answers was there when it last did; of others only what the server noted is known.
        """
        if self._certain is None or not self._noted:
            return None
        since_s = self._noted[-1][0] - (UNNOTICED_S if lost else 0.0)
        if self._certain[0] >= since_s or (lost and self._answers):
            return self._certain[1]
        return next(frames for noted_s, frames in self._noted if noted_s >= since_s)
