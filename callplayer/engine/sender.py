"""Commands on their way to the room: coalesced by the outbox, sent one after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from callplayer.engine.outbox import Outbox
from callplayer.errors import UnreachableError
from callplayer.wire import Command, encode_command

LOG = logging.getLogger(__name__)

LINK_POLL_S = 0.02


class Wire(Protocol):
    """What commands go out on."""

    async def send(self, payload: bytes) -> None:
        """Send a data message, reliable; raise UnreachableError if it does not get out."""


class Sender:
    """Sends what it is given to `wire`, once there is one; nothing waits for it."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self._outbox = Outbox()
        self._queue: asyncio.Queue[Command] = asyncio.Queue()

    def offer(self, command: Command) -> None:
        """Put a command on its way, now or when its kind's turn comes."""
        ready = self._outbox.offer(command, time.monotonic())
        if ready is not None:
            self._queue.put_nowait(ready)

    def flush_due(self) -> None:
        """Put those on their way whose turn has come."""
        for command in self._outbox.due(time.monotonic()):
            self._queue.put_nowait(command)

    def forget(self) -> None:
        """Drop what waits: it was meant for a room that is gone."""
        self._outbox.forget()
        while not self._queue.empty():
            self._queue.get_nowait()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            command = await self._queue.get()
            while self.wire is None:
                await asyncio.sleep(LINK_POLL_S)
            try:
                await self.wire.send(encode_command(command))
            except UnreachableError as error:
                LOG.warning("%s not sent: %s", type(command).__name__, error.what)
