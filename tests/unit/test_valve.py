"""How many messages are handed on, and which of those that are too many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.valve import MOST_A_TURN, MOST_SENDERS, TURN_S, UNUSED, Turns
from callplayer.wire import Status, encode_status


def status(position_ms: int) -> bytes:
    return encode_status(Status(position_ms, 60_000, False, False, True))


@given(gaps_s=st.lists(st.floats(0.0, 0.2), min_size=1, max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_turn_lets_more_through_than_it_may(gaps_s: list[float]) -> None:
    turns, now_s, passed_s = Turns(), 1000.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        if turns.lets_through(now_s):
            passed_s.append(now_s)
    for at, first_s in enumerate(passed_s):
        within = [each for each in passed_s[at:] if each < first_s + TURN_S]
        assert len(within) <= 2 * MOST_A_TURN


def test_statuses_at_their_usual_rate_all_go_through() -> None:
    turns = Turns()
    assert all(turns.lets_through(1000.0 + n / 100) for n in range(1000))


def test_of_what_is_held_back_the_newest_status_of_each_sender_counts() -> None:
    turns = Turns()
    for number in range(100):
        turns.hold_back("bot", status(number))
        turns.hold_back("bot", b"junk")
        turns.hold_back("other", status(1000 + number))
    assert turns.take() == ({"bot": status(99), "other": status(1099)}, 300)
    assert turns.take() == ({}, 0)


def test_it_remembers_so_many_senders_only() -> None:
    turns = Turns()
    for number in range(10 * MOST_SENDERS):
        turns.hold_back(f"sender {number}", status(1))
    assert len(turns.take()[0]) == MOST_SENDERS


def test_the_sdk_knows_the_events_that_are_not_wanted() -> None:
    from livekit.rtc._proto.room_pb2 import RoomEvent

    kinds = {field.name for field in RoomEvent.DESCRIPTOR.oneofs_by_name["message"].fields}
    assert kinds >= UNUSED
    assert "data_packet_received" in kinds
