"""Delay and concealment from cumulative counters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.receive import (
    FIRST_JITTER_BUFFER_MS,
    FLOWING_PACKETS,
    RECENT_LOOKS,
    START_JITTER_BUFFER_MS,
    YOUNG_PACKETS,
    Counters,
    ReceivePath,
)


def _second(number: int, delay_ms: float, concealed: int = 0) -> Counters:
    """Return the counters after `number` seconds of a steady delay."""
    emitted = 48_000 * number
    return Counters(50 * number, emitted, concealed, emitted * delay_ms / 1000)


def test_the_delay_is_that_of_the_last_span_not_of_the_whole_call() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 30.0))
    assert path.jitter_buffer_ms == pytest.approx(30.0)
    last = _second(1, 30.0)
    path.take("a", Counters(100, 96_000, 0, last.jitter_buffer_delay_s + 48_000 * 0.100))
    assert path.jitter_buffer_ms == pytest.approx(100.0)
    assert path.delay_ms > 100.0
    assert path.turnover_ms > path.delay_ms


def test_the_slowest_track_counts() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 30.0))
    path.take("b", _second(1, 70.0))
    path.take("a", _second(2, 30.0))
    assert path.jitter_buffer_ms == pytest.approx(70.0)


def test_a_guess_stands_until_something_is_measured() -> None:
    path = ReceivePath()
    path.take("a", Counters())
    assert path.jitter_buffer_ms == FIRST_JITTER_BUFFER_MS


def test_a_track_flows_when_packets_have_come_and_been_played() -> None:
    path = ReceivePath()
    assert not path.flows("a")
    path.take("a", Counters(packets=FLOWING_PACKETS))
    assert not path.flows("a")
    path.take("a", Counters(packets=FLOWING_PACKETS - 1, emitted=480))
    assert not path.flows("a")
    path.take("a", Counters(packets=FLOWING_PACKETS, emitted=480))
    assert path.flows("a")
    path.forget()
    assert not path.flows("a")


def test_a_young_jitter_buffer_is_trusted_less() -> None:
    path = ReceivePath()
    path.take("a", Counters(YOUNG_PACKETS - 1, 480, 0, 480 * 0.020))
    assert path.turnover_ms > START_JITTER_BUFFER_MS
    for number in range(2, 20):
        path.take("a", _second(number, 20.0))
    assert path.turnover_ms < START_JITTER_BUFFER_MS


def test_what_was_invented_is_summed_over_tracks_and_rooms() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 30.0, concealed=480))
    path.take("b", _second(1, 30.0, concealed=960))
    assert path.concealed_ms == pytest.approx(30.0)
    path.forget()
    path.take("c", _second(1, 30.0, concealed=48))
    assert path.concealed_ms == pytest.approx(31.0)


def test_the_network_counts_half_of_the_latest_round_trip_and_is_unknown_before_one() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 30.0))
    assert path.network_ms is None
    path.take("a", Counters(100, 96_000, 0, 2.88, round_trip_s=0.042))
    assert path.network_ms == pytest.approx(21.0)
    path.take("a", _second(3, 30.0))
    assert path.network_ms == pytest.approx(21.0)


def test_what_was_measured_outlives_the_tracks() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 66.0))
    path.forget()
    assert path.jitter_buffer_ms == pytest.approx(66.0)


counters = st.builds(
    Counters,
    packets=st.integers(0, 10**6),
    emitted=st.integers(0, 10**9),
    concealed=st.integers(0, 10**9),
    jitter_buffer_delay_s=st.floats(0.0, 1e9),
)


@given(readings=st.lists(st.tuples(st.sampled_from("ab"), counters), max_size=20))
@settings(max_examples=150, deadline=None)
def test_no_counters_give_a_negative_delay(readings: list[tuple[str, Counters]]) -> None:
    """Counters start over when a track's stream is renegotiated."""
    path = ReceivePath()
    for track_id, reading in readings:
        path.take(track_id, reading)
        assert path.jitter_buffer_ms >= 0.0
        assert 0.0 < path.delay_ms < path.turnover_ms
        assert path.concealed_ms >= 0.0


def test_a_path_is_steady_once_it_has_been_the_same_for_some_looks() -> None:
    path = ReceivePath()
    for number in range(1, RECENT_LOOKS + 1):
        assert not path.steady
        path.take("a", _second(number, 30.0))
    assert path.steady
    last = _second(RECENT_LOOKS, 30.0)
    path.take(
        "a", Counters(500, last.emitted + 48_000, 0, last.jitter_buffer_delay_s + 48_000 * 0.040)
    )
    assert not path.steady
