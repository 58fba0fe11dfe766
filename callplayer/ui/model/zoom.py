"""Which part of the call the timeline shows, and what stands at which of its columns. Pure.

A call that goes on is drawn on a longer span than it has: what is drawn stays where it is while the
call grows into the room that is left, and only now and then the span grows.
"""

from __future__ import annotations

import msgspec

_MINUTES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440)
GROWS_AT = 0.96
"""Of its span, how much of it a growing call fills before it gets a longer one."""


class Span(msgspec.Struct, frozen=True):
    """From `start_ms` to `end_ms`, both ms from the start of the call."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """How much of the call it shows."""
        return self.end_ms - self.start_ms

    def column(self, position_ms: int, width: int) -> int:
        """Return the column, 0…width−1, of a position; one outside is at the nearest edge."""
        return round(self.share(position_ms) * (width - 1))

    def position_ms(self, column: int, width: int) -> int:
        """Return the position at a column: the first is the start, the last the end."""
        share = min(max(column / max(width - 1, 1), 0.0), 1.0)
        return self.start_ms + round(share * self.length_ms)

    def share(self, position_ms: int) -> float:
        """Return how far along the span a position is, held inside 0…1."""
        if self.length_ms <= 0:
            return 0.0
        return min(max((position_ms - self.start_ms) / self.length_ms, 0.0), 1.0)

    def holds(self, position_ms: int) -> bool:
        """Return whether a position is inside."""
        return self.start_ms <= position_ms <= self.end_ms


def whole_span(duration_ms: int, growing: bool) -> Span:
    """Return the span of the whole call, with room to grow for one that goes on."""
    if not growing:
        return Span(0, duration_ms)
    for minutes in _MINUTES:
        if duration_ms <= minutes * 60_000 * GROWS_AT:
            return Span(0, minutes * 60_000)
    day_ms = _MINUTES[-1] * 60_000
    return Span(0, (int(duration_ms / GROWS_AT) // day_ms + 1) * day_ms)


LONGEST_ZOOM = 12
SHORTEST_MS = 10_000
_EDGE = 0.06
_AHEAD = 0.3


def zoomed_span(whole: Span, zoom: int, at_ms: int, last: Span | None) -> Span:
    """Return the part to show, 2^`zoom` times as close as the whole, with `at_ms` in it.

    It stays where `last` was until the place is near its end, and then goes on by most of a page:
    what stands still can be pointed at.
    """
    length_ms = max(whole.length_ms >> zoom, min(SHORTEST_MS, whole.length_ms))
    if length_ms >= whole.length_ms:
        return whole
    edge_ms = round(length_ms * _EDGE)
    if last is not None and last.length_ms == length_ms:
        begins = last.start_ms <= whole.start_ms or at_ms >= last.start_ms + edge_ms
        ends = last.end_ms >= whole.end_ms or at_ms <= last.end_ms - edge_ms
        if begins and ends and last.holds(at_ms):
            return last
    start_ms = at_ms - round(length_ms * _AHEAD)
    start_ms = min(max(start_ms, whole.start_ms), whole.end_ms - length_ms)
    return Span(start_ms, start_ms + length_ms)


def deepest_zoom(whole: Span) -> int:
    """Return the closest zoom that still shows more than the one before."""
    zoom = 0
    while zoom < LONGEST_ZOOM and whole.length_ms >> zoom > SHORTEST_MS:
        zoom += 1
    return zoom
