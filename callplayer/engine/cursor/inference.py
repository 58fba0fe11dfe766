"""What sound and time say of the cursor where no status does. Pure.

Times are readings of one monotonic clock, in s; positions are ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from callplayer.engine.cursor import habits as learn
from callplayer.engine.cursor.estimate import CursorEstimate
from callplayer.engine.cursor.learning import LEARN_FOR_S
from callplayer.engine.cursor.requests import Segment
from callplayer.vendor.status import Status


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
        start_ms = head.rest_ms(head.status)
    seek = head.seek
    if seek is not None and seek.position_ms is not None:
        start_ms = seek.position_ms
    begun = head.segment
    if begun.onset_s is None:
        habits = learn.note_effect(head.habits, sent_s - pause.since_s)
        begun = Segment(start_ms, pause.since_s, onset_s=sent_s)
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
