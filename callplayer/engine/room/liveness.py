"""Whether what should come from the server does: packets of sound, and statuses. Rules only.

A playing call sends packets without a break (a codec that saves on silence still sends one every
0.4 s). How often statuses come is the server's own affair, so that is learned before one is missed.
Times are readings of the monotonic clock, in s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from callplayer.engine.room.receive_stats import Counters

SILENT_S = 1.0
"""A track that has sent and sends nothing for this long, while its call plays, has broken off."""

BEGINS_S = 3.0
"""How long a server may take until sound comes, after a jump, a resume or a new track."""

BLIND_S = 4.0

LATE_SHARE = 1 / 64
LATE_JITTER_S = 0.02
"""A gap counts in the jitter by a sixteenth, of which a second's quarter of packets leaves half."""

STATUS_LATE_S = 3.0
LEARNED_FROM = 4
"""How many gaps between unasked statuses show how often they come."""

UNBROKEN_S = 0.3
"""Packets that came so shortly before a look had not broken off when it was made."""

MISSED_GAPS = 4
SUSPECT_GAPS = 3


@dataclass
class _TrackLiveness:
    """What is known of a track's packets: how many, when the last one came, when it was looked."""

    added_s: float
    looked_s: float
    packets: int = 0
    came_s: float | None = None
    jitter_s: float = 0.0
    was_late: bool = False


class Liveness:
    """What came in of one room, and when. A look that failed is not passed on: it says nothing."""

    def __init__(self) -> None:
        self._tracks: dict[str, _TrackLiveness] = {}
        self._stretch: Hashable = None
        self._expected_s: float | None = None
        self._status_s: float | None = None
        self._gaps_s: deque[float] = deque(maxlen=LEARNED_FROM)
        self._cadence_s: float | None = None
        self._ended_s: float | None = None

    # --- what happens -----------------------------------------------------------------------------

    def add(self, track_id: str, now_s: float) -> None:
        """A track has come."""
        self._tracks[track_id] = _TrackLiveness(now_s, now_s)

    def remove(self, track_id: str, now_s: float) -> None:
        """A track has ended."""
        self._ended_s = self.sounded_until_s(now_s)
        self._tracks.pop(track_id, None)

    def take(self, track_id: str, counters: Counters, now_s: float) -> None:
        """Take in a track's counters, looked at now."""
        track = self._tracks.get(track_id)
        if track is None or counters.packets < track.packets:
            return
        if counters.packets > track.packets:
            # The SDK's own date is the better one, as long as the wall clock has not been set.
            reported_s = counters.last_packet_s
            came_s = now_s if reported_s is None else min(max(reported_s, track.looked_s), now_s)
            gap_s = came_s - (track.came_s or came_s)
            if gap_s > SILENT_S / 2:
                rise_s = counters.jitter_s - track.jitter_s
                track.was_late = rise_s > max(gap_s * LATE_SHARE, LATE_JITTER_S)
            track.came_s = came_s
        track.packets, track.looked_s = counters.packets, now_s
        track.jitter_s = counters.jitter_s

    def expect(self, stretch: Hashable, now_s: float) -> None:
        """Expect packets, if the call plays: `stretch` is another with each jump and resume, and
        None while nothing can be expected."""
        if stretch != self._stretch:
            self._stretch = stretch
            self._expected_s = None if stretch is None else now_s

    def take_status(self, now_s: float) -> None:
        """A status has come."""
        if self._status_s is not None:
            self._gaps_s.append(now_s - self._status_s)
            if len(self._gaps_s) == LEARNED_FROM:
                self._cadence_s = max(self._gaps_s)
        self._status_s = now_s

    def note_command(self) -> None:
        """A command goes out: the statuses that answer it do not show how often they come."""
        self._gaps_s.clear()

    # --- readings ---------------------------------------------------------------------------------

    def silent(self, track_id: str, now_s: float) -> bool:
        """Return whether a track has broken off, as far as the last look shows.

        Where looks fail for long, and no status comes either, nothing comes.
        """
        track = self._tracks.get(track_id)
        if track is None or self._expected_s is None:
            return False
        seen_s = max(track.looked_s, self._status_s or track.looked_s)
        at_s = now_s if now_s - seen_s > BLIND_S else track.looked_s
        if track.came_s is not None and track.came_s > self._expected_s:
            return at_s - track.came_s > SILENT_S
        return at_s - max(self._expected_s, track.added_s) > BEGINS_S

    def flows_since(self, track_id: str, since_s: float) -> bool:
        """Return whether packets of a track have come since then."""
        track = self._tracks.get(track_id)
        return track is not None and track.came_s is not None and track.came_s > since_s

    @property
    def broke_off_s(self) -> float | None:
        """Return when the last packet came; None if they came until the last look, or never did."""
        came = [(t.came_s, t.looked_s) for t in self._tracks.values() if t.came_s is not None]
        came_s, looked_s = max(came, default=(0.0, 0.0))
        return came_s if looked_s - came_s > UNBROKEN_S else None

    def sounded_until_s(self, now_s: float) -> float | None:
        """Return when the last packet came, of tracks that have ended too; None if none ever did.

        That is now where packets came until the last look.
        """
        came = [
            now_s if track.looked_s - track.came_s <= UNBROKEN_S else track.came_s
            for track in self._tracks.values()
            if track.came_s is not None
        ]
        return max(came, default=self._ended_s)

    @property
    def was_late(self) -> bool:
        """Return whether what came after the last gap came late, and nothing of it is missing.

        Packets that were sent on time and held up make the jitter leap (RFC 3550, 6.4.1); where
        they were lost, the next ones come as late after them as they were sent.
        """
        return bool(self._tracks) and all(track.was_late for track in self._tracks.values())

    def status_gap_s(self, now_s: float) -> float:
        """Return for how long a status is missing; 0.0 as long as none is."""
        if self._cadence_s is None or self._status_s is None or self._expected_s is None:
            return 0.0
        gap_s = now_s - max(self._status_s, self._expected_s)
        return gap_s if gap_s > max(STATUS_LATE_S, MISSED_GAPS * self._cadence_s) else 0.0

    def suspect(self, track_ids: Iterable[str], now_s: float) -> bool:
        """Return whether to look again soon: something is late that has not been missed yet."""
        if self._expected_s is None:
            return False
        late = (
            self._cadence_s is not None
            and self._status_s is not None
            and (now_s - self._status_s > SUSPECT_GAPS * self._cadence_s)
        )
        return late or any(
            track.came_s is None or track.looked_s - track.came_s > SILENT_S / 2
            for track in map(self._tracks.get, track_ids)
            if track is not None
        )
