"""How a status compares with the clock: late, overtaken, uneven, rounded, or a jump. Pure.

Times are readings of one monotonic clock, in s; positions are ms from the start of the call.
"""

from __future__ import annotations

from callplayer.engine.cursor.estimate import CursorEstimate
from callplayer.engine.cursor.habits import MOST_LATE_MS
from callplayer.engine.cursor.learning import LATE_SAMPLES, learns
from callplayer.engine.cursor.requests import AGREES_MS, QUEUE_MS
from callplayer.vendor.status import Status

LATE_S = 0.5
"""A status that is behind the clock was held up on its way, or the server has gone back: it has if
all that comes for this long says the same."""

WELL_BEHIND_MS = 500
LITTLE_LATE_S = 2.0
"""The same where it is behind by less, and not evenly: statuses may overtake each other."""

EVEN_MS, EVEN_TIMES = 60, 4
MOST_BEHIND = 50

OVERTAKEN_S = 1.5
"""How much older a status may be than one that came before it."""

UNEVEN_AFTER_S = 1.5
UNEVEN_SHARE = 8


def take_behind(before: tuple[int, ...], behind_ms: int) -> tuple[int, ...]:
    """Return by how much the last statuses in a row were behind, () if this one is not."""
    return (*before, behind_ms)[-MOST_BEHIND:] if behind_ms else ()


def may_come_late(behind_ms: tuple[int, ...], lasts_s: float) -> bool:
    """Return whether statuses that are behind, for `lasts_s` by now, may have been held up."""
    if not behind_ms:
        return False
    is_even = len(behind_ms) >= EVEN_TIMES and max(behind_ms) - min(behind_ms) <= EVEN_MS
    is_clear = is_even or min(behind_ms) > WELL_BEHIND_MS
    return lasts_s < (LATE_S if is_clear else LITTLE_LATE_S)


def is_overtaken(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a status is of the path that a scrub has left, and came after a newer one."""
    if head.left is None or now_s - head.left_s >= OVERTAKEN_S:
        return False
    tolerance_ms = AGREES_MS + head.habits.rounding_ms
    behind_ms = head.left.at(now_s) - status.position
    is_along = -tolerance_ms <= behind_ms <= OVERTAKEN_S * 1000 + tolerance_ms
    return is_along and abs(head.line_ms(now_s) - status.position) > 2 * tolerance_ms


def is_stale_end(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether it is of the place that a scrub has left that a status says `at_end`."""
    seek = head.seek
    moved = now_s - head.left_s < OVERTAKEN_S if seek is None else not seek.to_end
    before_end_ms = status.duration - status.position
    return status.at_end and moved and head.knows_duration and before_end_ms > MOST_LATE_MS


def off_ms(head: CursorEstimate, status: Status, now_s: float) -> int:
    """Return how far to set the clock back for a status that is hardly off; 0 to take it as it is.

    Positions may be uneven by some ms, as of two senders: the clock follows their mean.
    """
    segment = head.segment
    is_new = segment.sent_s is not None and now_s - segment.sent_s < UNEVEN_AFTER_S
    if head.pause is not None or head.is_ours or is_new or head.status is None:
        return 0
    if head.advancing() == status.paused or status.at_end:
        return 0
    behind_ms = head.line_ms(now_s) - status.position
    return round(behind_ms / UNEVEN_SHARE) if abs(behind_ms) <= AGREES_MS else 0


def may_be_late(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a status is behind what was concluded from sound, and not yet a habit."""
    if not head.is_ours or status.paused or not head.advancing() or not learns(head.segment, now_s):
        return False
    is_behind = 0 < head.line_ms(now_s) - status.position <= MOST_LATE_MS
    return is_behind and len(head.segment.behind_ms) < LATE_SAMPLES - 1


def is_less_than_known(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a position says less than is known: it is rounded, or stands still."""
    if head.status is None or status.at_end:
        return False
    if status.position == head.reported_ms and head.advancing() and not status.paused:
        return True
    rounding_ms = head.habits.rounding_ms
    behind_ms = head.line_ms(now_s) - status.position
    return bool(rounding_ms) and 0 <= behind_ms <= rounding_ms + AGREES_MS


def behind_ms(head: CursorEstimate, status: Status, now_s: float) -> int:
    """Return by how much a status is behind where the cursor must be by the clock; 0 if it is not.

    One cursor that plays and was not sent anywhere is meant. Statuses go by a channel that repeats
    what is lost and keeps the order: on a bad link they come late, and then many at once.
    """
    if head.status is None or head.pause is not None or head.is_ours:
        return 0
    if (
        not head.advancing()
        or status.paused
        or status.at_end
        or status.position == head.reported_ms
    ):
        return 0
    late_ms = head.line_ms(now_s) - status.position
    return late_ms if late_ms > AGREES_MS + head.habits.rounding_ms else 0


def jumped(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether the cursor has gone elsewhere by itself."""
    if head.status is None:
        return True
    tolerance_ms = AGREES_MS + head.habits.rounding_ms
    if head.status.paused:
        moved_ms = status.position - head.status.position
        elapsed_ms = 0 if status.paused else (now_s - head.status_s) * 1000 + QUEUE_MS
        return not -tolerance_ms <= moved_ms <= elapsed_ms + tolerance_ms
    ahead_ms = status.position - head.line_ms(now_s)
    if learns(head.segment, now_s):
        # A sender's queue fills, or the statuses are late.
        from_start_ms = status.position - head.segment_ms
        fills = 0 < ahead_ms <= QUEUE_MS + tolerance_ms
        is_late = from_start_ms >= -QUEUE_MS and -MOST_LATE_MS <= ahead_ms < 0
        if fills or is_late:
            return False
    if head.is_ours:
        tolerance_ms += QUEUE_MS + head.habits.late_ms
    return abs(ahead_ms) > tolerance_ms + AGREES_MS
