"""How long a room is waited for, when a new one is joined, and how soon after the last."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.session.connection import RoomLimits
from callplayer.engine.session.reconnect import BROKE, GONE
from callplayer.errors import UsageError
from tests.unit.engine.session.room_rig import SOON_S, RoomRig

TRIES = RoomLimits(first_status_s=0.01, give_up_s=0.05)


# --- the next room --------------------------------------------------------------------------------


async def test_rooms_that_are_lost_soon_after_they_were_joined_are_had_later_and_later() -> None:
    rig, waits_s = RoomRig(TRIES, chance=0.0), []
    rig.make_ready()
    await rig.link.rejoin(rig)  # at once
    for _ in range(4):
        rejoining = asyncio.create_task(rig.link.rejoin(rig))
        waits_s.append(round(await rig.until_it_waits(), 1))
        assert not rig.call.may_be_heard(time.monotonic())
        rig.link.retry_now()
        await asyncio.wait_for(rejoining, SOON_S)
    assert waits_s == [0.5, 1.0, 2.0, 4.0]
    rig.link._rejoined_s -= 11.0
    await asyncio.wait_for(rig.link.rejoin(rig), 0.4)
    assert rig.asked == 6


async def test_a_new_room_whose_sound_does_not_come_is_given_up_for_another() -> None:
    rig = RoomRig(replace(TRIES, sound_s=0.1), chance=0.0)
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    assert "No sound of the call came" in rig.said[-1]
    rig.make_ready()
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)
    assert rig.asked == 2


async def test_the_next_try_begins_when_asked_for_though_this_one_is_under_way() -> None:
    rig = RoomRig(TRIES, chance=0.0)
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    async with asyncio.timeout(SOON_S):
        while rig.asked < 1:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        rig.link.retry_now()
        while rig.asked < 2:
            await asyncio.sleep(0.001)
    rig.make_ready()
    await asyncio.wait_for(rejoining, SOON_S)


async def test_an_api_that_names_no_room_for_once_is_asked_again() -> None:
    rig = RoomRig(TRIES, chance=0.0)
    rig.make_ready()
    rig.answers = [UsageError("The API names no room server and none is set.")]
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)


# --- the room there is ----------------------------------------------------------------------------


async def test_a_try_that_is_asked_for_waits_for_nothing_that_may_come_back_by_itself() -> None:
    rig = RoomRig(TRIES, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.retry_now()
    assert not rig.link.closed.is_set(), "nothing is lost"
    rig.recovery.link_lost()
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()
    assert BROKE in rig.said
    assert rig.said[-1] == GONE


async def test_nor_does_it_wait_for_the_sender_of_the_sound() -> None:
    rig = RoomRig(TRIES, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.tracks_gone()
    assert rig.call.away
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()


async def test_what_was_waited_for_before_a_new_room_was_joined_does_not_cost_that_room() -> None:
    """The SDK lost the connection to the new room and had it back, before its sound was there."""
    rig = RoomRig(TRIES, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.closed("test")
    rig.call.join_anew()
    await rig.link.join(rig)
    rig.recovery.link_lost()
    rig.recovery.link_back()
    rig.recovery.joined()
    rig.call.resume_from(time.monotonic(), Delays(), stays=False)
    await asyncio.sleep(4 * TRIES.give_up_s)
    assert not rig.link.closed.is_set()
