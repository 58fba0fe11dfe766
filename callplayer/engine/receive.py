"""What the receive path does: delay and concealment from the SDK's counters. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

PACKET_MS = 20.0
"""Opus frames as WebRTC sends them: a sample waits for its packet to be full."""

FRAME_MS = 10.0
FIRST_JITTER_BUFFER_MS = 40.0
RATE_HZ = 48_000
FLOWING_PACKETS = 3


@dataclass(frozen=True)
class Counters:
    """Cumulative counters of one track, samples at 48 kHz."""

    packets: int = 0
    emitted: int = 0
    concealed: int = 0
    jitter_buffer_delay_s: float = 0.0


@dataclass
class ReceivePath:
    """Follows the counters of all tracks; the slowest track counts."""

    jitter_buffer_ms: float = FIRST_JITTER_BUFFER_MS
    _last: dict[str, Counters] = field(default_factory=dict)
    _measured_ms: dict[str, float] = field(default_factory=dict)
    _concealed: dict[str, int] = field(default_factory=dict)

    def take(self, track_id: str, counters: Counters) -> None:
        """Take in a track's counters as they are now."""
        last = self._last.get(track_id, Counters())
        emitted = counters.emitted - last.emitted
        delay_s = counters.jitter_buffer_delay_s - last.jitter_buffer_delay_s
        if emitted > 0 and delay_s >= 0.0:
            self._measured_ms[track_id] = delay_s / emitted * 1000
            self.jitter_buffer_ms = max(self._measured_ms.values())
        self._concealed[track_id] = counters.concealed
        self._last[track_id] = counters

    def forget(self) -> None:
        """The tracks are gone; what was measured of them stays as the best guess."""
        self._last.clear()
        self._measured_ms.clear()

    def flows(self, track_id: str) -> bool:
        """Tell whether packets of that track have come and been played out."""
        last = self._last.get(track_id, Counters())
        return last.packets >= FLOWING_PACKETS and last.emitted > 0

    @property
    def concealed_ms(self) -> float:
        """Return how much sound the jitter buffer had to invent, in ms."""
        return sum(self._concealed.values()) * 1000 / RATE_HZ

    @property
    def delay_ms(self) -> float:
        """Return how long a sample takes from the server's cursor to the engine, in ms.

        The jitter buffer's own figure is a mean over the samples of a packet, so it holds half of
        the packet's length already; the other half is waiting for the packet to be full.
        """
        return self.jitter_buffer_ms + PACKET_MS / 2

    @property
    def turnover_ms(self) -> float:
        """Return after what time none of what was sent before can come out any more, in ms."""
        return self.jitter_buffer_ms + PACKET_MS / 2 + FRAME_MS
