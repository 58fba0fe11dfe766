"""Where the cursor is: confirmed, requested and audible. Pure functions of (state, input, now).

The server owns the cursor and acknowledges nothing. A request is confirmed by a later status that
agrees with it (reconcile); until then it is shown as asked for. What a status is worth is
learnt of each server (habits). Times are readings of one monotonic clock, in s; positions are ms
from the start of the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from callplayer.engine.cursor.habits import ServerHabits
from callplayer.engine.cursor.requests import (
    MOST_PASSED,
    NEAR_END_MS,
    Line,
    PendingPause,
    PendingSeek,
    Segment,
)
from callplayer.vendor.commands import Command, Pause, Resume
from callplayer.vendor.status import Status


@dataclass(frozen=True)
class CursorEstimate:
    """The last status, when it came, and the requests that are open.

    `status` is what counts: its position may be the clock's where a status said less. `is_ours`:
    it is concluded from sound or time, not reported. `agreed` is the pause state that was last
    asked for and confirmed, `contested` whether the server has changed it by itself since.
    `ended`: the server has paused by itself at the end, where playing was wanted.
    `resume_held`: a resume waits until nothing of before can be heard. `segment` is where playing
    last began: nothing before it can be audible. `left` is the path that the last scrub left,
    confirmed at `left_s`. While `held` nothing is known of the server, and
    nothing moves. `reported_ms` is the position of the last status as it came; `behind_ms` by how
    much the last ones in a row were behind the clock, since `behind_s`. `knows_duration`: what the
    status says of it can be relied on.
    """

    status: Status | None = None
    status_s: float = 0.0
    is_ours: bool = False
    seek: PendingSeek | None = None
    pause: PendingPause | None = None
    agreed: PendingPause | None = None
    contested: bool = False
    ended: bool = False
    resume_held: bool = False
    segment: Segment = field(default_factory=Segment)
    left: Line | None = None
    left_s: float = 0.0
    held: bool = False
    reported_ms: int = 0
    reported_s: float | None = None
    reported_duration_ms: int = 0
    knows_duration: bool = False
    behind_ms: tuple[int, ...] = ()
    behind_s: float = 0.0
    habits: ServerHabits = field(default_factory=ServerHabits)

    # --- reading ----------------------------------------------------------------------------------

    @property
    def open_seek(self) -> PendingSeek | None:
        """Return the scrub that does not count as carried out yet, or None."""
        return None if self.seek is None or self.seek.assumed else self.seek

    @property
    def segment_ms(self) -> int:
        """Return where playing last began."""
        return self.segment.start_ms

    def rest_ms(self, status: Status) -> int:
        """Return where a paused server goes on: where it was sent, or else where it says it is."""
        return self.segment_ms if self.segment.rests else status.position

    def duration_ms(self, now_s: float) -> int:
        """Return the call's duration; a call that goes on grows with the clock.

        Where the server does not know it yet, that is as far as the cursor has come.
        """
        status = self.status
        if status is None:
            return 0
        stands = status.call_over or self.held
        grown = 0 if stands else int((now_s - self.status_s) * 1000)
        reported_ms = status.duration + max(grown, 0)
        return reported_ms if self.knows_duration else max(reported_ms, self.line_ms(now_s))

    def advancing(self) -> bool:
        """Return whether the server's cursor moves on, as far as is known."""
        status = self.status
        if status is None or status.paused or self.held:
            return False
        return not (status.at_end and status.call_over)

    def confirmed_ms(self, now_s: float) -> int:
        """Return the server's cursor: the last status carried forward by the clock."""
        place_ms = self.line_ms(now_s)
        if self.advancing() and not self.is_ours:
            place_ms += self.habits.late_ms
        return self._inside(place_ms, now_s)

    def place_ms(self, at_s: float) -> int:
        """Return where the server's cursor was at a moment since playing last began."""
        if self.status is None or not self.advancing():
            return self.confirmed_ms(at_s)
        place_ms = self.status.position + int((at_s - self.status_s) * 1000)
        if not self.is_ours:
            place_ms += self.habits.late_ms
        return self._inside(max(place_ms - self.ahead_ms(), self.segment_ms), at_s)

    def audible_ms(self, now_s: float, path_delay_ms: float) -> int:
        """Return what is heard now: the cursor less what is still on its way to the ear."""
        confirmed = self.confirmed_ms(now_s)
        if not self.advancing():
            return confirmed
        behind_ms = round(path_delay_ms) + self.ahead_ms()
        return min(confirmed, max(self.segment_ms, confirmed - behind_ms))

    def audible_in_ms(self, now_s: float, path_delay_ms: float) -> int:
        """Return for how long `audible_ms` still stands: a new place's sound is on its way."""
        if not self.advancing():
            return 0
        delay_ms = round(path_delay_ms) + self.ahead_ms()
        on_its_way_ms = self.segment_ms - (self.confirmed_ms(now_s) - delay_ms)
        return min(max(on_its_way_ms, 0), delay_ms)

    def requested_ms(self, now_s: float) -> int | None:
        """Return the position asked for and not confirmed, or None."""
        if self.open_seek is None:
            return None
        if self.open_seek.position_ms is None:
            return self.duration_ms(now_s)
        return self.open_seek.position_ms

    def wants_paused(self) -> bool:
        """Return the pause state last asked for, or else the server's."""
        if self.resume_held:
            return False
        if self.pause is not None:
            return self.pause.paused
        if self.status is None:
            return self.agreed is None or self.agreed.paused
        return self.status.paused

    def unconfirmed_s(self, now_s: float) -> float:
        """Return for how long the oldest request has been open; 0.0 if none is."""
        open_since = [each.since_s for each in (self.seek, self.pause) if each and not each.assumed]
        return max(0.0, now_s - min(open_since)) if open_since else 0.0

    def is_near_end(self, now_s: float) -> bool:
        """Return whether the cursor is where a user would say that it is the end."""
        if self.status is None:
            return False
        near_ms = NEAR_END_MS + self.habits.rounding_ms
        left_ms = self.duration_ms(now_s) - self.confirmed_ms(now_s)
        return self.status.at_end or (self.knows_duration and left_ms <= near_ms)

    # --- within -----------------------------------------------------------------------------------

    def line_ms(self, now_s: float) -> int:
        """Return the cursor as it was reported, carried forward by the clock."""
        if self.status is None:
            return 0
        moved = int((now_s - self.status_s) * 1000) if self.advancing() else 0
        return self.status.position + max(moved, 0)

    def _inside(self, place_ms: int, now_s: float) -> int:
        if self.status is None or not self.knows_duration:
            return place_ms
        return min(place_ms, self.duration_ms(now_s))

    def ahead_ms(self) -> int:
        return 0 if self.is_ours else self.habits.ahead_ms


# --- what is asked --------------------------------------------------------------------------------


def ask_position(head: CursorEstimate, position_ms: int | None, now_s: float) -> CursorEstimate:
    """The user asked for a position, or (None) for the live position or the end."""
    before = head.open_seek
    passed: tuple[tuple[int, float], ...] = ()
    if before is not None:
        origin, left, passed = before.origin, before.left, before.passed
        if before.position_ms is not None:
            passed = (*passed, (before.position_ms, before.since_s))[-MOST_PASSED:]
    else:
        origin = Line(head.line_ms(now_s), now_s, head.advancing(), head.is_ours)
        left = head.segment
    seek = PendingSeek(now_s, position_ms, origin, left, passed)
    pause = head.pause
    if pause is not None and pause.again:
        # The server may change it once more with this scrub: it is a wish like any other.
        pause = replace(pause, since_s=now_s, sent_s=now_s, again=False, repeats=True)
    return replace(head, seek=seek, pause=pause, contested=False)


def ask_paused(head: CursorEstimate, paused: bool, now_s: float) -> CursorEstimate:
    """The user asked to pause or to resume: that goes out now."""
    repeats = head.pause is not None and head.pause.paused == paused
    pause = PendingPause(paused, now_s, now_s, repeats=repeats)
    return replace(head, pause=pause, contested=False, ended=False, resume_held=False)


def keep_paused(head: CursorEstimate, paused: bool, now_s: float) -> CursorEstimate:
    """The pause state is wanted as it is: nothing goes out for it."""
    return replace(head, agreed=PendingPause(paused, now_s, now_s), contested=False)


def due_commands(head: CursorEstimate, now_s: float) -> tuple[CursorEstimate, list[Command]]:
    """Return what is to be sent now because no status has agreed so far."""
    seek, pause = head.seek, head.pause
    if seek is not None and seek.assumed and now_s - seek.since_s >= head.habits.patience_s:
        head = replace(head, seek=None)  # what comes from now on is newer, whatever it says
    if pause is None or head.resume_held:
        return head, []
    if pause.sends and not pause.is_due(now_s):
        return head, []
    sent = replace(pause, sent_s=now_s, sends=pause.sends + 1)
    return replace(head, pause=sent), [Pause() if pause.paused else Resume()]


# --- out of reach ---------------------------------------------------------------------------------


def freeze(head: CursorEstimate, heard_ms: int, now_s: float) -> CursorEstimate:
    """The server is out of reach: stand still at what was heard last, until a status comes."""
    if head.status is None:
        return head
    duration_ms = head.duration_ms(now_s)
    status = msgspec.structs.replace(head.status, position=heard_ms, duration=duration_ms)
    return replace(head, status=status, status_s=now_s, held=True)


def unfreeze(head: CursorEstimate, now_s: float) -> CursorEstimate:
    """The server is back, and nothing else is known of it: go on from where `hold` stood still."""
    return replace(
        head, status_s=now_s, seek=None, pause=None, agreed=None, held=False, resume_held=False
    )
