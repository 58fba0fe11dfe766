"""Commands on their way out: held keys are coalesced, and the last wish is always sent. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from callplayer.wire import Command, Scrub, ScrubToEnd, SetGain

INTERVAL_S = 0.1
"""At most ten commands a second of one kind: ten scrubs, ten gains a party."""


PACED: frozenset[Hashable] = frozenset({"scrub", ("gain", "caller"), ("gain", "callTaker")})


class Outbox:
    """Lets the first command of a kind out at once, and of those that follow too soon the last.

    All scrubs are one kind, the gains of each party another; pauses and resumes always go at once.
    """

    def __init__(self) -> None:
        self._sent_s: dict[Hashable, float] = {}
        self._waiting: dict[Hashable, Command] = {}

    def offer(self, command: Command, now_s: float) -> Command | None:
        """Take `command`; return it if it is to be sent now, else None: `due` will give it."""
        kind = kind_of(command)
        if kind not in PACED:
            return command
        if now_s - self._sent_s.get(kind, -INTERVAL_S) < INTERVAL_S:
            self._waiting[kind] = command
            return None
        self._waiting.pop(kind, None)
        self._sent_s[kind] = now_s
        return command

    def due(self, now_s: float) -> list[Command]:
        """Return the waiting commands whose time has come, and count them as sent."""
        kinds = [kind for kind in self._waiting if now_s >= self._sent_s[kind] + INTERVAL_S]
        for kind in kinds:
            self._sent_s[kind] = now_s
        return [self._waiting.pop(kind) for kind in kinds]

    def next_due_s(self) -> float | None:
        """Return when `due` will have something to give, or None."""
        return min((self._sent_s[kind] + INTERVAL_S for kind in self._waiting), default=None)

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
