"""What the receive path does: delay and concealment from the SDK's counters. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median

PACKET_MS = 20.0
"""Opus as WebRTC packs it, until the counters show other packets."""

MOST_PACKET_MS = 120.0
FRAME_MS = 10.0
LOOKAHEAD_MS = 6.5
"""How late Opus sends what it is given (libopus, OPUS_GET_LOOKAHEAD: 312 samples at 48 kHz):
the first packet of a new place still ends the old one."""

FIRST_JITTER_BUFFER_MS = 40.0
START_JITTER_BUFFER_MS = 80.0
"""What WebRTC's jitter buffer aims at when it starts (neteq/delay_manager.cc, kStartDelayMs)."""

YOUNG_PACKETS = 60
RECENT_LOOKS = 2
STEADY_MS = 3.0
RATE_HZ = 48_000
OVERTAKE_MS = 2.0
"""How much earlier a status may come than sound that was sent before it."""

PHASE_SLACK_MS = 1.5
ROUNDING = 0.1
MOST_JITTER_MS = 40.0
EVEN_JITTER_MS = 2.0
KNOWN_FOR_S = 3.0
"""Up to here packets come evenly enough to know from one when the others came, for so long."""

DROPPED_LOOKS = 5
ON_THEIR_WAY = 480
FLOWING_PACKETS = 3
ENOUGH_PACKETS = 10


@dataclass(frozen=True)
class Counters:
    """Cumulative counters of one track; `emitted` and `concealed` in samples at 48 kHz.

    `round_trip_s` is the latest to the server and back, None if none has been measured;
    `last_packet_s` is when the latest packet came, by the monotonic clock, None if that is not
    known; `jitter_s` is how unevenly they come (RFC 3550, 6.4.1), `lost` how many never came.
    `emitted` counts the samples of the packets that have left the jitter buffer, and
    `jitter_buffer_delay_s` how long each of them had waited in it (W3C webrtc-stats).
    `silent` is how much of what is concealed is silence, as where a track sends nothing for long.
    `played` are all samples that have left it, made up or not; `taken` those that have come from
    there to the engine.
    """

    packets: int = 0
    emitted: int = 0
    concealed: int = 0
    jitter_buffer_delay_s: float = 0.0
    round_trip_s: float | None = None
    last_packet_s: float | None = None
    jitter_s: float = 0.0
    lost: int = 0
    played: int = 0
    taken: int = 0
    silent: int = 0


@dataclass
class DroppedSamples:
    """Counts what the SDK has dropped of a track between its jitter buffer and the engine.

    A frame or two is always on its way, so that what is lacking goes up and down: it counts once
    several looks in a row all find more than a frame more lacking than any of those before them.
    """

    dropped: int = 0
    _usual: deque[int] = field(default_factory=lambda: deque(maxlen=DROPPED_LOOKS))
    _recent: deque[int] = field(default_factory=lambda: deque(maxlen=DROPPED_LOOKS))

    def take(self, played: int, taken: int) -> None:
        """Take in a look."""
        recent, usual = self._recent, self._usual
        if len(recent) == DROPPED_LOOKS:
            usual.append(recent[0])
        recent.append(played - taken)
        if len(usual) < DROPPED_LOOKS:
            return
        if min(recent) - max(usual) > ON_THEIR_WAY:
            found = round(median(recent))
            self.dropped += found - round(median(usual))
            usual.extend([found] * DROPPED_LOOKS)


@dataclass(frozen=True)
class _Lacking:
    """How many samples were concealed, how many of those by silence, and how many dropped."""

    concealed: int = 0
    silent: int = 0
    dropped: int = 0

    def __add__(self, other: _Lacking) -> _Lacking:
        return _Lacking(
            self.concealed + other.concealed,
            self.silent + other.silent,
            self.dropped + other.dropped,
        )


@dataclass
class _TrackStats:
    """What is known of one track's packets."""

    last: Counters = field(default_factory=Counters)
    waited_ms: float | None = None
    packet_ms: float = PACKET_MS
    dropped: DroppedSamples = field(default_factory=DroppedSamples)
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_LOOKS))

    @property
    def lacking(self) -> _Lacking:
        return _Lacking(self.last.concealed, self.last.silent, self.dropped.dropped)


@dataclass
class ReceivePath:
    """Follows the counters of all tracks; the slowest track counts. Times in ms.

    `network_ms` is one way, taken as half of a round trip; None until one was measured.
    """

    network_ms: float | None = None
    jitter_buffer_ms: float = FIRST_JITTER_BUFFER_MS
    _tracks: dict[str, _TrackStats] = field(default_factory=dict)
    _ended: _Lacking = _Lacking()

    def take(self, track_id: str, counters: Counters) -> None:
        """Take in a track's counters as they are now."""
        track = self._tracks.setdefault(track_id, _TrackStats())
        if counters.packets < track.last.packets:
            return  # the SDK has no more statistics of the track
        packets = counters.packets - track.last.packets
        emitted = counters.emitted - track.last.emitted
        waited_s = counters.jitter_buffer_delay_s - track.last.jitter_buffer_delay_s
        if emitted > 0 and waited_s >= 0.0:
            track.waited_ms = waited_s / emitted * 1000
            track.recent_ms.append(track.waited_ms)
            self._follow_the_slowest()
        if packets >= ENOUGH_PACKETS and emitted > 0:
            frames = round(emitted / packets * 1000 / RATE_HZ / FRAME_MS)
            track.packet_ms = min(max(frames * FRAME_MS, FRAME_MS), MOST_PACKET_MS)
        if counters.round_trip_s is not None:
            self.network_ms = counters.round_trip_s * 1000 / 2
        if counters.taken:
            track.dropped.take(counters.played, counters.taken)
        track.last = counters

    def remove(self, track_id: str) -> None:
        """A track has ended: what it was like says nothing of the others."""
        track = self._tracks.pop(track_id, None)
        if track is not None:
            self._ended += track.lacking
            self._follow_the_slowest()

    def renew(self, track_id: str) -> None:
        """A track has a new jitter buffer, of which nothing is known yet."""
        self.remove(track_id)
        if not self._tracks:
            self.jitter_buffer_ms = FIRST_JITTER_BUFFER_MS

    def forget(self) -> None:
        """The tracks are gone; what was measured of them stays as the best guess."""
        self._ended = self._lacking
        self._tracks.clear()

    def _follow_the_slowest(self) -> None:
        waited_ms = [t.waited_ms for t in self._tracks.values() if t.waited_ms is not None]
        self.jitter_buffer_ms = max(waited_ms, default=self.jitter_buffer_ms)

    def flows(self, track_id: str) -> bool:
        """Return whether packets of that track have come and been played out."""
        track = self._tracks.get(track_id, _TrackStats())
        return track.last.packets >= FLOWING_PACKETS and track.last.emitted > 0

    @property
    def _lacking(self) -> _Lacking:
        return sum((track.lacking for track in self._tracks.values()), start=self._ended)

    @property
    def concealed_ms(self) -> float:
        """Return how much sound the jitter buffer had to invent."""
        return self._lacking.concealed * 1000 / RATE_HZ

    @property
    def invented_ms(self) -> float:
        """Return how much of that is to be heard: what else is concealed is silence."""
        lacking = self._lacking
        return (lacking.concealed - lacking.silent) * 1000 / RATE_HZ

    @property
    def dropped_ms(self) -> float:
        """Return how much sound the SDK has dropped that had left the jitter buffers."""
        return self._lacking.dropped * 1000 / RATE_HZ

    @property
    def jitter_ms(self) -> float:
        """Return how unevenly packets come, of the track where they do most."""
        return max((track.last.jitter_s * 1000 for track in self._tracks.values()), default=0.0)

    @property
    def lost_packets(self) -> int:
        """Return how many packets of the tracks there are never came."""
        return sum(track.last.lost for track in self._tracks.values())

    @property
    def steady(self) -> bool:
        """Return whether the jitter buffers have been the same for the last looks."""
        return bool(self._tracks) and all(
            len(track.recent_ms) == RECENT_LOOKS
            and max(track.recent_ms) - min(track.recent_ms) <= STEADY_MS
            for track in self._tracks.values()
        )

    @property
    def delay_ms(self) -> float:
        """Return how long a sample takes from the server's cursor to the engine.

        It waits for its packet to be full, in the jitter buffer, and to be handed over; over the
        samples of a packet the first and the last of these come to one packet's length together,
        half of which the jitter buffer's figure, a mean over whole packets, holds already. That
        figure is rounded up to whole frames, packet by packet: by half a frame on average.
        """
        return self.jitter_buffer_ms + PACKET_MS / 2 - FRAME_MS / 2

    def turnover_ms(self, confirmed_s: float) -> float:
        """Return how long after a confirmation nothing that was sent before can come out any more.

        `confirmed_s` is by the monotonic clock.
        """
        tracks = self._tracks.values()
        return max((_turnover_ms(track, confirmed_s) for track in tracks), default=0.0)


def _turnover_ms(track: _TrackStats, confirmed_s: float) -> float:
    """Return the turnover of one track.

    A jitter buffer that has just started stretches the sound to reach its first aim, which its
    figures do not show; and a buffer that shrinks shows late. Packets are taken out of it in
    frames, and the time that one waited is rounded up to whole frames. Opus ends the old place
    in the first packet of the new one: the frame where that happens is left out whole.
    """
    held_ms = max(track.recent_ms, default=FIRST_JITTER_BUFFER_MS)
    if track.last.packets < YOUNG_PACKETS:
        held_ms = max(held_ms, START_JITTER_BUFFER_MS)
    held_ms = math.ceil(held_ms / FRAME_MS - ROUNDING) * FRAME_MS
    seam_ms = math.ceil(LOOKAHEAD_MS / FRAME_MS) * FRAME_MS
    return _last_old_ms(track, confirmed_s) + held_ms + track.packet_ms + seam_ms + PHASE_SLACK_MS


def _last_old_ms(track: _TrackStats, confirmed_s: float) -> float:
    """Return when the last packet of the old place came or will come, after the confirmation.

    Where packets come evenly that is known from any one of them; else it is the latest there can
    be.
    """
    jitter_ms, arrived_s = track.last.jitter_s * 1000, track.last.last_packet_s
    if jitter_ms > EVEN_JITTER_MS:
        return OVERTAKE_MS + min(2 * jitter_ms, MOST_JITTER_MS)
    if arrived_s is None or abs(confirmed_s - arrived_s) > KNOWN_FOR_S:
        return OVERTAKE_MS
    return OVERTAKE_MS - ((confirmed_s - arrived_s) * 1000 + OVERTAKE_MS) % track.packet_ms
