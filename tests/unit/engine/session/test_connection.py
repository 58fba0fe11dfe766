"""engine/session/connection.py: which room, when it is ready, and how it is joined again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from callplayer.engine.room.receive_stats import Counters
from callplayer.engine.session.connection import RoomLimits
from callplayer.errors import (
    IncidentNotFoundError,
    NotReadyError,
    SignInRefusedError,
    StreamTokenRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.vendor.http import StreamGrant
from tests.unit.engine.session.room_rig import FLOWS, LIMITS, SOON_S, URL, RoomRig, soon

TRIES = RoomLimits(first_status_s=0.01)

# --- which room -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "known", "joined"),
    [
        (URL, "", URL),
        (URL, "wss://other.example.org", URL),
        (None, "wss://other.example.org", "wss://other.example.org"),
        ("ws://127.0.0.1:7880/", "", "ws://127.0.0.1:7880"),
    ],
)
async def test_the_room_is_the_one_the_api_names_or_else_the_one_that_is_set(
    granted: str | None, known: str, joined: str
) -> None:
    rig = RoomRig(stream_url=known)
    rig.answers = [StreamGrant("token", granted)]
    await rig.link.join(rig)
    assert rig.link.up
    assert [room.url for room in rig.joined] == [joined]


@pytest.mark.parametrize(
    ("granted", "known", "error", "why"),
    [
        ("ws://rooms.example.org", URL, UnreachableError, "cannot be used safely"),
        (None, "ws://rooms.example.org", UsageError, "stream_url"),
        (None, "", UsageError, "none is set"),
    ],
)
async def test_no_room_is_joined_in_the_clear_whoever_names_it(
    granted: str | None, known: str, error: type[Exception], why: str
) -> None:
    rig = RoomRig(stream_url=known)
    rig.answers = [StreamGrant("token", granted)]
    with pytest.raises(error, match=why):
        await rig.link.join(rig)
    assert not rig.joined


# --- ready ----------------------------------------------------------------------------------------


async def test_two_named_parties_are_all_there_are() -> None:
    rig = RoomRig()
    assert not rig.link.all_tracks_here()
    await rig.link.join(rig)
    rig.add("a", "caller")
    assert not rig.link.all_tracks_here()
    rig.add("b", "callTaker")
    assert rig.link.all_tracks_here()


async def test_a_mixed_track_is_all_there_is_once_no_other_has_turned_up() -> None:
    rig = RoomRig(replace(LIMITS, tracks_quiet_s=0.2))
    await rig.link.join(rig)
    rig.link.room.announced = 1
    rig.add("a", "call")
    assert not rig.link.all_tracks_here()
    await asyncio.sleep(0.21)
    assert rig.link.all_tracks_here()
    rig.link.room.announced = 2
    assert not rig.link.all_tracks_here()


async def test_a_call_is_ready_when_its_packets_flow() -> None:
    rig = RoomRig()
    await rig.link.join(rig)
    rig.add_both()
    flows = {"a"}
    rig.link.room.counts = lambda track_id: FLOWS if track_id in flows else Counters()
    ready = asyncio.create_task(rig.link.until_ready())
    await asyncio.sleep(0.1)
    assert not ready.done()
    flows.add("b")
    await asyncio.wait_for(ready, SOON_S)
    assert rig.path.flows("a")
    assert rig.path.flows("b")


async def test_sound_that_does_not_come_is_waited_for_and_reported() -> None:
    rig = RoomRig(replace(LIMITS, report_s=0.05))
    await rig.link.join(rig)
    ready = asyncio.create_task(rig.link.until_ready())
    await soon(lambda: rig.said[-1].startswith("No sound of the call"))
    assert not ready.done()
    rig.link.closed.set()
    with pytest.raises(UnreachableError, match="closed before"):
        await asyncio.wait_for(ready, SOON_S)


@pytest.mark.parametrize("wants_sound", [True, False])
async def test_a_server_that_publishes_nothing_is_asked_for_sound(wants_sound: bool) -> None:
    rig = RoomRig(replace(LIMITS, prime_s=0.1), wants_sound=wants_sound)
    await rig.link.join(rig)
    rig.link.room.announced = 0
    ready = asyncio.create_task(rig.link.until_ready())
    await asyncio.sleep(0.08)
    assert not rig.primed_s
    if not wants_sound:
        await asyncio.wait_for(ready, SOON_S)  # paused, and ready without a track
        return
    await asyncio.sleep(0.3)
    assert rig.primed_s
    assert not ready.done()
    rig.link.room.announced = 2
    rig.add_both()
    await asyncio.wait_for(ready, SOON_S)


# --- what is counted ------------------------------------------------------------------------------


async def test_a_room_that_was_left_meanwhile_is_not_counted() -> None:
    rig = RoomRig()
    await rig.link.join(rig)
    rig.add_both()

    def counts(_track_id: str) -> Counters:
        rig.link.room = None
        return replace(FLOWS, concealed=48_000)

    rig.link.room.counts = counts
    await rig.link.read_counters()
    assert not rig.path.flows("a")
    assert rig.path.concealed_ms == 0.0


async def test_a_track_that_has_ended_meanwhile_is_not_counted() -> None:
    rig = RoomRig()
    await rig.link.join(rig)
    rig.add_both()

    def counts(track_id: str) -> Counters:
        if track_id == "a":
            rig.channels.remove("a")
            rig.link.remove_track("a")
        return FLOWS

    rig.link.room.counts = counts
    await rig.link.read_counters()
    assert not rig.path.flows("a")
    assert rig.path.flows("b")


# --- again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("within_s", [1.2, 0.0])
async def test_at_the_first_start_what_may_pass_is_tried_again_for_a_while(within_s: float) -> None:
    rig = RoomRig(replace(LIMITS, first_tries_s=within_s))
    rig.answers = [UnreachableError("The API answered 502.", may_pass=True) for _ in range(9)]
    with pytest.raises(UnreachableError) as caught:
        await asyncio.wait_for(rig.link.join_first(rig), SOON_S)
    tries = 3 if within_s else 1
    assert rig.asked == tries
    assert caught.value.what == "The API answered 502." + " It was tried 3 times." * bool(within_s)
    said = [each for each in rig.said if each.startswith("Trying again since ")]
    assert len(said) == 2 * (tries - 1)
    assert all(each.endswith(": The API answered 502.") for each in said)


async def test_at_the_first_start_a_server_that_says_when_to_come_again_is_waited_for() -> None:
    rig = RoomRig(replace(LIMITS, first_tries_s=0.0))
    rig.answers = [
        UnreachableError("The API answered 500.", may_pass=True, retry_after_s=0.5),
        NotReadyError("The API answered 503."),
    ]
    rig.refuses = [UnreachableError("No.", may_pass=True, retry_after_s=0.1)]
    await asyncio.wait_for(rig.link.join_first(rig), SOON_S)
    assert (rig.asked, len(rig.joined)) == (4, 1)


async def test_at_the_first_start_what_stays_ends_it_at_once() -> None:
    rig = RoomRig()
    rig.answers = [UnreachableError("The API answered 400."), UnreachableError("Again.")]
    with pytest.raises(UnreachableError, match=r"^The API answered 400\.$"):
        await asyncio.wait_for(rig.link.join_first(rig), SOON_S)


async def test_a_new_room_is_joined_however_often_it_takes_and_the_reason_reported() -> None:
    rig = RoomRig()
    rig.make_ready()
    rig.answers = [
        UnreachableError("The API answered 503.", retry_after_s=30.0),
        IncidentNotFoundError("There is no such incident."),
    ]
    rig.refuses = [UnreachableError("The room server does not answer.")]
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    waits_s = []
    for why in (
        "The API answered 503.",
        "There is no such incident.",
        "The room server does not answer.",
    ):
        waits_s.append(await rig.until_it_waits())
        assert rig.said[-1] == why
        at_s = rig.call.retry_at_s
        rig.link.retry_now()
        await soon(lambda at_s=at_s: rig.call.retry_at_s != at_s)
    await asyncio.wait_for(rejoining, SOON_S)
    assert waits_s[0] == pytest.approx(30.0, abs=1.0)  # as the server asked for
    assert waits_s[1] < waits_s[2]
    assert len(rig.joined) == 1
    assert rig.call.rejoining  # until the engine has put the call where it was


async def test_the_wait_ends_by_itself() -> None:
    rig = RoomRig()
    rig.make_ready()
    rig.answers = [UnreachableError("Once.")]
    await asyncio.wait_for(rig.link.rejoin(rig), SOON_S)
    assert rig.said[0] == "Once."
    assert rig.call.retry_at_s is None


async def test_one_refused_token_may_have_ended_but_not_a_second_one() -> None:
    rig = RoomRig()
    rig.make_ready()
    rig.refuses = [StreamTokenRefusedError("No.")]
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)
    rig.refuses = [StreamTokenRefusedError("No."), StreamTokenRefusedError("No.")]
    rejoining = asyncio.create_task(rig.link.rejoin(rig))
    await rig.until_it_waits()
    rig.link.retry_now()
    with pytest.raises(StreamTokenRefusedError):
        await asyncio.wait_for(rejoining, SOON_S)


async def test_a_client_that_the_api_will_not_have_does_not_ask_again() -> None:
    rig = RoomRig()
    rig.answers = [SignInRefusedError("No.")]
    with pytest.raises(SignInRefusedError):
        await rig.link.rejoin(rig)


async def test_the_last_room_is_left_before_the_next_is_joined() -> None:
    rig = RoomRig()
    await rig.link.join(rig)
    rig.path.take("a", replace(FLOWS, concealed=480))
    first, flow = rig.link.room, rig.link.flow
    rig.link.closed.set()
    rig.link.first_status.set()
    await rig.link.join(rig)
    assert first.left
    assert rig.link.room is not first
    assert rig.link.flow is not flow
    assert not rig.link.closed.is_set()
    assert not rig.link.first_status.is_set()
    assert not rig.path.flows("a")
    assert rig.path.concealed_ms == 10.0


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
    rig.link.limits = replace(TRIES, lasts_s=0.0)  # it lasted for long enough
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
