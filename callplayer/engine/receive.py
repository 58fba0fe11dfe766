"""What the receive path does: delay and concealment from the SDK's counters. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

PACKET_MS = 20.0
"""Opus frames as WebRTC sends them: a sample waits for its packet to be full."""

FRAME_MS = 10.0
FIRST_JITTER_BUFFER_MS = 40.0
START_JITTER_BUFFER_MS = 80.0
"""What WebRTC's jitter buffer aims at when it starts (neteq/delay_manager.cc, kStartDelayMs)."""

YOUNG_PACKETS = 60
RECENT_LOOKS = 4
STEADY_MS = 3.0
RATE_HZ = 48_000
TURNOVER_SLACK_MS = 8.0
"""Figures are in steps of 10 ms. Too early lets the old place through; too late costs a sliver."""

FLOWING_PACKETS = 3


@dataclass(frozen=True)
class Counters:
    """Cumulative counters of one track; `emitted` and `concealed` in samples at 48 kHz.

    `round_trip_s` is the latest to the server and back, None if none has been measured.
    `emitted` counts the samples of the packets that have left the jitter buffer, and
    `jitter_buffer_delay_s` how long each of them had waited in it (W3C webrtc-stats).
    """

    packets: int = 0
    emitted: int = 0
    concealed: int = 0
    jitter_buffer_delay_s: float = 0.0
    round_trip_s: float | None = None


@dataclass
class ReceivePath:
    """Follows the counters of all tracks; the slowest track counts. Times in ms.

    `network_ms` is one way, taken as half of a round trip; None until one was measured.
    """

    network_ms: float | None = None
    jitter_buffer_ms: float = FIRST_JITTER_BUFFER_MS
    _last: dict[str, Counters] = field(default_factory=dict)
    _waited_ms: dict[str, float] = field(default_factory=dict)
    _recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_LOOKS))
    _concealed_before: int = 0

    def take(self, track_id: str, counters: Counters) -> None:
        """Take in a track's counters as they are now."""
        last = self._last.get(track_id, Counters())
        emitted = counters.emitted - last.emitted
        waited_s = counters.jitter_buffer_delay_s - last.jitter_buffer_delay_s
        if emitted > 0 and waited_s >= 0.0:
            self._waited_ms[track_id] = waited_s / emitted * 1000
            self.jitter_buffer_ms = max(self._waited_ms.values())
            self._recent_ms.append(self.jitter_buffer_ms)
        if counters.round_trip_s is not None:
            self.network_ms = counters.round_trip_s * 1000 / 2
        self._last[track_id] = counters

    def forget(self) -> None:
        """The tracks are gone; what was measured of them stays as the best guess."""
        self._concealed_before += sum(last.concealed for last in self._last.values())
        self._last.clear()
        self._waited_ms.clear()

    def flows(self, track_id: str) -> bool:
        """Tell whether packets of that track have come and been played out."""
        last = self._last.get(track_id, Counters())
        return last.packets >= FLOWING_PACKETS and last.emitted > 0

    @property
    def concealed_ms(self) -> float:
        """Return how much sound the jitter buffer had to invent."""
        concealed = self._concealed_before + sum(last.concealed for last in self._last.values())
        return concealed * 1000 / RATE_HZ

    @property
    def steady(self) -> bool:
        """Tell whether the jitter buffer has been the same for the last looks."""
        recent_ms = self._recent_ms
        return len(recent_ms) == RECENT_LOOKS and max(recent_ms) - min(recent_ms) <= STEADY_MS

    @property
    def delay_ms(self) -> float:
        """Return how long a sample takes from the server's cursor to the engine.

        It waits for its packet to be full, in the jitter buffer, and to be handed over; over the
        samples of a packet the first and the last of these come to one packet's length together,
        half of which the jitter buffer's figure, a mean over whole packets, holds already.
        """
        return self.jitter_buffer_ms + PACKET_MS / 2

    @property
    def turnover_ms(self) -> float:
        """Return after what time none of what was sent before can come out any more.

        A jitter buffer that has just started stretches the sound to reach its first aim, which its
        figures do not show; and a buffer that shrinks is told of late.
        """
        held_ms = max(self._recent_ms, default=self.jitter_buffer_ms)
        if any(last.packets < YOUNG_PACKETS for last in self._last.values()):
            held_ms = max(held_ms, START_JITTER_BUFFER_MS)
        return held_ms + PACKET_MS / 2 + FRAME_MS + TURNOVER_SLACK_MS
