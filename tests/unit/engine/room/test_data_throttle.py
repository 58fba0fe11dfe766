"""How many messages are handed on, and which of those that are too many."""

from __future__ import annotations

import asyncio
import ctypes
import random
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.room.data_throttle import (
    MOST_A_TURN,
    MOST_SENDERS,
    TURN_S,
    UNUSED,
    DataThrottle,
    RateWindow,
)
from callplayer.engine.room.received_data import ReceivedData
from callplayer.vendor.status import Status, encode_status


def data(sender: str, position_ms: int) -> ReceivedData:
    return ReceivedData(sender, status(position_ms))


def status(position_ms: int) -> bytes:
    return encode_status(Status(position_ms, 60_000, False, False, True))


@given(gaps_s=st.lists(st.floats(0.0, 0.2), min_size=1, max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_turn_lets_more_through_than_it_may(gaps_s: list[float]) -> None:
    turns, now_s, passed_s = RateWindow(), 1000.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        if turns.admit(now_s):
            passed_s.append(now_s)
    for at, first_s in enumerate(passed_s):
        within = [each for each in passed_s[at:] if each < first_s + TURN_S]
        assert len(within) <= 2 * MOST_A_TURN


def test_statuses_at_their_usual_rate_all_go_through() -> None:
    turns = RateWindow()
    assert all(turns.admit(1000.0 + n / 100) for n in range(1000))


def test_of_what_is_held_back_the_newest_status_of_each_sender_counts() -> None:
    turns = RateWindow()
    for number in range(100):
        turns.defer(data("bot", number))
        turns.defer(ReceivedData("bot", b"junk"))
        turns.defer(data("other", 1000 + number))
    assert turns.take() == ({"bot": data("bot", 99), "other": data("other", 1099)}, 300)
    assert turns.take() == ({}, 0)


def test_it_remembers_so_many_senders_only() -> None:
    turns = RateWindow()
    for number in range(10 * MOST_SENDERS):
        turns.defer(data(f"sender {number}", 1))
    assert len(turns.take()[0]) == MOST_SENDERS


def test_the_sdk_knows_the_events_that_are_not_wanted() -> None:
    from livekit.rtc._proto.room_pb2 import RoomEvent

    kinds = {field.name for field in RoomEvent.DESCRIPTOR.oneofs_by_name["message"].fields}
    assert kinds >= UNUSED
    assert "data_packet_received" in kinds


ROOM = 7


class Events:
    """Makes events as the native library does; what they point to lives on."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def data(self, payload: bytes, sender: str) -> Any:
        from livekit.rtc._proto.ffi_pb2 import FfiEvent

        content = ctypes.create_string_buffer(payload, len(payload))
        self._kept.append(content)
        event = FfiEvent()
        event.room_event.room_handle = ROOM
        packet = event.room_event.data_packet_received
        packet.participant_identity = sender
        packet.user.data.handle.id = len(self._kept)
        packet.user.data.data.data_ptr = ctypes.addressof(content)
        packet.user.data.data.data_len = len(payload)
        return event


async def test_no_status_comes_after_one_that_was_sent_later() -> None:
    """Messages come on a thread of the SDK's, many more than are let through; the loop is busy."""
    count, events, chance = 600, Events(), random.Random(911)
    came: dict[str, list[int]] = {"bot": [], "other": []}
    freed: list[int] = []
    loop = asyncio.get_running_loop()

    def deliver(data: ReceivedData) -> None:
        came[data.sender] += [each.position or 0 for each in data.statuses]
        time.sleep(chance.choice((0.0, 0.0, 0.004)))

    valve = DataThrottle(ROOM, loop, lambda _: True, freed.append, deliver)

    def flood() -> None:
        for number in range(count):
            for sender in came:
                assert not valve(events.data(status(number), sender))
            assert not valve(events.data(b"{}", "bot"))
            time.sleep(0.001)

    await asyncio.to_thread(flood)
    while came["bot"][-1:] != [count - 1]:
        await asyncio.sleep(TURN_S)
    for positions in came.values():
        assert positions == sorted(set(positions))
        assert positions[-1] == count - 1
        assert len(positions) < count / 2
    assert sorted(freed) == list(range(1, 3 * count + 1))


def test_a_status_that_goes_through_makes_an_older_one_void_and_nothing_else_does() -> None:
    turns = RateWindow()
    for sender in ("bot", "other"):
        turns.defer(data(sender, 1))
    turns.supersede(ReceivedData("bot", b"junk"))
    turns.supersede(data("somebody", 2))
    assert set(turns.take()[0]) == {"bot", "other"}
    turns.defer(data("bot", 3))
    turns.supersede(data("bot", 4))
    assert turns.take()[0] == {}


async def test_what_is_no_data_of_this_room_is_left_to_the_sdk() -> None:
    from livekit.rtc._proto.ffi_pb2 import FfiEvent

    reported: list[ReceivedData] = []
    loop = asyncio.get_running_loop()
    valve = DataThrottle(ROOM, loop, lambda _: True, lambda _: None, reported.append)
    answer, left, elsewhere = FfiEvent(), FfiEvent(), Events().data(b"{}", "bot")
    answer.publish_data.async_id = 1
    left.room_event.room_handle = ROOM
    left.room_event.participant_disconnected.participant_identity = "bot"
    elsewhere.room_event.room_handle = ROOM + 1
    assert valve(answer)
    assert valve(left)
    assert valve(elsewhere)
    left.room_event.chat_message.participant_identity = "chatter"
    assert not valve(left)
    await asyncio.sleep(0)
    assert reported == []
