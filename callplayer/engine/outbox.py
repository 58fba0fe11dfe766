"""Commands on their way out: held keys are coalesced, and the last wish is always sent. Pure."""

from __future__ import annotations

from collections.abc import Hashable

from callplayer.wire import Command, Scrub, ScrubToEnd, SetGain

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

    def next_due_s(self) -> float | None:
        """Return when `due` will have something to give, or None."""
        paced = (self._sent_s[kind] for kind in self._waiting if kind in PACED)
        return min((sent_s + INTERVAL_S for sent_s in paced), default=None)

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
