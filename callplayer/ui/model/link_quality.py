"""How good the link to the call is, from what the engine counts. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from callplayer.ipc.messages import StatsEvent

Quality = Literal["good", "fair", "poor", "cut"]
"""`cut`: nothing at all comes; what is heard is what the jitter buffer makes up."""

FAIR_FROM = 0.01
POOR_FROM = 0.05
CUT_FROM = 0.8
"""Shares of the sound that had to be made up: WebRTC hides 1 %, no word is lost below 5 %."""

FAIR_DELAY_MS = 400.0
POOR_DELAY_MS = 1000.0
"""Delays: ITU-T G.114 wants no more than 400 ms; from 1 s on a listener is a sentence behind."""

LOOKS_KEPT = 5
"""How many stats, one a second, make the quality: a moment's trouble is shown for a while."""

LONGEST_S = 5.0


class LinkQuality(msgspec.Struct, frozen=True):
    """What is known of the link: the share that was made up in each of the last stats."""

    shares: tuple[float, ...] = ()
    stats: StatsEvent | None = None
    at_s: float = 0.0

    @property
    def quality(self) -> Quality | None:
        """How good it is, by what is made up and by the delay; None until two stats have come."""
        if not self.shares or self.stats is None:
            return None
        if self.shares[-1] >= CUT_FROM:
            return "cut"
        mean, delay_ms = sum(self.shares) / len(self.shares), self.stats.delay_ms
        if mean >= POOR_FROM or delay_ms >= POOR_DELAY_MS:
            return "poor"
        return "fair" if mean >= FAIR_FROM or delay_ms >= FAIR_DELAY_MS else "good"


def after_stats(link: LinkQuality, stats: StatsEvent, now_s: float) -> LinkQuality:
    """Return the link after stats at `now_s`, by the monotonic clock."""
    last, passed_s = link.stats, now_s - link.at_s
    # A new engine counts from 0; the stats of one that stood still cover no second.
    if last is None or stats.concealed_ms < last.concealed_ms or not 0.2 < passed_s < LONGEST_S:
        return LinkQuality((), stats, now_s)
    made_up_ms = stats.concealed_ms - last.concealed_ms
    share = min(made_up_ms / (1000 * passed_s * max(stats.tracks, 1)), 1.0)
    return LinkQuality((*link.shares, share)[-LOOKS_KEPT:], stats, now_s)
