"""How good the link to the call is, from what the engine counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from callplayer.ipc.messages import StatsEvent

Quality = Literal["good", "fair", "poor", "cut"]
"""`cut`: nothing at all comes; what is heard is what the jitter buffer makes up."""

FAIR_FROM = 0.01
POOR_FROM = 0.05
CUT_FROM = 0.8
"""Shares of the sound that had to be made up: WebRTC hides 1 %, no word is lost below 5 %."""

LOOKS_KEPT = 5
"""So many stats, one a second, make the quality: a moment's trouble is shown for a while."""

LONGEST_S = 5.0


@dataclass(frozen=True)
class LinkQuality:
    """What is known of the link: the share that was made up in each of the last stats."""

    shares: tuple[float, ...] = ()
    stats: StatsEvent | None = None
    at_s: float = 0.0

    @property
    def quality(self) -> Quality | None:
        """How good it is; None until two stats have come."""
        if not self.shares:
            return None
        if self.shares[-1] >= CUT_FROM:
            return "cut"
        mean = sum(self.shares) / len(self.shares)
        return "poor" if mean >= POOR_FROM else "fair" if mean >= FAIR_FROM else "good"


def after_stats(link: LinkQuality, stats: StatsEvent, now_s: float) -> LinkQuality:
    """Return the link after stats at `now_s`, by the monotonic clock."""
    last, passed_s = link.stats, now_s - link.at_s
    # A new engine counts from 0; the stats of one that stood still cover no second.
    if last is None or stats.concealed_ms < last.concealed_ms or not 0.2 < passed_s < LONGEST_S:
        return LinkQuality((), stats, now_s)
    made_up_ms = stats.concealed_ms - last.concealed_ms
    share = min(made_up_ms / (1000 * passed_s * max(stats.tracks, 1)), 1.0)
    return LinkQuality((*link.shares, share)[-LOOKS_KEPT:], stats, now_s)
