"""How good the link is, from the engine's counts."""

from __future__ import annotations

import pytest

from callplayer.ipc.messages import StatsEvent
from callplayer.ui.model.link_quality import LOOKS_KEPT, LinkQuality, Quality, after_stats


def looked(*made_up_ms: float, tracks: int = 2, start_ms: float = 500.0) -> LinkQuality:
    """Return the link after stats once a second in each of which so much was made up."""
    total_ms = start_ms
    link = after_stats(LinkQuality(), StatsEvent(concealed_ms=start_ms, tracks=tracks), 10.0)
    for n, more_ms in enumerate(made_up_ms, 1):
        total_ms += more_ms
        link = after_stats(link, StatsEvent(concealed_ms=total_ms, tracks=tracks), 10.0 + n)
    return link


@pytest.mark.parametrize(
    ("made_up_ms", "quality"),
    [
        ((), None),
        ((0,), "good"),
        ((10, 10), "good"),
        ((60, 60), "fair"),
        ((120, 300), "poor"),
        ((0, 0, 0, 1_900), "cut"),
        ((2_000, 2_000, 0), "poor"),
        ((2_000, *(0,) * LOOKS_KEPT), "good"),
    ],
)
def test_the_concealed_share_decides(
    made_up_ms: tuple[float, ...], quality: Quality | None
) -> None:
    assert looked(*made_up_ms).quality == quality


def test_of_one_track_less_is_as_bad() -> None:
    assert looked(950, tracks=1).quality == "cut"
    assert looked(950, tracks=2).quality == "poor"


def test_a_new_engine_and_a_long_gap_leave_the_quality_unknown() -> None:
    link = looked(300, 300)
    assert after_stats(link, StatsEvent(concealed_ms=0.0, tracks=2), 13.0).quality is None
    assert after_stats(link, StatsEvent(concealed_ms=9_000.0, tracks=2), 40.0).quality is None


@pytest.mark.parametrize(
    ("delay_ms", "quality"), [(97, "good"), (399, "good"), (400, "fair"), (1_154, "poor")]
)
def test_what_comes_late_is_not_good(delay_ms: float, quality: Quality) -> None:
    late = StatsEvent(concealed_ms=500.0, tracks=2, delay_ms=delay_ms)
    link = after_stats(after_stats(LinkQuality(), late, 10.0), late, 11.0)
    assert link.quality == quality
