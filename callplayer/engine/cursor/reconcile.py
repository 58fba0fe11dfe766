"""What a status, or sound, says about the cursor and about what was asked for. Pure.

A status confirms, is late, is rounded, or is the server's own word: it is judged here, and what it
shows of the server's habits is kept. Times are readings of one monotonic clock, in s; positions are
ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from callplayer.engine.cursor import habits as learn
from callplayer.engine.cursor.estimate import CursorEstimate, Segment
from callplayer.engine.cursor.habits import MOST_LATE_MS
from callplayer.engine.cursor.requests import (
    AGREES_MS,
    NEAR_END_MS,
    QUEUE_MS,
    Line,
    PendingPause,
    PendingSeek,
    Verdict,
    judge,
)
from callplayer.vendor.status import Status

LATE_S = 0.5
"""A status that is behind the clock was held up on its way, or the server has gone back: it has if
all that comes for so long says the same."""

GIVE_UP_S = 5.0
"""A scrub that statuses contradict for so long is dropped for the server's word."""

LEARN_FOR_S = 8.0
"""For so long after a command the statuses tell how far they are from the sound."""

LATE_SAMPLES = 4
"""So many statuses in a row must be late: one alone may have been held up."""

OVERDUE_GAPS = 2.0
AGREED_FOR_S = 10.0
"""What the server has kept for so long is asked for once more when it changes."""


def take_status(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """The server said where it is; requests that it agrees with are confirmed."""
    head = _take_duration(_learn(head, status, now_s), status)
    if _is_old_news(head, status, now_s):
        return replace(head, told_ms=status.position, told_s=now_s)
    was_paused = head.status is None or head.status.paused
    before, head = head, _take_pause(head, status, now_s)
    # Commands are obeyed in their order: who has paused, has scrubbed before.
    seek = head.seek
    obeyed = (
        seek is not None
        and before.pause is not None
        and head.pause is None
        and before.pause.sent_s >= seek.since_s
        and was_paused != status.paused
        and status.paused == before.pause.paused
    )
    if seek is not None:
        head = _take_sought(head, seek, status, now_s, obeyed=obeyed)
    else:
        head = _take_position(head, status, now_s)
    return _learn_lateness(_learn_bias(head, now_s), before.told_ms, now_s)


def _learn(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    habits, seek = head.habits, head.seek
    if seek is None or status.position != seek.position_ms:  # an echo says nothing of rounding
        habits = learn.note_position(habits, status.position, plays=not status.paused)
    if head.told_s is not None:
        habits = learn.note_gap(habits, now_s - head.told_s)
    return replace(head, habits=habits)


def _take_duration(head: CursorEstimate, status: Status) -> CursorEstimate:
    """A duration of 0, one that shrinks, or one before the cursor is not known yet."""
    told_ms = status.duration
    known = told_ms > 0 and told_ms >= max(head.told_duration_ms, status.position)
    return replace(head, told_duration_ms=told_ms, knows_duration=known)


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
    return False


def _judge(head: CursorEstimate, seek: PendingSeek, status: Status, now_s: float) -> Verdict:
    duration_ms = head.duration_ms(now_s) if head.status is not None else status.duration
    late_ms = 0
    cadence_s = head.habits.cadence_s
    if cadence_s is not None and head.told_s is not None:
        gap_s = now_s - head.told_s
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
        return replace(head, agreed=None)
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
        head = replace(head, seek=replace(seek, origin=origin))
    return _adopt(head, status, now_s, None)


def _confirm(
    head: CursorEstimate, seek: PendingSeek, status: Status, now_s: float
) -> CursorEstimate:
    habits, told_ms = head.habits, status.position
    asked_ms = told_ms if seek.position_ms is None else seek.position_ms
    delay_s = now_s - seek.since_s
    tolerance_ms = AGREES_MS + habits.rounding_ms
    lands = asked_ms - tolerance_ms <= told_ms + habits.late_ms
    # Where the old path was as good, nothing is learnt: the status may be of that.
    tells = abs(seek.origin.at(now_s) - asked_ms) > 2 * QUEUE_MS + tolerance_ms
    if tells:
        habits = learn.note_answer(habits, delay_s, told_ms - asked_ms)
    played_s = (told_ms - asked_ms) / 1000
    is_exact = lands and tells and not (status.paused or habits.rounding_ms or habits.ahead_ms)
    if is_exact and 0.0 <= played_s <= delay_s and not seek.assumed:
        late_s = habits.late_ms / 1000
        habits = learn.note_effect(habits, delay_s - played_s - late_s, exact=not late_s)
    is_rounded = 0 < asked_ms - told_ms < habits.rounding_ms
    start_ms = asked_ms if is_rounded or (lands and habits.late_ms) else min(asked_ms, told_ms)
    if not lands:
        start_ms = told_ms
    segment = Segment(
        start_ms, seek.since_s if lands and tells else None, by_seek=True, rests=status.paused
    )
    if is_rounded and not seek.assumed:
        status = msgspec.structs.replace(status, position=asked_ms)
    if seek.assumed and lands and not status.paused:
        line_ms = head.line_ms(now_s)
        near = abs(line_ms - told_ms - habits.late_ms) <= tolerance_ms
        if near and habits.rounding_ms:
            status = msgspec.structs.replace(status, position=line_ms)
    return _adopt(replace(head, seek=None, habits=habits), status, now_s, segment)


def _take_position(head: CursorEstimate, status: Status, now_s: float) -> CursorEstimate:
    """Take a status while no scrub is open."""
    behind_ms = _behind_ms(head, status, now_s)
    behind_s = head.behind_s if abs(behind_ms - head.behind_ms) <= AGREES_MS else now_s
    told_ms = status.position
    segment, is_ours = None, False
    may_wait = (behind_ms and now_s - behind_s < LATE_S) or _may_be_late(head, status, now_s)
    if _tells_less(head, status, now_s) or may_wait:
        is_ours = head.is_ours and head.advancing()
        place_ms = head.line_ms(now_s)
        if head.knows_duration:
            place_ms = min(place_ms, max(status.duration, status.position))
        status = msgspec.structs.replace(status, position=place_ms)
    elif head.status is None and head.agreed is not None and not status.paused:
        # By the contract a fresh stream is paused at the beginning of the call.
        is_fresh = told_ms <= (now_s - head.agreed.since_s) * 1000 + QUEUE_MS
        segment = Segment(0, head.agreed.since_s) if is_fresh else Segment(told_ms)
    elif _jumped(head, status, now_s):
        segment = Segment(told_ms)
    if segment is None and head.status is not None and head.status.paused:
        # Playing begins, or will, where the pause was: the first status of it may come late.
        sent = head.agreed if not status.paused else None
        rests = status.paused and head.segment.rests
        start_ms = _rest_ms(head, head.status)
        segment = Segment(start_ms, sent.since_s if sent else None, by_seek=rests, rests=rests)
    elif segment is None and status.paused and _landed_just_now(head, told_ms):
        segment = replace(head.segment, rests=True)
    taken = _adopt(head, status, now_s, segment, is_ours=is_ours)
    return replace(taken, told_ms=told_ms, behind_ms=behind_ms, behind_s=behind_s)


def _landed_just_now(head: CursorEstimate, told_ms: int) -> bool:
    return head.segment.by_seek and abs(told_ms - head.told_ms) <= AGREES_MS


def _rest_ms(head: CursorEstimate, status: Status) -> int:
    """Return where a paused server goes on: where it was sent, or else where it says it is."""
    return head.segment_ms if head.segment.rests else status.position


def _may_be_late(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a status is behind what was concluded from sound, and not yet a habit."""
    if not head.is_ours or status.paused or not head.advancing() or not _learns(head, now_s):
        return False
    is_behind = 0 < head.line_ms(now_s) - status.position <= MOST_LATE_MS
    return is_behind and len(head.segment.behind_ms) < LATE_SAMPLES - 1


def _tells_less(head: CursorEstimate, status: Status, now_s: float) -> bool:
    """Return whether a position tells less than is known: it is rounded, or stands still."""
    if head.status is None or status.at_end:
        return False
    if status.position == head.told_ms and head.advancing() and not status.paused:
        return True
    rounding_ms = head.habits.rounding_ms
    behind_ms = head.line_ms(now_s) - status.position
    return bool(rounding_ms) and 0 <= behind_ms <= rounding_ms + AGREES_MS


def _behind_ms(head: CursorEstimate, status: Status, now_s: float) -> int:
    """Return by how much a status is behind where the cursor must be by the clock; 0 if it is not.

    One cursor that plays and was not sent anywhere is meant. Statuses go by a channel that repeats
    what is lost and keeps the order: on a bad link they come late, and then many at once.
    """
    if head.status is None or head.pause is not None or head.is_ours:
        return 0
    if not head.advancing() or status.paused or status.at_end or status.position == head.told_ms:
        return 0
    behind_ms = head.line_ms(now_s) - status.position
    return behind_ms if behind_ms > 2 * AGREES_MS + head.habits.rounding_ms else 0


def _jumped(head: CursorEstimate, status: Status, now_s: float) -> bool:
    if head.status is None:
        return True
    tolerance_ms = AGREES_MS + head.habits.rounding_ms
    if head.status.paused:
        moved_ms = status.position - head.status.position
        elapsed_ms = 0 if status.paused else (now_s - head.status_s) * 1000 + QUEUE_MS
        return not -tolerance_ms <= moved_ms <= elapsed_ms + tolerance_ms
    ahead_ms = status.position - head.line_ms(now_s)
    if _learns(head, now_s):
        # A sender's queue fills, or the statuses are late.
        from_start_ms = status.position - head.segment_ms
        fills = 0 < ahead_ms <= QUEUE_MS + tolerance_ms
        is_late = from_start_ms >= -QUEUE_MS and -MOST_LATE_MS <= ahead_ms < 0
        if fills or is_late:
            return False
    if head.is_ours:
        tolerance_ms += QUEUE_MS + head.habits.late_ms
    return abs(ahead_ms) > tolerance_ms + AGREES_MS


def _learns(head: CursorEstimate, now_s: float) -> bool:
    """Return whether playing has begun by a command, and not long ago."""
    sent_s = head.segment.sent_s
    return sent_s is not None and now_s - sent_s <= LEARN_FOR_S


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
        told_ms=status.position,
        told_s=now_s,
    )


def _learn_bias(head: CursorEstimate, now_s: float) -> CursorEstimate:
    """Learn how far statuses are from the sound: by when it was asked for, and when heard."""
    segment, habits = head.segment, head.habits
    if segment.sent_s is None or not head.advancing() or head.is_ours or not _learns(head, now_s):
        return head
    since_s = now_s - segment.sent_s
    played_ms = head.told_ms - segment.start_ms
    lead_ms = played_ms - since_s * 1000
    if segment.by_seek:
        habits = learn.note_queue(habits, lead_ms, since_s)
    habits = learn.note_ahead(habits, lead_ms)
    return replace(head, habits=habits)


def _learn_lateness(head: CursorEstimate, told_before_ms: int, now_s: float) -> CursorEstimate:
    """Learn how late statuses are: by none of several is the sound further than it was heard."""
    segment = head.segment
    plays = head.status is not None and not head.status.paused and head.seek is None
    if segment.onset_s is None or not plays or not _learns(head, now_s):
        return head
    if head.told_ms in (told_before_ms, segment.start_ms):
        return head  # it stands: that says nothing
    heard_ms = (now_s - segment.onset_s) * 1000
    behind_ms = (*segment.behind_ms, round(heard_ms - (head.told_ms - segment.start_ms)))
    head = replace(head, segment=replace(segment, behind_ms=behind_ms))
    if len(behind_ms) < LATE_SAMPLES:
        return head
    return replace(head, habits=learn.note_late(head.habits, min(behind_ms)))


# --- what the sound says --------------------------------------------------------------------------


def take_onset(head: CursorEstimate, now_s: float, sent_s: float) -> CursorEstimate:
    """Sound has begun after silence; the server has sent it at `sent_s`, at the earliest.

    It says that a resume was carried out, where no status does.
    """
    pause = head.pause if head.pause is not None else head.agreed
    if pause is None or pause.paused or head.resume_held or pause.again:
        return head
    sent_s = max(sent_s, pause.since_s)
    waits = head.pause is not None
    if not waits and now_s - pause.since_s > LEARN_FOR_S:
        return head
    start_ms = head.segment_ms
    if head.status is not None and waits:
        start_ms = _rest_ms(head, head.status)
    seek = head.seek
    if seek is not None and seek.position_ms is not None:
        start_ms = seek.position_ms
    begun = head.segment
    if begun.onset_s is None:
        habits = learn.note_effect(head.habits, sent_s - pause.since_s)
        begun = Segment(start_ms, pause.since_s, onset_s=now_s)
        head = replace(head, habits=habits, segment=begun)
    if not waits:
        return head
    known = head.status
    status = Status(start_ms, 0, False, at_end=False, call_over=False)
    if known is not None:
        status = msgspec.structs.replace(known, position=start_ms, paused=False)
    resumed = replace(head, pause=None, agreed=replace(pause, assumed=True))
    return replace(resumed, status=status, status_s=sent_s, is_ours=True, segment=begun)


def assume_carried_out(head: CursorEstimate, done_s: float) -> CursorEstimate:
    """Nothing has confirmed a scrub or a pause, but by now the server has carried it out."""
    status, seek, pause = head.status, head.seek, head.pause
    if status is not None and seek is not None and not seek.assumed:
        asked_ms = head.duration_ms(done_s) if seek.position_ms is None else seek.position_ms
        status = msgspec.structs.replace(status, position=asked_ms, at_end=seek.to_end)
        head = replace(
            head, seek=replace(seek, assumed=True), is_ours=True, status_s=done_s,
            segment=Segment(asked_ms, by_seek=True, rests=head.wants_paused()),
        )  # fmt: skip
    if status is not None and pause is not None and pause.paused and not status.paused:
        obeyed_s = max(pause.sent_s + (head.habits.obey_s or 0.0), head.status_s)
        place_ms = status.position if head.is_ours else head.line_ms(min(obeyed_s, done_s))
        status = msgspec.structs.replace(status, position=place_ms, paused=True)
        head = replace(head, status_s=done_s)
    if pause is not None and pause.paused:
        head = replace(head, pause=replace(pause, assumed=True))
    return replace(head, status=status)
