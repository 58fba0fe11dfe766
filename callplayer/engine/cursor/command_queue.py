"""Commands on their way to the room: coalesced, paced, sent one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Hashable
from itertools import takewhile
from typing import Protocol

from callplayer.errors import UnreachableError
from callplayer.vendor.commands import Command, Scrub, ScrubToEnd, SetGain, encode_command

LOG = logging.getLogger(__name__)

INTERVAL_S = 0.1
"""At most ten commands a second of one kind: ten scrubs, ten gains a party."""

AGAIN_S = 1.0
"""When a volume that did not get out is sent again: nothing would ever show that it is not set.
Scrubs and pauses are asked for again by the rules."""


class Wire(Protocol):
    """What commands go out on."""

    async def send(self, payload: bytes) -> None:
        """Send a data message, reliable; raise UnreachableError if it does not get out."""


class CommandQueue:
    """Sends what it is offered to the wire set with `use`; nothing waits for it.

    All scrubs are one kind, the gains of each party another, pauses and resumes a third. Of a kind
    that waits the last command counts. The first goes out at once, the next one INTERVAL_S later.
    Pauses and resumes are not paced, but never overtake a scrub that was asked for before them:
    what a scrub does to a server's pause state must not come last.
    """

    def __init__(self, again_s: float = AGAIN_S) -> None:
        self._again_s = again_s
        self._wire: Wire | None = None
        self._waiting: dict[Hashable, Command] = {}
        self._sent_s: dict[Hashable, float] = {}
        self._in_flight: tuple[Wire, Command] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def use(self, wire: Wire | None) -> None:
        """Send to `wire` from now on, or nowhere; what waited for the last one is dropped.

        What is still on its way over another wire is not waited for.
        """
        self._wire = wire
        self._waiting.clear()
        elsewhere = self._in_flight is not None and self._in_flight[0] != wire
        if wire is not None and elsewhere and self._sending is not None:
            self._sending.cancel()

    @property
    def open(self) -> bool:
        """Return whether there is a room to send to."""
        return self._wire is not None

    def offer(self, command: Command) -> None:
        """Put a command on its way.

        One that is still on its way over the same wire, as over a resume of the SDK, is not sent
        a second time.
        """
        kind = kind_of(command)
        is_sent = self._in_flight == (self._wire, command) and kind not in self._waiting
        if self._wire is not None and not is_sent:
            if kind == "pause":
                self._waiting.pop(kind, None)  # behind a scrub that has come since
            self._waiting[kind] = command
            self._changed.set()

    def take(self, now_s: float) -> Command | None:
        """Return the next command whose turn has come at `now_s` (monotonic), None if none has."""
        kind = next((kind for kind in self._waiting if self._due_s(kind) <= now_s), None)
        if kind is None:
            return None
        self._sent_s[kind] = now_s
        return self._waiting.pop(kind)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._changed.clear()
            now_s = time.monotonic()
            while self._wire is not None and (command := self.take(now_s)) is not None:
                await self._send(self._wire, command)
                now_s = time.monotonic()
            due_s = min((self._due_s(kind) for kind in self._waiting), default=math.inf)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due_s == math.inf else due_s - now_s):
                    await self._changed.wait()

    async def _send(self, wire: Wire, command: Command) -> None:
        self._in_flight = (wire, command)
        sending = self._sending = asyncio.ensure_future(wire.send(encode_command(command)))
        try:
            await asyncio.wait((sending,))
        finally:
            sending.cancel()
            self._in_flight = self._sending = None
        error = None if sending.cancelled() else sending.exception()
        if isinstance(error, UnreachableError):
            LOG.warning("%s not sent: %s", type(command).__name__, error.what)
            kind = kind_of(command)
            if isinstance(command, SetGain) and self._wire == wire and kind not in self._waiting:
                self._sent_s[kind] = time.monotonic() + self._again_s - INTERVAL_S
                self._waiting[kind] = command
        elif error is not None:
            raise error

    def _due_s(self, kind: Hashable) -> float:
        if kind == "pause":
            before = takewhile(lambda each: each != "pause", self._waiting)
            return math.inf if "scrub" in before else -math.inf
        return self._sent_s.get(kind, -math.inf) + INTERVAL_S


def kind_of(command: Command) -> Hashable:
    """Return what a later command must share with an earlier one to make it void."""
    match command:
        case Scrub() | ScrubToEnd():
            return "scrub"
        case SetGain(callerType=party):
            return ("gain", party)
    return "pause"
