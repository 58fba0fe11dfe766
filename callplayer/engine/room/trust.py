"""Which data messages of a room are read: those of the most credible sender of a status. Pure."""

from __future__ import annotations

from enum import IntEnum

from callplayer.engine.room.received_data import ReceivedData


class Standing(IntEnum):
    """How credible a sender is.

    Best is a participant that sends the sound. Then comes one that is not named: the server itself,
    or a participant that has just come, for a server announces one that may not publish up to 3 s
    late. Another listener counts least, but how the vendor makes up its rooms is not known: while
    no better one sends a status, a listener's is read.
    """

    LISTENER = 0
    UNNAMED = 1
    SENDS_SOUND = 2


class SenderTrust:
    """Remembers the best standing of which a status has come in this room."""

    def __init__(self) -> None:
        self._least = Standing.LISTENER

    def admits(self, data: ReceivedData, standing: Standing) -> bool:
        """Return whether a message holds statuses that count, of a sender of that standing."""
        if standing < self._least or not data.statuses:
            return False
        self._least = standing
        return True
