"""Commands on their way to the room: coalesced, paced, sent one after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Hashable
from typing import Protocol

from callplayer.errors import UnreachableError
from callplayer.vendor.commands import Command, Scrub, ScrubToEnd, SetGain, encode_command

INTERVAL_S = 0.1
"""At most ten commands a second of one kind: ten scrubs, ten gains a party."""


PACED: frozenset[Hashable] = frozenset({"scrub", ("gain", "caller"), ("gain", "callTaker")})


class Outbox:
    """Lets the first command of a kind out at once, and of those that follow too soon the last.

    All scrubs are one kind, the gains of each party another. Pauses and resumes go at once, but
    never overtake a scrub that was asked for before them: what a scrub does to a server's pause
    state must not come last.
    """

    def __init__(self) -> None:
        self._sent_s: dict[Hashable, float] = {}
        self._waiting: dict[Hashable, Command] = {}

    def offer(self, command: Command, now_s: float) -> Command | None:
        """Take `command`; return it if it is to be sent now, else None: `due` will give it."""
        kind = kind_of(command)
        if kind not in PACED:
            if "scrub" not in self._waiting:
                return command
            self._waiting[kind] = command
            return None
        if now_s - self._sent_s.get(kind, -INTERVAL_S) < INTERVAL_S:
            self._waiting[kind] = command
            return None
        self._waiting.pop(kind, None)
        self._sent_s[kind] = now_s
        return command

    def due(self, now_s: float) -> list[Command]:
        """Return the waiting commands whose time has come, in order, and count them as sent."""
        kinds = [
            kind
            for kind in self._waiting
            if kind in PACED and now_s >= self._sent_s[kind] + INTERVAL_S
        ]
        for kind in kinds:
            self._sent_s[kind] = now_s
        commands = [self._waiting.pop(kind) for kind in kinds]
        pause = None if "scrub" in self._waiting else self._waiting.pop("pause", None)
        return commands if pause is None else [*commands, pause]

    def holds(self, kind: Hashable) -> bool:
        """Return whether a command of that kind waits for its turn."""
        return kind in self._waiting

    def forget(self) -> None:
        """Drop what waits: the room it was meant for is gone."""
        self._waiting.clear()


def kind_of(command: Command) -> Hashable:
    """Return what a later command must share with an earlier one to make it void."""
    match command:
        case Scrub() | ScrubToEnd():
            return "scrub"
        case SetGain(callerType=party):
            return ("gain", party)
    return "pause"


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
        kind = kind_of(command)
        is_newest = kind not in self._pending and not self._outbox.holds(kind)
        if self._in_flight == (self._wire, command) and is_newest:
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
