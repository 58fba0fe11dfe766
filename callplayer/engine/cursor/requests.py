"""What was asked of the server and is not confirmed, and what a status says about it. Pure.

The wire has no acknowledgement: a status confirms a request only by agreeing with it. Which status
may do that is decided here, in one place. Times are readings of one monotonic clock, in s;
positions are ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from callplayer.engine.cursor.habits import MOST_LATE_MS, ServerHabits
from callplayer.vendor.status import Status

AGREES_MS = 120
"""How far a status may be from a place and still mean it: clocks, rounding, one block."""

KEYFRAME_MS = 5_000
"""How far before the place asked for a server may land."""

QUEUE_MS = 1_100
"""By how much a status may be ahead because of a sender's queue: the SDK's own, and a block."""

NEAR_END_MS = 1_500
"""So close to the end of what there is a server may call it the end."""

RESEND_S = (1.0, 3.0)
"""When a pause or resume without agreement is sent again, after it was asked for."""

MOST_PASSED = 8

Verdict = Literal["left", "old", "elsewhere"]
"""What a status says of a scrub: carried out, not yet, or the cursor is at a third place."""


@dataclass(frozen=True)
class Line:
    """A cursor as it was reported: at `position_ms` at `at_s`, moving on with the clock or not.

    `is_ours`: it was concluded instead, and reports may come later than is known.
    """

    position_ms: int = 0
    at_s: float = 0.0
    moves: bool = False
    is_ours: bool = False

    def at(self, now_s: float) -> int:
        """Return where the cursor is on this line at a moment."""
        return self.position_ms + (int((now_s - self.at_s) * 1000) if self.moves else 0)


@dataclass(frozen=True)
class Segment:
    """Where playing began: at `start_ms`, by a command of `sent_s`, with sound sent from `onset_s`.

    `sent_s` is None where no command of ours began it, `onset_s` while no sound has shown it.
    `by_seek`: a scrub began it; `rests`: it was paused there since. `behind_ms`: by how much each
    position reported since was behind the sound, at the least.
    """

    start_ms: int = 0
    sent_s: float | None = None
    onset_s: float | None = None
    by_seek: bool = False
    rests: bool = False
    behind_ms: tuple[int, ...] = ()


@dataclass(frozen=True)
class PendingSeek:
    """A position that was asked for (`position_ms` None: the end) and is not confirmed.

    `origin` is the path that it leaves, `left` where playing began on it, `passed` the earlier
    requests, of (ms, s), that it overtook. Once `assumed` it counts as carried out, for the receive
    path has turned over since; a status that is certainly newer may still say otherwise.
    """

    since_s: float
    position_ms: int | None
    origin: Line
    left: Segment
    passed: tuple[tuple[int, float], ...] = ()
    assumed: bool = False

    @property
    def to_end(self) -> bool:
        """Return whether the end was asked for."""
        return self.position_ms is None


@dataclass(frozen=True)
class PendingPause:
    """A pause state that was asked for: when, when it was last sent, and how often.

    `again`: it was the server that changed it, and it is asked for once more only. `assumed`: it
    counts as carried out by other evidence than a status. `repeats`: the same was asked for before
    and not confirmed; what agrees may be of that.
    """

    paused: bool
    since_s: float
    sent_s: float
    sends: int = 1
    again: bool = False
    assumed: bool = False
    repeats: bool = False

    def is_due(self, now_s: float) -> bool:
        """Return whether it is to be sent again now."""
        if self.again or (self.assumed and not self.paused):
            return False
        resends = self.sends - 1
        return resends < len(RESEND_S) and now_s - self.since_s >= RESEND_S[resends]

    def may_be_overruled(self, now_s: float, habits: ServerHabits) -> bool:
        """Return whether a status of now is newer than the last time it was sent."""
        all_sent = self.again or self.sends > len(RESEND_S)
        return all_sent and now_s - self.sent_s >= habits.patience_s


def judge(
    seek: PendingSeek,
    status: Status,
    now_s: float,
    habits: ServerHabits,
    *,
    duration_ms: int | None,
    late_by_ms: int,
) -> Verdict:
    """Return what a status says of a scrub.

    It is carried out by the first status that has left the old path towards the place asked for,
    however the server rounds. Statuses that are overdue by `late_by_ms` may still come from the old
    path. `duration_ms` is None where it is not known.
    """
    reported_ms, old_ms = status.position, seek.origin.at(now_s)
    tolerance_ms = AGREES_MS + habits.rounding_ms
    passed_ms = int((now_s - seek.since_s) * 1000)
    played_ms = 0 if status.paused else passed_ms
    if seek.position_ms is None:
        if status.at_end:
            return "left"
        low_ms = NEAR_END_MS + habits.rounding_ms
        asked_ms = (old_ms + 2 * low_ms) if duration_ms is None else duration_ms - low_ms
        high_ms = asked_ms + 10**9
    else:
        asked_ms = seek.position_ms if duration_ms is None else min(seek.position_ms, duration_ms)
        high_ms = asked_ms + played_ms + habits.ahead_ms + tolerance_ms
    low_ms = asked_ms - tolerance_ms
    lag_ms = late_by_ms + tolerance_ms
    left_at_ms = seek.origin.at(seek.since_s)
    if abs(left_at_ms - asked_ms) <= 2 * tolerance_ms or (seek.to_end and left_at_ms >= low_ms):
        # The two paths cannot be distinguished; nor need they be, but for the time it takes.
        soon_ms = 0 if not habits.rounding_ms else round(min(habits.obey_s or 0.25, 0.25) * 500)
        is_near = low_ms <= reported_ms <= max(high_ms, old_ms + tolerance_ms)
        return "left" if is_near and passed_ms >= soon_ms else "old"
    # Positions are rounded down, or at worst to the nearest step.
    if old_ms - lag_ms <= reported_ms <= old_ms + AGREES_MS + habits.rounding_ms // 2:
        return "old"
    if low_ms <= reported_ms <= high_ms:
        return "left"
    for place_ms, since_s in seek.passed:
        most_ms = place_ms + int((now_s - since_s) * 1000) + tolerance_ms
        if place_ms - tolerance_ms <= reported_ms <= most_ms:
            return "elsewhere"
    is_before = asked_ms - KEYFRAME_MS <= reported_ms <= asked_ms + played_ms + QUEUE_MS
    is_between = (reported_ms - old_ms) * (asked_ms - reported_ms) > 0
    other: Verdict = "left" if is_before or is_between else "elsewhere"
    # A path that was concluded may be reported late, and begin at a keyframe besides.
    is_ours = seek.origin.is_ours
    late_ms = MOST_LATE_MS + (KEYFRAME_MS if is_ours else 0)
    is_along = old_ms - late_ms <= reported_ms <= old_ms + QUEUE_MS
    return "old" if is_along and (is_ours or not is_before) else other
