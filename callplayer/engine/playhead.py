"""Where the cursor is: confirmed, requested and audible. Pure functions of (state, input, now).

The server owns the cursor and acknowledges nothing. A wish is confirmed by a later status that
agrees with it; until then it is shown as a wish. Times are readings of one monotonic clock, in s;
positions are ms from the start of the call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from callplayer.wire import Status

AGREES_MS = 120
"""How far behind a wished position a status may be and still agree: clocks, rounding, one block."""

LATE_S = 0.5
"""A status that is behind the clock was held up on its way, or the server has gone back: it has if
all that comes for so long says the same."""

GIVE_UP_S = 5.0
"""A wish that no status has agreed with for so long is dropped for the server's word."""


@dataclass(frozen=True)
class Wish:
    """What was asked for and is not confirmed: a position (None: the end) or a pause state."""

    since_s: float
    position_ms: int | None = None
    to_end: bool = False
    paused: bool | None = None


@dataclass(frozen=True)
class Playhead:
    """The last status, when it came, and the wishes that are open.

    `segment_ms` is where playing last began (a jump or a resume): nothing before it can be audible.
    While `held` nothing is known of the server, and nothing moves. `told_ms` is the position of the
    last status as it came; `behind_ms` by how much it was behind the clock, since `behind_s`.
    """

    status: Status | None = None
    status_s: float = 0.0
    seek: Wish | None = None
    pause: Wish | None = None
    segment_ms: int = 0
    held: bool = False
    told_ms: int = 0
    behind_ms: int = 0
    behind_s: float = 0.0

    # --- reading ----------------------------------------------------------------------------------

    def duration_ms(self, now_s: float) -> int:
        """Return the call's duration; a call that goes on grows with the clock."""
        status = self.status
        if status is None:
            return 0
        stands = status.call_over or self.held
        grown = 0 if stands else int((now_s - self.status_s) * 1000)
        return status.duration + max(grown, 0)

    def advancing(self) -> bool:
        """Tell whether the server's cursor moves on, as far as is known."""
        status = self.status
        if status is None or status.paused or self.held:
            return False
        return not (status.at_end and status.call_over)

    def confirmed_ms(self, now_s: float) -> int:
        """Return the server's cursor: the last status carried forward by the clock."""
        status = self.status
        if status is None:
            return 0
        moved = int((now_s - self.status_s) * 1000) if self.advancing() else 0
        return min(status.position + max(moved, 0), self.duration_ms(now_s))

    def place_ms(self, at_s: float) -> int:
        """Return where the server's cursor was at a moment since playing last began."""
        if self.status is None or not self.advancing():
            return self.confirmed_ms(at_s)
        place_ms = self.status.position + int((at_s - self.status_s) * 1000)
        return min(max(place_ms, self.segment_ms), self.duration_ms(at_s))

    def audible_ms(self, now_s: float, path_delay_ms: float) -> int:
        """Return what is heard now: the cursor less what is still on its way to the ear."""
        confirmed = self.confirmed_ms(now_s)
        if not self.advancing():
            return confirmed
        return min(confirmed, max(self.segment_ms, confirmed - round(path_delay_ms)))

    def audible_in_ms(self, now_s: float, path_delay_ms: float) -> int:
        """Return for how long `audible_ms` still stands: a new place's sound is on its way."""
        if not self.advancing():
            return 0
        delay_ms = round(path_delay_ms)
        on_its_way_ms = self.segment_ms - (self.confirmed_ms(now_s) - delay_ms)
        return min(max(on_its_way_ms, 0), delay_ms)

    def requested_ms(self, now_s: float) -> int | None:
        """Return the position asked for and not confirmed, or None."""
        if self.seek is None:
            return None
        if self.seek.to_end:
            return self.duration_ms(now_s)
        return self.seek.position_ms

    def wants_paused(self) -> bool:
        """Return the pause state last asked for, or else the server's."""
        if self.pause is not None and self.pause.paused is not None:
            return self.pause.paused
        return self.status.paused if self.status else True

    def unconfirmed_s(self, now_s: float) -> float:
        """Return for how long the oldest wish has been open; 0.0 if none is."""
        open_since = [wish.since_s for wish in (self.seek, self.pause) if wish]
        return max(0.0, now_s - min(open_since)) if open_since else 0.0


def ask_position(head: Playhead, position_ms: int, now_s: float) -> Playhead:
    """The user asked for a position."""
    return replace(head, seek=Wish(now_s, position_ms=position_ms))


def ask_end(head: Playhead, now_s: float) -> Playhead:
    """The user asked for the live position, or the end."""
    return replace(head, seek=Wish(now_s, to_end=True))


def ask_paused(head: Playhead, paused: bool, now_s: float) -> Playhead:
    """The user asked to pause or to resume."""
    return replace(head, pause=Wish(now_s, paused=paused))


def take_status(head: Playhead, status: Status, now_s: float) -> Playhead:
    """The server told where it is; wishes that it agrees with are confirmed."""
    told_ms = status.position
    behind_ms = _behind_ms(head, status, now_s)
    behind_s = head.behind_s if abs(behind_ms - head.behind_ms) <= AGREES_MS else now_s
    if behind_ms and now_s - behind_s < LATE_S:
        place_ms = min(head.confirmed_ms(now_s), status.duration)
        status = msgspec.structs.replace(status, position=place_ms)
    seek, pause, segment_ms = head.seek, head.pause, head.segment_ms
    jumped = _jumped(head, status, now_s)
    if seek is not None and _agrees(seek, status, now_s):
        wished = status.position if seek.position_ms is None else seek.position_ms
        segment_ms = min(wished, status.position)
        seek = None
    elif jumped:
        segment_ms = status.position
    elif head.status is not None and head.status.paused:
        # Playing begins, or will, where the pause was: the first status of it may come late.
        segment_ms = head.status.position
    if pause is not None and pause.paused == status.paused:
        pause = None
    return replace(
        head,
        status=status,
        status_s=now_s,
        seek=seek,
        pause=pause,
        segment_ms=segment_ms,
        held=False,
        told_ms=told_ms,
        behind_ms=behind_ms,
        behind_s=behind_s,
    )


def hold(head: Playhead, heard_ms: int, now_s: float) -> Playhead:
    """The server is out of reach: stand still at what was heard last, until a status comes."""
    if head.status is None:
        return head
    duration_ms = head.duration_ms(now_s)
    status = msgspec.structs.replace(head.status, position=heard_ms, duration=duration_ms)
    return replace(head, status=status, status_s=now_s, held=True)


def let_go(head: Playhead, now_s: float) -> Playhead:
    """The server is back, and nothing else is known of it: go on from where `hold` stood still."""
    return replace(head, status_s=now_s, seek=None, pause=None, held=False)


def keep_wishes(head: Playhead, before: Playhead) -> Playhead:
    """Have the wishes again that were open `before`: nobody has been told of them yet."""
    return replace(head, seek=before.seek, pause=before.pause)


def give_up(head: Playhead, now_s: float) -> Playhead:
    """Drop wishes that have waited longer than GIVE_UP_S, once the server has spoken at all."""
    if head.status is None:
        return head
    return replace(
        head,
        seek=None if head.seek and now_s - head.seek.since_s > GIVE_UP_S else head.seek,
        pause=None if head.pause and now_s - head.pause.since_s > GIVE_UP_S else head.pause,
    )


def _agrees(seek: Wish, status: Status, now_s: float) -> bool:
    if seek.to_end:
        return status.at_end or status.position >= status.duration - AGREES_MS
    wished = min(seek.position_ms or 0, status.duration)
    moved_ms = 0.0 if status.paused else (now_s - seek.since_s) * 1000
    return wished - AGREES_MS <= status.position <= wished + moved_ms + AGREES_MS


def _behind_ms(head: Playhead, status: Status, now_s: float) -> int:
    """Return by how much a status is behind where the cursor must be by the clock; 0 if it is not.

    One cursor that plays and was not sent anywhere is meant. Statuses go by a channel that repeats
    what is lost and keeps the order: on a bad link they come late, and then many at once.
    """
    if head.status is None or head.seek is not None or head.pause is not None:
        return 0
    if not head.advancing() or status.paused or status.at_end or status.position == head.told_ms:
        return 0
    behind_ms = head.confirmed_ms(now_s) - status.position
    return behind_ms if behind_ms > 2 * AGREES_MS else 0


def _jumped(head: Playhead, status: Status, now_s: float) -> bool:
    if head.status is None:
        return True
    moved_ms = status.position - head.status.position
    elapsed_ms = (now_s - head.status_s) * 1000
    if head.status.paused:
        return not -AGREES_MS <= moved_ms <= (0 if status.paused else elapsed_ms) + AGREES_MS
    return abs(status.position - head.confirmed_ms(now_s)) > 2 * AGREES_MS
