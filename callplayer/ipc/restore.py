"""How a lost engine's call is restored in a new one. Pure, but for the watch of silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from callplayer.ipc.messages import Mute, Request, SetLoop, SetPartyGain, Solo, StateEvent
from callplayer.retry import Backoff, RestartBudget
from callplayer.vendor.commands import Resume, Scrub, ScrubToEnd

BREAK_BACK_MS = 200
"""How far before the place heard last playing goes on: sound that was made may not have been heard,
and a word heard twice is better than a word lost."""

SYSTEM_GONE = "sound-system-gone"
"""The code of an error that ends an engine whose sound server has ended."""

ENGINE_RESTARTS = RestartBudget((0.0, 0.5, 1.0, 2.0, 4.0))


@dataclass(frozen=True)
class EngineLimits:
    """How long the engine may take, in s, and how often it is started again (`restarts`).

    `unreached` makes the waits of a series of tries that do not reach the call's server.
    """

    start_s: float = 15.0
    silence_s: float = 3.0
    quit_s: float = 2.0
    terminate_s: float = 1.0
    restarts: RestartBudget = ENGINE_RESTARTS
    unreached: Callable[[], Backoff] = Backoff


def is_connected(state: StateEvent) -> bool:
    """Return whether the engine has, or has had, the call."""
    return state.phase not in ("connecting", "failed")


def restore_requests(state: StateEvent, lost_at_s: float) -> tuple[Request, ...]:
    """Return the requests that bring a new, paused engine to where the lost one was.

    Volumes come first, so that nothing is heard too loud; resume comes last.
    """
    requests: list[Request] = []
    for party in state.parties:
        if party.gain_db != 0.0 or party.muted_at_server:
            requests.append(SetPartyGain(party.gain_db, party.party))
        if party.muted:
            requests.append(Mute(party.party))
        if party.soloed:
            requests.append(Solo(party.party))
    if state.requested_ms is not None:
        requests.append(Scrub(state.requested_ms))
    elif state.at_end or state.phase == "live":
        requests.append(ScrubToEnd())
    else:
        back_ms = BREAK_BACK_MS if state.advancing else 0
        requests.append(Scrub(max(_heard_ms(state, lost_at_s) - back_ms, 0)))
    if state.loop is not None:
        requests.append(SetLoop(*state.loop, goes=False))
    if not state.paused or state.held:
        requests.append(Resume())
    return tuple(requests)


def lost_state(state: StateEvent, lost_at_s: float) -> StateEvent:
    """Return a lost engine's state, standing still where it was heard last."""
    heard_ms = _heard_ms(state, lost_at_s)
    return msgspec.structs.replace(
        state,
        phase="reconnecting",
        position_ms=heard_ms,
        audible_ms=heard_ms,
        advancing=False,
        from_memory=False,
        lead_ms=0,
        speed=1.0,
        remembered=(),
        unconfirmed_s=0.0,
        lost_at_s=lost_at_s,
        retry_at_s=None,
        detail="",
    )


def _heard_ms(state: StateEvent, lost_at_s: float) -> int:
    if not state.advancing:
        return state.audible_ms if state.from_memory else state.position_ms
    since_ms = min(max(lost_at_s - state.as_of_s, 0.0), 1.0) * 1000
    moved_ms = round(max(0.0, since_ms - state.audible_in_ms) * state.speed)
    return min(state.audible_ms + moved_ms, state.duration_ms)


def paused_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command line of an engine in which a call is to be restored.

    It begins paused, and without a sound device if there is none; what follows `--` is no flag.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    given = ("--live", "--paused", "--wait-for-device")
    flags = [word for word in argv[:end] if word not in given]
    return (*flags, "--paused", "--wait-for-device", *argv[end:])


class SilenceWatch:
    """Adds up how long no event came, in s, by ticks.

    A tick that comes late counts as one tick only: a screen that was itself stopped (Ctrl+Z, a
    sleeping laptop) must not take its own absence for the engine's.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self.silent_s = 0.0

    def heard(self) -> None:
        """Start over: an event has come."""
        self.silent_s = 0.0

    def tick(self, elapsed_s: float) -> None:
        """Count the time since the last tick, up to two ticks."""
        self.silent_s += min(elapsed_s, 2 * self._tick_s)
