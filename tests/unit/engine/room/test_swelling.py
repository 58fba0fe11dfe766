"""When a jitter buffer holds far more than its link needs, and when a new one is wanted."""

from __future__ import annotations

import pytest

from callplayer.engine.room.swelling import (
    APART_S,
    SETTLES_S,
    STALL_COUNTS_S,
    BufferReading,
    Swelling,
)


def settled(rest_ms: float = 30.0) -> Swelling:
    swelling = Swelling(0.0)
    for at_s in range(1, 11):
        swelling.update(reading(at_s, rest_ms), playing=True)
    return swelling


def reading(
    at_s: float,
    jitter_buffer_ms: float = 30.0,
    *,
    jitter_ms: float = 1.0,
    concealed_ms: float = 0.0,
    lost: int = 0,
) -> BufferReading:
    return BufferReading(at_s, jitter_buffer_ms, jitter_ms, concealed_ms, lost)


@pytest.mark.parametrize(
    ("buffer_ms", "wants"), [(30.0, False), (85.0, False), (100.0, True), (530.0, True)]
)
def test_far_above_its_rest_a_buffer_is_swollen(buffer_ms: float, wants: bool) -> None:
    swelling = settled()
    swelling.update(reading(11.0, buffer_ms), playing=True)
    assert swelling.wants_renewal(11.0) == wants


def test_on_a_link_that_jitters_a_long_buffer_is_needed() -> None:
    swelling = settled()
    swelling.update(reading(11.0, 200.0, jitter_ms=30.0), playing=True)
    assert not swelling.wants_renewal(11.0)


def test_what_a_new_buffer_aims_at_first_is_not_its_rest() -> None:
    swelling = Swelling(0.0)
    swelling.update(reading(SETTLES_S - 0.5, 20.0), playing=True)
    swelling.update(reading(SETTLES_S + 0.5, 90.0), playing=True)
    assert not swelling.wants_renewal(SETTLES_S + 0.5)


def test_a_gap_in_what_is_sent_counts_before_the_buffer_has_grown() -> None:
    swelling = settled()
    swelling.update(reading(11.0, concealed_ms=450.0), playing=True)
    assert swelling.wants_renewal(11.0)
    assert not swelling.wants_renewal(11.0 + STALL_COUNTS_S)


@pytest.mark.parametrize(
    ("concealed_ms", "lost", "playing"),
    [(450.0, 20, True), (450.0, 0, False), (100.0, 0, True)],
    ids=["packets were lost", "a paused server sends nothing", "a hiccup"],
)
def test_sound_that_is_missing_for_another_reason_is_no_such_gap(
    concealed_ms: float, lost: int, playing: bool
) -> None:
    swelling = settled()
    swelling.update(reading(11.0, concealed_ms=concealed_ms, lost=lost), playing=playing)
    assert not swelling.wants_renewal(11.0)


def test_a_new_buffer_is_not_replaced_at_once_and_learns_what_the_link_needs() -> None:
    swelling = settled()
    swelling.update(reading(11.0, 530.0), playing=True)
    swelling.renew(11.0)
    for second in range(12, 31):
        swelling.update(reading(float(second), 250.0), playing=True)
        assert not swelling.wants_renewal(float(second))
    swelling.update(reading(31.0, 500.0), playing=True)
    assert swelling.wants_renewal(31.0)
    swelling.renew(31.0)
    swelling.update(reading(32.0, concealed_ms=900.0), playing=True)
    swelling.update(reading(33.0, concealed_ms=1400.0), playing=True)
    assert not swelling.wants_renewal(33.0)
    assert swelling.wants_renewal(31.0 + APART_S)


def test_after_a_standstill_even_a_new_buffer_is_replaced_whatever_it_says() -> None:
    swelling = settled()
    swelling.renew(10.0)
    swelling.update(reading(11.0), playing=True)
    assert not swelling.wants_renewal(11.0)
    swelling.note_standstill(11.0)
    assert swelling.wants_renewal(11.0)
    assert not swelling.wants_renewal(11.0 + STALL_COUNTS_S)
