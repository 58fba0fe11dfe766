"""The measuring instruments, tried on what is known."""

from __future__ import annotations

import numpy as np
import pytest

from callplayer.ipc.messages import StateEvent
from callplayer.ui.widgets.clock import clock_rows
from tests.benchmarks.drift import simulate, simulate_peer
from tests.benchmarks.shown import ClockWatch, read_clock_ms
from tests.benchmarks.storm import TONES_HZ, heard_gaps
from tests.rig.dated_screen import Grid
from tests.rig.pulse import RATE_HZ


def _screen(position_ms: int, scale: int) -> list[str]:
    state = StateEvent(phase="playing", position_ms=position_ms, duration_ms=3_500_000)
    rows = clock_rows(state, 0.0, 158, scale)
    return ["", *(" " + "".join(text for text, _ in row) for row in rows), *([""] * 20)]


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("position_ms", [0, 1_234, 83_499, 678_901, 3_499_999])
def test_the_large_clock_is_read_back(position_ms: int, scale: int) -> None:
    assert read_clock_ms(_screen(position_ms, scale)) == position_ms // 100 * 100


def test_a_clock_that_is_half_painted_is_not_read() -> None:
    before, after = _screen(83_400, 2), _screen(83_500, 2)
    torn = [*after[:3], *before[3:]]
    assert torn not in (before, after)
    assert read_clock_ms(torn) is None


def test_only_steps_of_a_tenth_ahead_are_turns_of_the_clock() -> None:
    watch, grid = ClockWatch(), Grid(160, 24)
    for at_s, position_ms in enumerate((1000, 1100, 1100, 1300, 1200, 1300)):
        lines = _screen(position_ms, 1)[:20]
        drawn = "".join(f"\x1b[{y + 1};1H{line}" for y, line in enumerate(lines))
        grid.feed(drawn.encode())
        watch.painted(grid, float(at_s))
    assert [paint.at_s for paint in watch.turns(0.0, 9.0)] == [1.0, 5.0]
    assert watch.skipped(0.0, 9.0) == 2


def test_the_grid_takes_sequences_in_any_parts() -> None:
    drawn = "\x1b[?1049h\x1b[2J\x1b[2;3H\x1b[1;38;5;78m█ü\x1b[0m\r\n\x1b]0;title\x07x".encode()
    for size in range(1, 8):
        grid = Grid(6, 3)
        for at in range(0, len(drawn), size):
            grid.feed(drawn[at : at + size])
        assert grid.lines() == ["      ", "  █ü  ", "x     "]


def test_a_gap_of_one_party_is_heard_and_nothing_where_there_is_none() -> None:
    t = np.arange(10 * RATE_HZ) / RATE_HZ
    parties = [0.2 * np.sin(2 * np.pi * hz * t) for hz in TONES_HZ]
    assert heard_gaps(np.sum(parties, axis=0).astype(np.float32)) == (0, 0.0)
    parties[0][RATE_HZ : RATE_HZ + RATE_HZ // 50] = 0.0
    parties[1][3 * RATE_HZ : 3 * RATE_HZ + RATE_HZ // 10] = 0.0
    count, gone_ms = heard_gaps(np.sum(parties, axis=0).astype(np.float32))
    assert count == 2
    assert gone_ms == pytest.approx(120.0, abs=10.0)


def test_the_peers_buffer_grows_with_a_slow_card_and_drops_out_with_a_fast_one() -> None:
    slow, even, fast = (simulate_peer(ppm, 3600.0) for ppm in (-300.0, 0.0, 300.0))
    assert slow.delay_last_ms - slow.delay_first_ms == pytest.approx(1060.0, abs=30.0)
    assert slow.dropouts == even.dropouts == 0
    assert fast.dropouts == pytest.approx(3600 * 300e-6 / 0.1, abs=2)


def test_the_simulated_card_is_followed() -> None:
    drift = simulate(-300.0, 120.0)
    assert drift.underruns == drift.trimmed_frames == 0
    assert drift.off_ms < 5.0
    assert drift.learned_ppm == pytest.approx(-300.0, abs=30.0)
