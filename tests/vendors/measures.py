"""What a simulated story comes to for the user: heard, lost, repeated, silent, sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from callplayer.ipc import messages as m
from callplayer.vendor.commands import Pause, Resume, Scrub, ScrubToEnd
from tests.vendors.simulation import DEVICE_MS, STEP_MS, Asked, Frame, Story

JUMPS = (Scrub, ScrubToEnd, m.SeekBy)
SETTLED_MS = 2500
"""So long after a request the clock is judged."""

AFTER_RESUME_MS = 3000
BEFORE_PAUSE_MS = 4000


@dataclass(frozen=True)
class Jump:
    """One jump: `silent_ms` until its sound is heard, less the server's own lag, None if it never
    was; `old_ms` of the place before it heard after the key."""

    silent_ms: int | None
    old_ms: int


@dataclass(frozen=True)
class Break:
    """One pause and its resume: what of the call was never heard, and what was heard twice."""

    lost_ms: int
    repeated_ms: int


def jumps(story: Story) -> list[Jump]:
    """Measure each jump that was asked for while the call was to play."""
    found: list[Jump] = []
    plays = False
    for index, asked in enumerate(story.asked):
        plays = _plays_after(asked, plays)
        if plays and isinstance(asked.request, JUMPS):
            until_ms = _next_ms(story, index)
            own_ms = _own_ms(story) + (0 if found else _unlearnt_ms(story))
            found.append(_jump(story, asked, until_ms, own_ms))
    return found


def breaks(story: Story) -> list[Break]:
    """Measure each pause that a resume followed."""
    found = []
    for index, asked in enumerate(story.asked[1:], 1):
        before = story.asked[index - 1]
        if isinstance(before.request, Pause) and isinstance(asked.request, Resume):
            until_ms = min(_next_ms(story, index), asked.at_ms + AFTER_RESUME_MS + _own_ms(story))
            found.append(_break(story, before.at_ms, until_ms))
    return found


def saw_ms(story: Story) -> int:
    """Return by how much the clock on the screen went back while nothing was asked."""
    steps = [
        before[0] - after[0]
        for index, (before, after) in enumerate(pairwise(story.shown))
        if _settled(story, index)
    ]
    return max(0, *steps) if steps else 0


def flickers(story: Story) -> int:
    """Return how often the phase changed while nothing was asked."""
    return sum(
        before[1] != after[1]
        for index, (before, after) in enumerate(pairwise(story.shown))
        if _settled(story, index)
    )


def clock_error_ms(story: Story) -> int:
    """Return how far the screen was from what was heard, at the most, once it had settled."""
    errors = [
        abs(shown[0] - heard.place_ms)
        for index, (shown, heard) in enumerate(zip(story.shown, story.heard, strict=True))
        if heard is not None and _settled(story, index)
    ]
    return max(errors, default=0)


def _plays_after(asked: Asked, plays: bool) -> bool:
    if isinstance(asked.request, Resume | Pause):
        return isinstance(asked.request, Resume)
    return plays


def _next_ms(story: Story, index: int) -> int:
    if index + 1 < len(story.asked):
        return story.asked[index + 1].at_ms
    return len(story.heard) * STEP_MS


def _own_ms(story: Story) -> int:
    """Return the server's own lag at a jump, and what the network adds to 20 ms one way."""
    knobs = story.knobs
    own_ms = round(knobs.obey_s * 1000) + 2 * (knobs.network_ms - 20)
    if knobs.acknowledges:
        own_ms += round(knobs.status_lag_s * 1000)
    if not knobs.flushes_seek:
        own_ms += knobs.queue_ms
    if knobs.after_scrub == "pauses":
        own_ms += round((2 * knobs.obey_s + knobs.status_lag_s) * 1000) + 4 * knobs.network_ms
    return own_ms


def _unlearnt_ms(story: Story) -> int:
    """Return what the first jump waits for: whether a sender's queue is dropped is learnt by it."""
    return story.knobs.queue_ms if story.knobs.flushes_seek else 0


def _jump(story: Story, asked: Asked, until_ms: int, own_ms: int) -> Jump:
    first, last = asked.at_ms // STEP_MS, until_ms // STEP_MS
    heard = story.heard[first:last]
    fade = (DEVICE_MS + STEP_MS) // STEP_MS
    old = sum(f is not None and f.serial < asked.serial for f in heard[fade:])
    new = next((i for i, f in enumerate(heard) if f and f.serial >= asked.serial), None)
    silent_ms = None if new is None else new * STEP_MS - own_ms
    return Jump(silent_ms, old * STEP_MS)


def _break(story: Story, pause_ms: int, until_ms: int) -> Break:
    """Compare the places heard around the break with all between the first and the last."""
    if not _any_after(story, pause_ms, until_ms):
        return Break(10**6, 0)
    first = max(pause_ms - BEFORE_PAUSE_MS, 0) // STEP_MS
    frames = story.heard[first : until_ms // STEP_MS]
    places = [frame.place_ms // STEP_MS for frame in frames if frame is not None]
    known = set(places)
    return Break(
        lost_ms=(max(known) - min(known) + 1 - len(known)) * STEP_MS,
        repeated_ms=(len(places) - len(known)) * STEP_MS,
    )


def _any_after(story: Story, pause_ms: int, until_ms: int) -> list[Frame]:
    heard = story.heard[(pause_ms + 2 * DEVICE_MS) // STEP_MS : until_ms // STEP_MS]
    return [frame for frame in heard if frame is not None]


def _settled(story: Story, index: int) -> bool:
    now_ms = index * STEP_MS
    asked_ms = [asked.at_ms for asked in story.asked if asked.at_ms <= now_ms + 2 * STEP_MS]
    wait_ms = SETTLED_MS + _own_ms(story) + round((story.knobs.cadence_s or 0.0) * 1000)
    return bool(asked_ms) and now_ms - max(asked_ms) > wait_ms
