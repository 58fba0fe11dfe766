"""Delay and concealment from cumulative counters."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.room.receive_stats import (
    FIRST_JITTER_BUFFER_MS,
    FLOWING_PACKETS,
    FRAME_MS,
    OVERTAKE_MS,
    RECENT_LOOKS,
    START_JITTER_BUFFER_MS,
    YOUNG_PACKETS,
    Counters,
    ReceivePath,
)

NOW_S = 1000.0


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
    assert path.turnover_ms(NOW_S) > path.delay_ms


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
    assert path.turnover_ms(NOW_S) > START_JITTER_BUFFER_MS
    for number in range(2, 20):
        path.take("a", _second(number, 20.0))
    assert path.turnover_ms(NOW_S) < START_JITTER_BUFFER_MS


def test_what_was_invented_is_summed_over_tracks_and_rooms() -> None:
    path = ReceivePath()
    path.take("a", _second(1, 30.0, concealed=480))
    path.take("b", _second(1, 30.0, concealed=960))
    assert path.concealed_ms == path.invented_ms == pytest.approx(30.0)
    path.take("b", replace(_second(2, 30.0, concealed=5_280), silent=4_320))
    assert (path.concealed_ms, path.invented_ms) == (pytest.approx(120.0), pytest.approx(30.0))
    path.forget()
    assert path.invented_ms == pytest.approx(30.0)
    path.take("c", _second(1, 30.0, concealed=48))
    assert path.concealed_ms == pytest.approx(121.0)


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


def test_a_track_that_has_ended_says_nothing_of_the_one_that_comes_for_it() -> None:
    path = ReceivePath()
    path.take("old", _second(1, 200.0, concealed=480))
    path.take("b", _second(1, 30.0))
    assert path.jitter_buffer_ms == pytest.approx(200.0)
    path.remove("old")
    assert path.jitter_buffer_ms == pytest.approx(30.0)
    assert path.concealed_ms == pytest.approx(10.0)
    for number in range(2, 2 + RECENT_LOOKS):
        path.take("b", _second(number, 30.0))
    assert path.steady
    turnover_ms = path.turnover_ms(NOW_S)
    assert turnover_ms < 200.0
    path.remove("b")
    assert path.jitter_buffer_ms == pytest.approx(30.0)  # the best guess there is
    path.remove("b")
    path.take("new", _second(1, 50.0, concealed=48))
    assert path.jitter_buffer_ms == pytest.approx(50.0)
    assert path.concealed_ms == pytest.approx(11.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 1), min_size=60, max_size=60),
    st.integers(20, 40),
    st.integers(3, 50),
)
def test_frames_that_the_sdk_drops_are_seen_and_frames_on_their_way_are_not(
    on_their_way: list[int], at: int, frames: int
) -> None:
    path = ReceivePath()
    for look, late in enumerate(on_their_way):
        played = 48_000 * (look + 1)
        lost = 480 * frames if look >= at else 0
        taken = played - 480 * late - lost - 7_000
        path.take("a", Counters(100 * look, played, played=played, taken=taken))
        if look < at:
            assert path.dropped_ms == 0.0
    assert path.dropped_ms == pytest.approx(10.0 * frames, abs=10.0)
    path.forget()
    assert path.dropped_ms > 0.0


@pytest.mark.parametrize("every", [2, 3, 4, 7])
def test_each_of_several_drops_counts(every: int) -> None:
    path, taken = ReceivePath(), 0
    for look in range(1, 60):
        is_dropped = look in range(12, 45, every)
        taken += 48_000 - 24_000 * is_dropped
        path.take("a", Counters(100 * look, 48_000 * look, played=48_000 * look, taken=taken))
    assert path.dropped_ms == 500.0 * len(range(12, 45, every))


counters = st.builds(
    Counters,
    packets=st.integers(0, 10**6),
    emitted=st.integers(0, 10**9),
    concealed=st.integers(0, 10**9),
    jitter_buffer_delay_s=st.floats(0.0, 1e9),
    last_packet_s=st.none() | st.floats(NOW_S - 5.0, NOW_S + 1.0),
    jitter_s=st.floats(0.0, 1.0),
)


@given(readings=st.lists(st.tuples(st.sampled_from("ab"), counters), max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_counters_give_a_negative_delay(readings: list[tuple[str, Counters]]) -> None:
    """Counters start over when a track's stream is renegotiated."""
    path = ReceivePath()
    for track_id, reading in readings:
        path.take(track_id, reading)
        assert path.jitter_buffer_ms >= 0.0
        assert path.delay_ms > 0.0
        for confirmed_s in (NOW_S, NOW_S + 0.0123, 0.0):
            assert path.turnover_ms(confirmed_s) > path.jitter_buffer_ms
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


def _even(jitter_buffer_ms: float, packet_ms: float, last_packet_s: float | None) -> ReceivePath:
    """Return a path whose packets come evenly, one of them at `last_packet_s`."""
    path = ReceivePath()
    for number in range(1, 20):
        emitted = 48_000 * number
        path.take(
            "a",
            Counters(
                packets=round(number * 1000 / packet_ms),
                emitted=emitted,
                jitter_buffer_delay_s=emitted * jitter_buffer_ms / 1000,
                last_packet_s=last_packet_s,
            ),
        )
    return path


@given(
    since_ms=st.floats(0.1, 2900.0),
    packet_ms=st.sampled_from([10.0, 20.0, 60.0]),
    held_frames=st.integers(1, 20),
    phase_ms=st.floats(1.0, 9.0),
)
@settings(max_examples=100, deadline=None)
def test_packets_that_come_evenly_are_followed_to_the_first_new_frame(
    since_ms: float, packet_ms: float, held_frames: int, phase_ms: float
) -> None:
    """Frames leave every 10 ms, at any phase to the packets; the last old one may be 2 ms late."""
    confirmed_s = NOW_S + since_ms / 1000
    turned_s = confirmed_s + (
        _even(10.0 * held_frames, packet_ms, NOW_S).turnover_ms(confirmed_s) / 1000
    )
    last_old_s = NOW_S + (since_ms + OVERTAKE_MS) // packet_ms * packet_ms / 1000
    out_s = last_old_s + (10.0 * held_frames + phase_ms) / 1000
    last_old_frame_s = out_s + (packet_ms - FRAME_MS) / 1000
    # Opus holds 6.5 ms back: the first frame of the packet after is not wholly new.
    seam_frame_s = last_old_frame_s + FRAME_MS / 1000
    assert seam_frame_s < turned_s <= seam_frame_s + FRAME_MS / 1000 + 0.002


def test_packets_that_come_unevenly_or_are_not_known_are_given_more_time() -> None:
    confirmed_s = NOW_S + 0.018
    known_ms = _even(30.0, 20.0, NOW_S).turnover_ms(confirmed_s)
    assert _even(30.0, 20.0, None).turnover_ms(confirmed_s) > known_ms
    assert _even(30.0, 20.0, NOW_S - 60.0).turnover_ms(confirmed_s) > known_ms
    path = _even(30.0, 20.0, NOW_S)
    path.take("a", Counters(2000, 48_000 * 40, 0, 40 * 48_000 * 0.030, None, NOW_S, 0.005))
    assert path.turnover_ms(confirmed_s) > known_ms
