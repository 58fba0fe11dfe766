"""The state of one call: its cursor, what stands in its way, and what can be read of it.

No room, no device, no clock of its own: every method is given the time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from callplayer.engine.cursor import estimate as heads
from callplayer.engine.cursor import gate as gates
from callplayer.engine.cursor.party_mix import PartyMix
from callplayer.ipc import messages as m
from callplayer.vendor.parties import PARTIES, Party
from callplayer.vendor.status import Status

OBEYS_S = 1.0
"""How long after a scrub packets and tracks of the old place may be there."""

EXCUSED_S = 5.0
"""How long after a scrub or a resume a server may have no track."""

LOOKS_FOR_S = 10.0
"""How long a server may look for the place of a scrub without sending anything."""


@dataclass(frozen=True)
class Delays:
    """How long sound takes, in ms: from the server's cursor to the ear, in the device alone, and
    until nothing that was sent before can come out of the receive path."""

    path_ms: float = 0.0
    device_ms: float = 0.0
    turnover_ms: float = 0.0


@dataclass(frozen=True)
class ResumePoint:
    """Where to come back to (None: the live end) after a link was lost, and whether to wait.

    With `stays` the server's cursor is where it should be, and is left alone; with `moved` it has
    certainly gone on, whatever its statuses say. With `rests` it has, and there are no statuses:
    nothing would show when it is back, so it rests there until what it sent before has come.
    """

    position_ms: int | None
    paused: bool
    stays: bool = False
    moved: bool = False
    rests: bool = False


class CallState:
    """Cursor and wishes; volumes and mutes stand in `mix`.

    `opened` is set once everything was ready for sound. While `away` the server's sound is out of
    reach: the call stands still at what was heard last, and what is asked is kept as a wish;
    `rejoining` says that it is in a new room already, or tries to be. While `held` the call is
    paused only for want of a sound device, and is to go on by itself; `sound_detail` says what the
    sound lacks, `flow_detail` what does not come from the server while the rest of it does.

    While `from_memory` what is heard is not what the server sends, and only that is steered here;
    `memory_pauses`: that is to pause, since its device is lost.

    `unreachable`: the room's connection broke, and is not back. `trackless`: there is no track now.
    A server that publishes only after a resume has sent sound before any of it can be heard:
    `return_ms` is where to go back to once it flows. `primed`: a resume went out only to have
    tracks.
    """

    def __init__(self) -> None:
        self.head = heads.CursorEstimate()
        self.mix = PartyMix()
        self.opened = False
        self.away = False
        self.rejoining = False
        self.failed = False
        self._was_live = False
        self._news: Status | None = None
        self._news_s = 0.0
        self._moved_s = 0.0
        self._sought_s = float("-inf")
        self.trackless = False
        self.unreachable = False
        self.primed = False
        self.return_ms: int | None = None
        self.held = False
        self.from_memory = self.memory_pauses = False
        self.lost_at_s: float | None = None
        self.retry_at_s: float | None = None
        self.detail = ""
        self.flow_detail = ""
        self.sound_detail = ""
        self._gate = gates.Gate()
        self._held_since_s = 0.0

    def expected_stretch(self) -> Hashable:
        """Return what is another with each jump and resume, while the server must be sending sound.

        None if it need not, as far as is known.
        """
        if not self.head.advancing() or self.head.wants_paused():
            return None
        return self.head.segment_ms, self._moved_s

    def moved_since(self, since_s: float) -> bool:
        """Return whether a jump or a resume has been asked for since then."""
        return self._moved_s > since_s

    def may_lack_tracks(self, now_s: float, sounded_s: float | None) -> bool:
        """Return whether it is no loss that there is no track: the call is paused, or was moved.

        `sounded_s` is when sound came last. A move excuses no loss of what sounded long after it.
        """
        status = self.head.status
        if self.head.wants_paused() or (status is not None and status.paused):
            return True
        if sounded_s is not None and sounded_s - self._moved_s > OBEYS_S:
            return False
        return now_s - self._moved_s < EXCUSED_S

    def looks_for_place_since(self, now_s: float) -> float | None:
        """Return when a scrub was asked for, if the server may still look for its place."""
        return self._sought_s if now_s - self._sought_s < LOOKS_FOR_S else None

    def is_silent(self) -> bool:
        """Return whether nothing is to be heard: neither from the server nor from memory."""
        return self.head.wants_paused() and not self.from_memory

    def is_idle(self) -> bool:
        """Return whether the server need not send anything: paused, or at the end of the call."""
        status = self.head.status
        return status is None or status.paused or (status.at_end and status.call_over)

    def may_be_heard(self, now_s: float) -> bool:
        """Return whether what comes in now is to be let out."""
        waits = self.rejoining or self.return_ms is not None
        may = not (waits or self.head.wants_paused())
        return may and gates.may_open(self._gate, now_s)

    def shown_ms(self, now_s: float, delays: Delays) -> int:
        """Return the position that is heard, or that playing will go on from."""
        rest_ms = self._rest_ms(now_s)
        return self.head.audible_ms(now_s, delays.path_ms) if rest_ms is None else rest_ms

    def _rest_ms(self, now_s: float) -> int | None:
        """Return where the call stands that was paused while its link was down; None for another.

        Its server knows nothing of that, and goes on unheard.
        """
        head = self.head
        if not (self.unreachable and head.pause and head.pause.paused and head.advancing()):
            return None
        wish_ms = head.requested_ms(now_s)
        return head.confirmed_ms(head.pause.since_s) if wish_ms is None else wish_ms

    def phase(self, now_s: float) -> m.Phase:
        """Return the one word for what goes on."""
        head, status = self.head, self.head.status
        if self.failed:
            return "failed"
        if self.away:
            return "reconnecting"
        is_known = status is not None or (head.wants_paused() and bool(head.pause or head.agreed))
        if not self.opened or not is_known:
            return "connecting"
        seeks = head.open_seek is not None
        if status is not None and status.at_end and status.call_over and not seeks:
            return "at-end"
        if head.wants_paused():
            return "paused"
        is_live = status is not None and not status.call_over and head.is_near_end(now_s)
        return "live" if is_live and not seeks else "playing"

    def state(
        self,
        now_s: float,
        delays: Delays,
        lanes: Sequence[m.LaneState],
        levels_db: Mapping[str, float],
        device: str | None,
    ) -> m.StateEvent:
        """Return the whole state; `levels_db` has the RMS level of each lane that sounds."""
        head, status, rest_ms = self.head, self.head.status, self._rest_ms(now_s)
        return m.StateEvent(
            phase=self.phase(now_s),
            position_ms=head.confirmed_ms(now_s) if rest_ms is None else rest_ms,
            audible_ms=self.shown_ms(now_s, delays),
            audible_in_ms=head.audible_in_ms(now_s, delays.path_ms),
            duration_ms=head.duration_ms(now_s),
            paused=head.wants_paused(),
            at_end=bool(status and status.at_end),
            call_over=bool(status and status.call_over),
            requested_ms=head.requested_ms(now_s),
            unconfirmed_s=round(head.unconfirmed_s(now_s), 3),
            advancing=not self.away and head.advancing() and not head.wants_paused(),
            as_of_s=now_s,
            parties=tuple(
                self.mix.state(party, _loudest_db(party, lanes, levels_db)) for party in PARTIES
            ),
            lanes=tuple(lanes),
            device=device,
            held=self.held,
            lost_at_s=self.lost_at_s if self.away else None,
            retry_at_s=self.retry_at_s,
            detail=self.detail or self.flow_detail or self.sound_detail,
        )


def _loudest_db(
    party: Party, lanes: Iterable[m.LaneState], levels_db: Mapping[str, float]
) -> float:
    levels = (levels_db.get(each.lane) for each in lanes if party in each.carries)
    return max((db for db in levels if db is not None), default=m.LEVEL_FLOOR_DB)
