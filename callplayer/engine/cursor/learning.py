"""What statuses show of their server's habits, next to what was asked and what was heard. Pure.

Times are readings of one monotonic clock, in s; positions are ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import replace

from callplayer.engine.cursor import habits as learn
from callplayer.engine.cursor.estimate import CursorEstimate
from callplayer.engine.cursor.habits import NOTICED_MS
from callplayer.engine.cursor.requests import Segment
from callplayer.vendor.status import Status

LEARN_FOR_S = 8.0
"""For how long after a command the statuses show how far they are from the sound."""

LATE_SAMPLES = 4
"""How many statuses in a row must be late: one alone may have been held up."""


def learn_status(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """Learn how positions are rounded, and how often statuses come."""
    habits, seek = head.habits, head.seek
    # An echo says nothing of rounding; nor does a keyframe where a scrub lands, by itself.
    if seek is None or (habits.distinct and status.position != seek.position_ms):
        habits = learn.note_position(habits, status.position, plays=not status.paused)
    if head.reported_s is not None:
        habits = learn.note_gap(habits, now_s - head.reported_s)
    return replace(head, habits=habits)


def learn_scrub(before: CursorEstimate, head: CursorEstimate) -> CursorEstimate:
    """Learn whether the server pauses or resumes at a scrub that a status has just confirmed."""
    pause = head.pause
    if before.seek is None or head.seek is not None or pause is None or not pause.again:
        return head
    habits = replace(
        head.habits,
        pauses_on_scrub=head.habits.pauses_on_scrub or not pause.paused,
        resumes_on_scrub=head.habits.resumes_on_scrub or pause.paused,
    )
    return replace(head, habits=habits)


def learn_bias(head: CursorEstimate, now_s: float) -> CursorEstimate:
    """Learn how far statuses are ahead of the sound: it cannot have played before its command.

    While a scrub is open they are of the path that it leaves, wherever sound has begun since.
    """
    segment, habits = head.segment, head.habits
    if segment.sent_s is None or head.seek is not None or not head.advancing() or head.is_ours:
        return head
    if not learns(segment, now_s):
        return head
    since_s = now_s - segment.sent_s
    played_ms = head.reported_ms - segment.start_ms
    lead_ms = played_ms - since_s * 1000
    if segment.by_seek:
        habits = learn.note_queue(habits, lead_ms, since_s)
    habits = learn.note_ahead(habits, lead_ms)
    return replace(head, habits=habits)


def learn_lateness(
    head: CursorEstimate, status: Status, before_ms: int, now_s: float
) -> CursorEstimate:
    """Learn how far statuses are from the sound since it was heard to begin.

    Those of a path that a scrub has left count, too, as far as that path went.
    """
    seek = head.seek
    segment = head.segment if seek is None else seek.left
    if segment.onset_s is None or status.paused or not learns(segment, now_s):
        return head
    if status.position in (before_ms, segment.start_ms):
        return head  # it stands: that says nothing
    played_ms = status.position - segment.start_ms
    if seek is not None and not 0 < played_ms <= (seek.since_s - segment.onset_s) * 1000:
        return head
    behind_ms = round((now_s - segment.onset_s) * 1000 - played_ms)
    habits = head.habits
    if not segment.behind_ms:
        habits = learn.note_onset(habits, -behind_ms)
    elif abs(-behind_ms - habits.ahead_ms) <= NOTICED_MS < habits.ahead_ms:
        habits = learn.note_ahead(habits, -behind_ms)
    segment = replace(segment, behind_ms=(*segment.behind_ms, behind_ms))
    if len(segment.behind_ms) >= LATE_SAMPLES:
        habits = learn.note_late(habits, min(segment.behind_ms))
    if seek is None:
        return replace(head, segment=segment, habits=habits)
    return replace(head, seek=replace(seek, left=segment), habits=habits)


def learns(segment: Segment, now_s: float) -> bool:
    """Return whether playing has begun by a command, and not long ago."""
    return segment.sent_s is not None and now_s - segment.sent_s <= LEARN_FOR_S
