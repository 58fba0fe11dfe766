"""When sound may be heard again after the cursor has moved. Pure.

A scrub or a pause silences the player at once. What the server sent before it obeyed is still on
its way then, and must not blip out: the gate opens when the server has confirmed the new place and
the receive path has turned over since. A server that confirms nothing counts as having obeyed after
the time that it was seen to take.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Gate:
    """`asked_s`: when a move was asked for that is not confirmed; `turned_s`: when the path will
    have turned over after the last confirmation, which was at `confirmed_s`, `early_s` before the
    server can have obeyed."""

    asked_s: float | None = None
    turned_s: float = 0.0
    confirmed_s: float | None = None
    early_s: float = 0.0


def ask_move(gate: Gate, now_s: float) -> Gate:
    """A pause or a scrub was asked for: what is on its way is old."""
    return replace(gate, asked_s=now_s)


def confirm_move(gate: Gate, now_s: float, path_s: float, least_s: float = 0.0) -> Gate:
    """The server has confirmed; what it sends now comes out of the receive path `path_s` later.

    It cannot have obeyed within `least_s`: a coarse position may agree by chance before.
    """
    if gate.asked_s is None:
        return gate
    early_s = max(gate.asked_s + least_s - now_s, 0.0)
    return Gate(None, now_s + early_s + path_s, now_s, early_s)


def turn_over(gate: Gate, confirmed_s: float, path_s: float) -> Gate:
    """The receive path turned out to be `path_s` long, whatever was thought at the confirmation.

    A measure may come so late that another move has been confirmed since: it says nothing of that.
    """
    if gate.confirmed_s != confirmed_s:
        return gate
    return replace(gate, turned_s=confirmed_s + gate.early_s + path_s)


def obeyed_s(gate: Gate, now_s: float, wait_s: float) -> float | None:
    """Return when the server has certainly obeyed a move that nothing confirms; None: not yet.

    `wait_s` is how long it may take. A server that confirms nothing must not keep the user deaf.
    """
    if gate.asked_s is None or now_s - gate.asked_s < wait_s:
        return None
    return gate.asked_s + wait_s


def may_open(gate: Gate, now_s: float) -> bool:
    """Return whether what comes in now is new."""
    return gate.asked_s is None and now_s >= gate.turned_s
