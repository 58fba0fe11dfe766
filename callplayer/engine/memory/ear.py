"""What the ear follows: the server's sound as it comes, or the memory of it. Pure.

The ear is `at the head` while it hears what comes. Once it is elsewhere, the server's cursor and
the ear are two. The server plays on and what it sends is stored (`plays`); it rests where far more
is stored than is heard soon (`rests`); it is on its way to where the memory ends (`comes`); it is
`lent` to fetch what a clip lacks; or it is out of reach (`away`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

FAR_S = 20.0
"""A server that is further ahead of the ear than this rests: what it sends is not heard soon."""

NEAR_S = 4.0
"""How long before the memory ends the server is asked for what follows."""

BRINGS_S = 1.0
"""What a server may take to bring it."""

LEAST_OVERLAP_MS, MOST_OVERLAP_MS = 250, 2_500
"""How far before the end it begins, so that the two can be matched: the least while nothing else is
to be heard; the most lets a jitter buffer settle before they meet."""

LEAST_LEAD_S = 0.3
"""With less ahead, what is heard can be no faster than what comes."""

PATIENCE_S, HUNGER_S = 4.0, 2.0
"""A server that has not brought what follows by then, nor for so long after all was heard, is asked
for it plainly and listened to as it comes; one that is elsewhere is as soon as all was heard."""

AWAY = "Playing from memory; the connection is being restored."
HUNGRY = "All that is remembered has been heard; waiting for the server."

ServerPlace = Literal["plays", "rests", "comes", "lent", "away"]

Arrival = Literal["awaited", "joined", "elsewhere"]
"""What a server on its way has brought: nothing yet, what goes on where the memory ends, or the
sound of a place beyond that end."""

Effect = Literal["park", "refill", "follow", "fetch"]
"""Pause the server; have it play from `overlap_ms` before the end; hear what comes, from here on;
the same after a scrub to the end of what is stored."""


@dataclass(frozen=True)
class Ear:
    """Where the ear is. `paused` is what the user wants of it while it is not at the head.

    `asked_s` is when the server was asked for what follows, `lead_s` how much was to be heard then.
    """

    at_head: bool = True
    paused: bool = False
    server: ServerPlace = "plays"
    asked_s: float = 0.0
    lead_s: float = 0.0


@dataclass(frozen=True)
class Look:
    """What is seen at one moment: how many s can be read on; whether that `grows` by what comes;
    whether it ends where the call does; whether the call goes on live; whether the server can be
    `reached`; what has come where it is on its way; and whether its sound has broken off just now,
    so that nobody knows where it will go on."""

    ahead_s: float
    grows: bool
    at_end: bool
    is_live: bool
    reached: bool
    arrival: Arrival = "awaited"
    broke_off: bool = False


def leave(ear: Ear, *, paused: bool, grows: bool, reached: bool) -> tuple[Ear, tuple[Effect, ...]]:
    """The ear has gone to a place that is stored."""
    if not reached:
        return Ear(at_head=False, paused=paused, server="away"), ()
    if ear.server == "lent":
        return Ear(at_head=False, paused=paused, server="lent"), ()
    if grows:
        return Ear(at_head=False, paused=paused, server="plays"), ()
    parks: tuple[Effect, ...] = () if ear.server == "rests" and not ear.at_head else ("park",)
    return Ear(at_head=False, paused=paused, server="rests"), parks


def look(ear: Ear, seen: Look, now_s: float) -> tuple[Ear, tuple[Effect, ...]]:
    """Go on: return what the server is to do, and whether the ear is at the head again."""
    if ear.at_head or not seen.reached:
        return (ear if ear.at_head else replace(ear, server="away")), ()
    if ear.server == "away" or (ear.server == "comes" and seen.arrival == "joined"):
        ear = replace(ear, server="plays")
    waits = ear.paused or seen.at_end
    if ear.server == "plays" and not (seen.at_end or seen.broke_off):
        is_far = seen.ahead_s > FAR_S and not seen.is_live
        if is_far or not seen.grows:
            return replace(ear, server="rests"), ("park",)
        if seen.ahead_s <= 0.0 and not waits:
            return Ear(), ("follow",)
    if ear.server == "rests" and seen.ahead_s < NEAR_S and not waits:
        return replace(ear, server="comes", asked_s=now_s, lead_s=seen.ahead_s), ("refill",)
    is_late = now_s - ear.asked_s > max(PATIENCE_S, ear.lead_s + HUNGER_S)
    is_lost = is_late or seen.arrival == "elsewhere"
    if ear.server == "comes" and seen.ahead_s <= 0.0 and is_lost and not waits:
        return Ear(), ("fetch",)
    return ear, ()


def overlap_ms(ahead_s: float) -> int:
    """Return how long before the end a server is to begin, with so much to be heard until then."""
    return min(max(round((ahead_s - BRINGS_S) * 1000), LEAST_OVERLAP_MS), MOST_OVERLAP_MS)


def is_too_near(ear: Ear, seen: Look) -> bool:
    """Return whether there is too little ahead to be heard faster than it comes."""
    return ear.server != "rests" and not seen.at_end and seen.ahead_s < LEAST_LEAD_S


def lack(ear: Ear, seen: Look) -> str:
    """Return what the ear lacks, in words; "" for nothing."""
    if not (ear.paused or seen.at_end) and seen.ahead_s <= 0.0:
        return HUNGRY
    return AWAY if ear.server == "away" and seen.ahead_s > 0.0 else ""
