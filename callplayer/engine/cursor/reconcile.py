"""What a status says about the cursor and about what was asked for. Pure.

A status confirms, is late, is rounded, or is the server's own word: it is judged here. Times are
readings of one monotonic clock, in s; positions are ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from callplayer.engine.cursor import habits as learn
from callplayer.engine.cursor import off_clock as off
from callplayer.engine.cursor.estimate import CursorEstimate
from callplayer.engine.cursor.learning import (
    learn_bias,
    learn_lateness,
    learn_status,
)
from callplayer.engine.cursor.requests import (
    AGREES_MS,
    NEAR_END_MS,
    QUEUE_MS,
    Line,
    PendingPause,
    PendingSeek,
    Segment,
    Verdict,
    judge,
)
from callplayer.vendor.status import Status

GIVE_UP_S = 5.0
"""A scrub that statuses contradict for this long is dropped for the server's word."""

OVERDUE_GAPS = 2.0
AGREED_FOR_S = 10.0
"""What the server has kept for this long is asked for once more when it changes."""


def take_status(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """The server said where it is; requests that it agrees with are confirmed."""
    head = _take_duration(learn_status(head, status, now_s), status)
    if off.is_stale_end(head, status, now_s):
        status = msgspec.structs.replace(status, at_end=False)
    if _is_old_news(head, status, now_s):
        head = learn_lateness(head, status, head.reported_ms, now_s)
        known = _with_duration(head, status, now_s)
        return replace(head, status=known, reported_ms=status.position, reported_s=now_s)
    was_paused = head.status is None or head.status.paused
    before, head = head, _take_pause(head, status, now_s)
    # Commands are obeyed in their order: a server that has paused has scrubbed before.
    seek = head.seek
    obeyed = (
        seek is not None
        and before.pause is not None
        and head.pause is None
        and before.pause.sent_s >= seek.since_s
        and not before.pause.repeats
        and was_paused != status.paused
        and status.paused == before.pause.paused
    )
    if seek is not None:
        head = _take_sought(head, seek, status, now_s, obeyed=obeyed)
    else:
        head = _take_position(head, status, now_s)
    return learn_lateness(learn_bias(head, now_s), status, before.reported_ms, now_s)


def _take_duration(head: CursorEstimate, status: Status) -> CursorEstimate:
    """A duration of 0, one that shrinks, or one before the cursor is not known yet."""
    reported_ms = status.duration
    known = reported_ms > 0 and reported_ms >= max(head.reported_duration_ms, status.position)
    return replace(head, reported_duration_ms=reported_ms, knows_duration=known)


def _with_duration(head: CursorEstimate, status: Status, now_s: float) -> Status | None:
    """Return what counts with the duration of a status that is otherwise passed over."""
    if head.status is None or not head.knows_duration:
        return head.status
    grown_ms = head.duration_ms(now_s) - head.status.duration
    return msgspec.structs.replace(head.status, duration=max(status.duration - grown_ms, 0))


def _is_old_news(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a status contradicts what is assumed, and may be older than it."""
    pause, seek = head.pause, head.seek
    if pause is not None and pause.assumed and status.paused != pause.paused:
        return not pause.may_be_overruled(now_s, head.habits)
    agreed = head.agreed
    if pause is None and agreed is not None and agreed.assumed and status.paused != agreed.paused:
        return now_s - agreed.sent_s < head.habits.patience_s
    if seek is not None and seek.assumed and now_s - seek.since_s < head.habits.patience_s:
        return _judge(head, seek, status, now_s) != "left"
    return seek is None and off.is_overtaken(head, status, now_s)


def _judge(head: CursorEstimate, seek: PendingSeek, status: Status, now_s: float) -> Verdict:
    duration_ms = head.duration_ms(now_s) if head.status is not None else status.duration
    late_ms = 0
    cadence_s = head.habits.cadence_s
    if cadence_s is not None and head.reported_s is not None:
        gap_s = now_s - head.reported_s
        late_ms = int(gap_s * 1000) if gap_s > OVERDUE_GAPS * cadence_s + 0.3 else 0
    known_ms = max(duration_ms, status.duration) if head.knows_duration else None
    return judge(seek, status, now_s, head.habits, duration_ms=known_ms, late_by_ms=late_ms)


def _take_pause(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """Take what a status says of the pause state."""
    pause = head.pause
    if pause is None:
        return _take_change(head, status, now_s)
    if status.paused == pause.paused:
        habits = head.habits
        is_change = head.status is not None and head.status.paused != status.paused
        if is_change and not pause.again and not pause.assumed:
            habits = learn.note_answer(habits, now_s - pause.since_s)
        return replace(
            head,
            pause=None,
            agreed=replace(pause, assumed=False),
            habits=habits,
            contested=head.contested or pause.again,
        )
    if pause.may_be_overruled(now_s, head.habits):
        return replace(head, pause=None, agreed=None, resume_held=False)
    return head


def _take_change(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """Take a pause state while none is asked for: what was wanted is asked for once more."""
    agreed = head.agreed
    if agreed is None or status.paused == agreed.paused:
        return head
    since_s = now_s - agreed.sent_s
    is_end = status.paused and (status.at_end or _is_at_last(head, status))
    if not is_end and since_s < head.habits.patience_s and not agreed.again:
        # What agreed was of before, by chance: this may be as old.
        return replace(head, pause=replace(agreed, assumed=False))
    if is_end or (head.contested and since_s < AGREED_FOR_S):
        return replace(head, agreed=None, ended=is_end)
    again = PendingPause(agreed.paused, now_s, now_s, sends=0, again=True)
    return replace(head, pause=again, contested=True)


def _is_at_last(head: CursorEstimate, status: Status) -> bool:
    return (
        head.knows_duration
        and status.call_over
        and status.position >= status.duration - NEAR_END_MS
    )


def _take_sought(
    head: CursorEstimate, seek: PendingSeek, status: Status, now_s: float, *, obeyed: bool
) -> CursorEstimate:
    """Take a status while a scrub is open."""
    verdict = "left" if obeyed else _judge(head, seek, status, now_s)
    if verdict == "left":
        return _confirm(head, seek, status, now_s)
    waited_s = now_s - seek.since_s
    if seek.assumed or waited_s >= max(GIVE_UP_S, head.habits.patience_s):
        # Certainly newer than the scrub: the server's word counts.
        return _adopt(replace(head, seek=None), status, now_s, Segment(status.position))
    if verdict == "old":
        origin = Line(status.position, now_s, not status.paused)
        behind_ms = seek.origin.at(now_s) - status.position
        is_coarser = 0 <= behind_ms <= head.habits.rounding_ms
        if not is_coarser or origin.moves != seek.origin.moves:
            head = replace(head, seek=replace(seek, origin=origin))
    return _adopt(head, status, now_s, None)


def _confirm(
    head: CursorEstimate, seek: PendingSeek, status: Status, now_s: float
) -> CursorEstimate:
    habits, reported_ms = head.habits, status.position
    asked_ms = reported_ms if seek.position_ms is None else seek.position_ms
    delay_s = now_s - seek.since_s
    tolerance_ms = AGREES_MS + habits.rounding_ms
    lands = asked_ms - tolerance_ms <= reported_ms + habits.late_ms
    # Where the old path was as good, nothing is learnt: the status may be of that.
    is_apart = abs(seek.origin.at(now_s) - asked_ms) > 2 * QUEUE_MS + tolerance_ms
    if is_apart:
        habits = learn.note_answer(habits, delay_s, reported_ms - asked_ms)
        early_ms = 0 if lands else max(asked_ms - reported_ms, habits.keyframe_ms)
        habits = replace(habits, keyframe_ms=max(early_ms, habits.keyframe_ms))
    played_s = (reported_ms - asked_ms) / 1000
    is_exact = lands and is_apart and not (status.paused or habits.rounding_ms or habits.ahead_ms)
    if is_exact and 0.0 <= played_s <= delay_s and not seek.assumed:
        late_s = habits.late_ms / 1000
        habits = learn.note_effect(habits, delay_s - played_s - late_s, exact=not late_s)
    is_rounded = 0 < asked_ms - reported_ms < habits.rounding_ms
    start_ms = asked_ms if is_rounded or (lands and habits.late_ms) else min(asked_ms, reported_ms)
    if not lands:
        start_ms = reported_ms
    segment = Segment(
        start_ms, seek.since_s if lands and is_apart else None, by_seek=True, rests=status.paused
    )
    if is_rounded and not seek.assumed:
        status = msgspec.structs.replace(status, position=asked_ms)
    if seek.assumed and lands and not status.paused:
        late_ms = habits.late_ms if head.is_ours else 0
        line_ms = head.line_ms(now_s) - late_ms
        if habits.rounding_ms and abs(line_ms - reported_ms) <= tolerance_ms:
            status = msgspec.structs.replace(status, position=line_ms)
    is_far = abs(seek.origin.at(now_s) - asked_ms) > off.OVERTAKEN_S * 1000 + 2 * tolerance_ms
    left = seek.origin if is_far else None
    head = replace(head, seek=None, habits=habits, left=left, left_s=now_s)
    return _adopt(head, status, now_s, segment)


def _take_position(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """Take a status while no scrub is open."""
    behind_ms = off.take_behind(head.behind_ms, off.behind_ms(head, status, now_s))
    behind_s = head.behind_s if len(behind_ms) > 1 else now_s
    reported_ms = status.position
    segment, is_ours = None, False
    is_late = off.may_come_late(behind_ms, now_s - behind_s)
    may_wait = is_late or off.may_be_late(head, status, now_s)
    off_ms = 0 if may_wait else off.off_ms(head, status, now_s)
    if behind_ms and not is_late:
        off_ms, behind_ms = min(behind_ms), ()
    if off_ms:
        place_ms = head.line_ms(now_s) - off_ms
        status = msgspec.structs.replace(status, position=max(place_ms, 0))
    if off.is_less_than_known(head, status, now_s) or may_wait:
        is_ours = head.is_ours and head.advancing()
        place_ms = head.line_ms(now_s)
        if head.knows_duration:
            place_ms = min(place_ms, max(status.duration, status.position))
        status = msgspec.structs.replace(status, position=place_ms)
    elif head.status is None and head.agreed is not None and not status.paused:
        # By the contract a fresh stream is paused at the beginning of the call.
        is_fresh = reported_ms <= (now_s - head.agreed.since_s) * 1000 + QUEUE_MS
        segment = Segment(0, head.agreed.since_s) if is_fresh else Segment(reported_ms)
    elif off.jumped(head, status, now_s):
        segment = Segment(reported_ms)
    if segment is None and head.status is not None and head.status.paused:
        # Playing begins, or will, where the pause was: the first status of it may come late.
        sent = head.agreed if not status.paused else None
        rests = status.paused and head.segment.rests
        start_ms = head.rest_ms(head.status)
        segment = Segment(start_ms, sent.since_s if sent else None, by_seek=rests, rests=rests)
    elif segment is None and status.paused and _landed_just_now(head, reported_ms):
        segment = replace(head.segment, rests=True)
    taken = _adopt(head, status, now_s, segment, is_ours=is_ours)
    return replace(taken, reported_ms=reported_ms, behind_ms=behind_ms, behind_s=behind_s)


def _landed_just_now(head: CursorEstimate, reported_ms: int) -> bool:
    return head.segment.by_seek and abs(reported_ms - head.reported_ms) <= AGREES_MS


def _adopt(
    head: CursorEstimate,
    status: Status,
    now_s: float,
    segment: Segment | None,
    *,
    is_ours: bool = False,
) -> CursorEstimate:
    if not head.knows_duration and head.status is not None:
        longest_ms = max(status.duration, head.status.duration)
        status = msgspec.structs.replace(status, duration=longest_ms)
    return replace(
        head,
        status=status,
        status_s=now_s,
        is_ours=is_ours,
        segment=segment or head.segment,
        held=False,
        reported_ms=status.position,
        reported_s=now_s,
    )
