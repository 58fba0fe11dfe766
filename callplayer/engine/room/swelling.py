"""Whether the jitter buffer holds far more than the link needs, after sound that came late. Pure.

A server that feeds its track nothing for a while goes on with the RTP timestamps where they were:
all later packets are late by the gap, and WebRTC's jitter buffer grows by it for 10 to 20 s. It
starts to grow some 2 s after the gap. Only a new subscription has a new buffer. Times are readings
of the monotonic clock, in s.
"""

from __future__ import annotations

from dataclasses import dataclass

SWOLLEN_MS = 60.0
"""How far above its rest the buffer counts as swollen."""

JITTERS = 4.0
"""How many times the mean jitter a buffer may well hold: packets of a bad link are late by that."""

SETTLES_S = 3.0
"""A new buffer aims at 80 ms first: only after this its length shows what it needs."""

APART_S = 8.0
"""The least time between renewals: a link that breaks off again and again needs what its buffer
holds."""

STALL_MS = 150.0
"""More concealed sound between two looks, with no packet lost, is a server that sent nothing."""

STALL_COUNTS_S = 20.0


@dataclass(frozen=True)
class BufferReading:
    """One look at the receive path: the buffer's length and the mean jitter in ms, the concealed
    sound in ms and the lost packets since the beginning."""

    at_s: float
    jitter_buffer_ms: float
    jitter_ms: float
    concealed_ms: float
    lost_packets: int


class Swelling:
    """Follows the readings of all subscriptions since they were made, at `since_s`."""

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._renewed_s = float("-inf")
        self._rest_ms: float | None = None
        self._last: BufferReading | None = None
        self._stalled_s = float("-inf")

    def renew(self, now_s: float) -> None:
        """All subscriptions are new."""
        self._since_s = self._renewed_s = now_s
        self._rest_ms = self._last = None
        self._stalled_s = float("-inf")

    def note_standstill(self, now_s: float) -> None:
        """Nothing that came was played out for a while: it lies in the buffers, old or new."""
        self._stalled_s, self._renewed_s = now_s, float("-inf")

    def update(self, reading: BufferReading, *, playing: bool) -> None:
        """Take in a look. `playing`: the server had to send sound since the last one."""
        last, self._last = self._last, reading
        if last is not None and playing:
            concealed_ms = reading.concealed_ms - last.concealed_ms
            if concealed_ms >= STALL_MS and reading.lost_packets == last.lost_packets:
                self._stalled_s = reading.at_s
        if reading.at_s - self._since_s >= SETTLES_S:
            rest_ms = reading.jitter_buffer_ms if self._rest_ms is None else self._rest_ms
            self._rest_ms = min(rest_ms, reading.jitter_buffer_ms)

    def wants_renewal(self, now_s: float) -> bool:
        """Return whether new subscriptions would bring the sound nearer to the server's cursor."""
        stalled = now_s - self._stalled_s < STALL_COUNTS_S
        return self.is_swollen(now_s) or (stalled and now_s - self._renewed_s >= APART_S)

    def is_swollen(self, now_s: float) -> bool:
        """Return whether they would by what the buffer holds already."""
        if self._last is None or self._rest_ms is None or now_s - self._renewed_s < APART_S:
            return False
        needed_ms = self._rest_ms + SWOLLEN_MS + JITTERS * self._last.jitter_ms
        return self._last.jitter_buffer_ms > needed_ms
