"""Commands on their way to the room: paced by the outbox, sent one after the other.

Of each kind only the newest waits: a send that takes long is not followed by a burst. What is asked
while there is no room is not kept here at all; the call knows it as a wish and says it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Hashable
from typing import Protocol

from callplayer.engine.outbox import Outbox, kind_of
from callplayer.errors import UnreachableError
from callplayer.wire import Command, encode_command

LOG = logging.getLogger(__name__)


class Wire(Protocol):
    """What commands go out on."""

    async def send(self, payload: bytes) -> None:
        """Send a data message, reliable; raise UnreachableError if it does not get out."""


class Sender:
    """Sends what it is given; nothing waits for it. Set the room with `use`."""

    def __init__(self) -> None:
        self._wire: Wire | None = None
        self._outbox = Outbox()
        self._pending: dict[Hashable, Command] = {}
        self._news = asyncio.Event()
        self._in_flight: tuple[Wire, Command] | None = None

    def use(self, wire: Wire | None) -> None:
        """Send to `wire` from now on, or nowhere; what waited for the last one is dropped."""
        self._wire = wire
        self._outbox.forget()
        self._pending.clear()

    @property
    def open(self) -> bool:
        """Tell whether there is a room to send to."""
        return self._wire is not None

    def offer(self, command: Command) -> None:
        """Put a command on its way, now or when its kind's turn comes.

        One that is still on its way over the same wire, as over a resume of the SDK, is not sent
        a second time.
        """
        if self._wire is None:
            return
        if self._in_flight == (self._wire, command) and kind_of(command) not in self._pending:
            return
        ready = self._outbox.offer(command, time.monotonic())
        if ready is not None:
            self._enqueue(ready)

    def flush_due(self) -> None:
        """Put those on their way whose turn has come."""
        for command in self._outbox.due(time.monotonic()):
            self._enqueue(command)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._pending and self._wire is not None:
                command = self._pending.pop(next(iter(self._pending)))
                self._in_flight = (self._wire, command)
                try:
                    await self._wire.send(encode_command(command))
                except UnreachableError as error:
                    LOG.warning("%s not sent: %s", type(command).__name__, error.what)
                finally:
                    self._in_flight = None

    def _enqueue(self, command: Command) -> None:
        kind = kind_of(command)
        self._pending.pop(kind, None)
        self._pending[kind] = command
        self._news.set()
