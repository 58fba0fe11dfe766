"""Moving about in a call: say again, undo a jump, the A–B loop, the step back on resume. Pure.

Every rule takes the call's state and what the screen remembers, and returns what it is to
remember and to ask: the requests are those that a script would send.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from callplayer.ipc.messages import (
    EndLoop,
    Request,
    SeekBy,
    SetLoop,
    SetSpeed,
    StateEvent,
    TogglePause,
)
from callplayer.ui.model.format import (
    clock_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.settings import ScreenSettings
from callplayer.vendor.commands import Resume, Scrub, ScrubToEnd

ONE_JUMP_S = 1.0
"""Jumps closer together than this, a held key or a drag, are one jump to undo."""

FURTHER_S = 1.5
"""Say again, pressed again within this time, goes further back."""

PLACES_KEPT = 100
SHORTEST_LOOP_MS = 300

CALL_END_MS = 200
"""B stays so far before the end of the call: at the end itself a call stands still."""

LIVE_EDGE_MS = 2_000

SPEEDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
CATCH_UP_SPEED = 1.25
SAME_SPEED = 0.01
LEAST_LEAD_MS = 400
"""With less ahead a higher speed would be over at once."""

NO_LEAD = "Nothing more is remembered ahead: faster works once you have gone back."

Place = int | None
"""ms from the start of the call; None is the live end, wherever that is by then."""


class SaidAgain(msgspec.Struct, frozen=True):
    """The last say again: from where, how often further, and when (monotonic, s)."""

    from_ms: int
    times: int
    at_s: float


class Loop(msgspec.Struct, frozen=True):
    """Plays from `a_ms` to `b_ms` again and again; until B is set it does nothing."""

    a_ms: int
    b_ms: int | None = None


class Navigation(msgspec.Struct, frozen=True):
    """What the screen remembers of the way through the call.

    `left` are the places that jumps left, the latest last; `jumped_s` is when the latest jump was;
    `paused_here`: the call was paused while it played, and the cursor has not been moved since.
    """

    left: tuple[Place, ...] = ()
    jumped_s: float = float("-inf")
    said: SaidAgain | None = None
    loop: Loop | None = None
    paused_here: bool = False


class Step(msgspec.Struct, frozen=True):
    """What comes of a rule: what to remember, what to ask of the engine, what to show the user."""

    navigation: Navigation
    requests: tuple[Request, ...] = ()
    note: str = ""


Steer = Callable[[StateEvent, Navigation, ScreenSettings, float], Step]


def is_move(request: Request) -> bool:
    """Return whether a request moves the cursor."""
    return isinstance(request, Scrub | SeekBy | ScrubToEnd | SetLoop)


def after_state(navigation: Navigation, before: StateEvent, state: StateEvent) -> Navigation:
    """Remember whether the call stands where it was paused."""
    if not state.paused:
        return replace(navigation, paused_here=False)
    if before.paused or state.held or before.phase not in ("playing", "live"):
        return navigation
    return replace(navigation, paused_here=True)


def jumped(navigation: Navigation, state: StateEvent, now_s: float) -> Navigation:
    """Remember the place that a jump leaves now."""
    left = navigation.left
    if now_s - navigation.jumped_s >= ONE_JUMP_S and state.duration_ms > 0:
        place = None if state.phase == "live" else shown_position_ms(state, now_s)
        left = (*left, place)[-PLACES_KEPT:]
    return replace(navigation, left=left, jumped_s=now_s, said=None, paused_here=False)


def undo_jump(
    state: StateEvent, navigation: Navigation, _settings: ScreenSettings, _now_s: float
) -> Step:
    """Go back to the place that the last jump left; again, to the one before."""
    if not navigation.left:
        return Step(navigation, note="There is no jump to undo.")
    *left, place = navigation.left
    after = replace(
        navigation, left=tuple(left), jumped_s=float("-inf"), said=None, paused_here=False
    )
    if place is None:
        return Step(after, (ScrubToEnd(),), "Back to the end." if state.call_over else "Back live.")
    return Step(after, (Scrub(place),), f"Back to {clock_text(place, state.duration_ms)}.")


def say_again(
    state: StateEvent, navigation: Navigation, settings: ScreenSettings, now_s: float
) -> Step:
    """Play the last seconds again; pressed again soon, go further back from the same place.

    A paused call plays on: the request is to hear it.
    """
    if state.duration_ms <= 0:
        return Step(navigation, note="There is nothing to say again yet.")
    said = navigation.said
    if said is None or now_s - said.at_s > FURTHER_S:
        said = SaidAgain(shown_position_ms(state, now_s), 0, now_s)
    said = SaidAgain(said.from_ms, said.times + 1, now_s)
    back_ms = round(said.times * settings.say_again_s * 1000)
    requests: list[Request] = [Scrub(max(said.from_ms - back_ms, 0))]
    if state.paused and not state.held:
        requests.append(Resume())
    after = replace(jumped(navigation, state, now_s), said=said)
    whole = back_ms >= said.from_ms
    note = "From the start again." if whole else f"The last {back_ms / 1000:g} s again."
    return Step(after, tuple(requests), note)


def toggle_pause(
    state: StateEvent, navigation: Navigation, settings: ScreenSettings, now_s: float
) -> Step:
    """Pause or go on; going on from where it was paused steps back a bit.

    Not where the user moved the cursor meanwhile: that place was chosen. Not at the live edge:
    the listener must not fall behind there.
    """
    back_ms = round(settings.back_step_s * 1000)
    behind_ms = shown_duration_ms(state, now_s) - state.position_ms
    at_live_edge = is_growing(state) and behind_ms < LIVE_EDGE_MS
    if not back_ms or not state.paused or not navigation.paused_here or at_live_edge:
        return Step(navigation, (TogglePause(),))
    if state.phase == "at-end":
        return Step(navigation, (TogglePause(),))
    return Step(replace(navigation, paused_here=False), (SeekBy(-back_ms), TogglePause()))


def turn_loop(
    state: StateEvent, navigation: Navigation, _settings: ScreenSettings, now_s: float
) -> Step:
    """Set A; then B, which goes back to A at once; then end the loop."""
    if state.duration_ms <= 0:
        return Step(navigation, note="The length of the call is not known yet.")
    here_ms = shown_position_ms(state, now_s)
    loop = navigation.loop
    if loop is None:
        note = f"Loop from {clock_text(here_ms, state.duration_ms)}: the key again sets its end."
        return Step(replace(navigation, loop=Loop(here_ms)), note=note)
    if loop.b_ms is not None:
        return Step(replace(navigation, loop=None), (EndLoop(),), "The loop is off.")
    if not is_growing(state):
        here_ms = min(here_ms, state.duration_ms - CALL_END_MS)
    if here_ms - loop.a_ms < SHORTEST_LOOP_MS:
        at = clock_text(loop.a_ms, state.duration_ms)
        least_s = SHORTEST_LOOP_MS / 1000
        note = f"The end of the loop must come {least_s:g} s or more after {at}."
        return Step(navigation, note=note)
    ends = (clock_text(ms, state.duration_ms) for ms in (loop.a_ms, here_ms))
    after = replace(navigation, loop=Loop(loop.a_ms, here_ms), paused_here=False, said=None)
    return Step(after, (SetLoop(loop.a_ms, here_ms),), f"Loop {' – '.join(ends)}.")


def change_speed(faster: bool, *, far: bool = False) -> Steer:
    """Return the step to the next speed, or (`far`) to half or twice the speed."""

    def steer(
        state: StateEvent, navigation: Navigation, _settings: ScreenSettings, _now_s: float
    ) -> Step:
        now = state.speed
        if far:
            speed = min(max(now * (2.0 if faster else 0.5), SPEEDS[0]), SPEEDS[-1])
        elif faster:
            speed = next((each for each in SPEEDS if each > now + SAME_SPEED), now)
        else:
            speed = next((each for each in reversed(SPEEDS) if each < now - SAME_SPEED), now)
        if abs(speed - now) < SAME_SPEED:
            return Step(navigation, note=f"{now:g}× is the {'fastest' if faster else 'slowest'}.")
        if speed > 1.0 and lead_s(state) <= 0.0:
            return Step(navigation, note=NO_LEAD)
        return Step(navigation, (SetSpeed(speed),), speed_text(state, speed))

    return steer


def at_own_speed(
    state: StateEvent, navigation: Navigation, _settings: ScreenSettings, _now_s: float
) -> Step:
    """Be heard as fast as it was said."""
    if state.speed == 1.0:
        return Step(navigation, note="It is heard as fast as it was said.")
    return Step(navigation, (SetSpeed(1.0),), speed_text(state, 1.0))


def catch_up(
    state: StateEvent, navigation: Navigation, _settings: ScreenSettings, now_s: float
) -> Step:
    """Hear a call that goes on a bit faster until it is live; the key again ends that.

    Less may be remembered than that: then it says how much.
    """
    if not is_growing(state):
        return Step(navigation, note="Only a call that goes on can be caught up with.")
    if state.phase == "live":
        return Step(navigation, note="You hear it live.")
    if state.speed == CATCH_UP_SPEED:
        return Step(navigation, (SetSpeed(1.0),), speed_text(state, 1.0))
    if lead_s(state) <= 0.0:
        return Step(navigation, note="What comes next is not here yet: End goes to live at once.")
    behind_ms = shown_duration_ms(state, now_s) - shown_position_ms(state, now_s)
    note = f"{CATCH_UP_SPEED:g}× until live."
    if state.lead_ms < behind_ms - LIVE_EDGE_MS:
        note = f"{speed_text(state, CATCH_UP_SPEED)} End goes to live at once."
    return Step(navigation, (SetSpeed(CATCH_UP_SPEED),), note)


def lead_s(state: StateEvent) -> float:
    """Return how far ahead of what is heard the memory goes, in s; 0.0 for what just comes."""
    return state.lead_ms / 1000 if state.from_memory and state.lead_ms >= LEAST_LEAD_MS else 0.0


def speed_text(state: StateEvent, speed: float) -> str:
    """Return a speed in words, and how far a higher one than 1 can go."""
    if speed <= 1.0:
        return f"{speed:g}×."
    return f"{speed:g}×, for the {lead_s(state):.0f} s ahead that are remembered."
