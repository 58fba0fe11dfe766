"""The room of a call: which one, when it is ready, and how it is had again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from callplayer.config import Settings
from callplayer.engine.audio.channel_bank import ChannelBank
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import FLOWING_PACKETS, Counters, ReceivePath
from callplayer.engine.session import connection as links
from callplayer.engine.session.connection import TRACKS_QUIET_S, RoomConnection
from callplayer.errors import (
    IncidentNotFoundError,
    SignInRefusedError,
    StreamTokenRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.parties import TrackNames

URL = "wss://rooms.example.org"
FLOWS = Counters(packets=FLOWING_PACKETS, emitted=480)
SOON_S = 5.0


class Room:
    """A room in memory. `refuses`: what joining one raises, in turn; then it joins."""

    refuses: ClassVar[list[Exception]] = []
    joined: ClassVar[list[Room]] = []

    def __init__(self, listener: Any) -> None:
        self.url = ""
        self.left = False
        self.announced = 2
        self.counts: Callable[[str], Counters | None] = lambda _: FLOWS

    async def connect(self, url: str, token: str) -> None:
        if Room.refuses:
            raise Room.refuses.pop(0)
        self.url = url
        Room.joined.append(self)

    async def close(self) -> None:
        self.left = True

    def audio_tracks_announced(self) -> int:
        return self.announced

    async def counters(self, track_id: str) -> Counters | None:
        await asyncio.sleep(0)
        return self.counts(track_id)


class Access:
    """An API that grants streams; `answers` go before, in turn."""

    def __init__(self, *answers: Exception | StreamGrant) -> None:
        self.answers = list(answers)

    async def stream_grant(self, incident_id: str, *, autoplay: bool) -> StreamGrant:
        assert (incident_id, autoplay) == ("i1", False)
        answer = self.answers.pop(0) if self.answers else StreamGrant("token", URL)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Rig:
    def __init__(self, **settings: Any) -> None:
        self.said: list[str] = []
        self.call, self.channels, self.path = (
            PlaybackState(),
            ChannelBank(48_000),
            ReceivePath(),
        )
        self.link = RoomConnection(
            replace(Settings(), **settings), "i1", call=self.call, channels=self.channels,
            path=self.path, listener=None, say=self.said.append, prime=lambda: True,
        )  # fmt: skip

    def add(self, track_id: str, party: Any) -> None:
        self.channels.add(track_id, TrackNames(party))
        self.link.add_track(track_id)

    def add_both(self) -> None:
        self.add("a", "caller")
        self.add("b", "callTaker")


@pytest.fixture(autouse=True)
def _rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.refuses, Room.joined = [], []
    monkeypatch.setattr(links, "Room", Room)
    monkeypatch.setattr(links, "_chance", lambda: 1.0)
    monkeypatch.setattr(links, "STATUS_WAIT_S", 0.05)
    monkeypatch.setattr(links, "FLOW_WAIT_S", 5.0)


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
    rig = Rig(stream_url=known)
    await rig.link.join(Access(StreamGrant("token", granted)))
    assert rig.link.up
    assert [room.url for room in Room.joined] == [joined]


async def test_no_room_is_joined_in_the_clear_whoever_names_it() -> None:
    rig = Rig(stream_url=URL)
    with pytest.raises(UnreachableError, match="cannot be used safely"):
        await rig.link.join(Access(StreamGrant("token", "ws://rooms.example.org")))
    with pytest.raises(UsageError):
        await Rig(stream_url="ws://rooms.example.org").link.join(Access(StreamGrant("token", None)))
    with pytest.raises(UsageError, match="none is set"):
        await Rig().link.join(Access(StreamGrant("token", None)))
    assert not Room.joined


# --- ready ----------------------------------------------------------------------------------------


async def test_two_named_parties_are_all_there_are() -> None:
    rig = Rig()
    assert not rig.link.all_tracks_here()
    await rig.link.join(Access())
    rig.add("a", "caller")
    assert not rig.link.all_tracks_here()
    rig.add("b", "callTaker")
    assert rig.link.all_tracks_here()


async def test_a_mixed_track_is_all_there_is_once_no_other_has_turned_up() -> None:
    rig = Rig()
    await rig.link.join(Access())
    rig.link.room.announced = 1
    rig.add("a", "call")
    assert not rig.link.all_tracks_here()
    rig.link._track_s -= TRACKS_QUIET_S
    await asyncio.sleep(0.001)
    assert rig.link.all_tracks_here()
    rig.link.room.announced = 2
    assert not rig.link.all_tracks_here()


async def test_a_call_is_ready_when_its_packets_flow() -> None:
    rig = Rig()
    await rig.link.join(Access())
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


async def test_sound_that_does_not_come_is_waited_for_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "NO_TRACKS_S", 0.05)
    rig = Rig()
    await rig.link.join(Access())
    ready = asyncio.create_task(rig.link.until_ready())
    while not rig.said[-1].startswith("No sound of the call"):
        await asyncio.sleep(0.01)
    assert not ready.done()
    rig.link.closed.set()
    with pytest.raises(UnreachableError, match="closed before"):
        await asyncio.wait_for(ready, SOON_S)


@pytest.mark.parametrize("wants_sound", [True, False])
async def test_a_server_that_publishes_nothing_is_asked_for_sound(
    monkeypatch: pytest.MonkeyPatch, wants_sound: bool
) -> None:
    monkeypatch.setattr(links, "PRIME_S", 0.1)
    rig, asked = Rig(), []

    def prime() -> bool:
        asked.append(time.monotonic())
        return wants_sound

    rig.link._prime = prime
    await rig.link.join(Access())
    rig.link.room.announced = 0
    ready = asyncio.create_task(rig.link.until_ready())
    await asyncio.sleep(0.08)
    assert not asked
    if not wants_sound:
        await asyncio.wait_for(ready, SOON_S)  # paused, and ready without a track
        return
    await asyncio.sleep(0.3)
    assert asked
    assert not ready.done()
    rig.link.room.announced = 2
    rig.add_both()
    await asyncio.wait_for(ready, SOON_S)


# --- what is counted ------------------------------------------------------------------------------


async def test_a_room_that_was_left_meanwhile_is_not_counted() -> None:
    rig = Rig()
    await rig.link.join(Access())
    rig.add_both()

    def counts(_track_id: str) -> Counters:
        rig.link.room = None
        return replace(FLOWS, concealed=48_000)

    rig.link.room.counts = counts
    await rig.link.read_counters()
    assert not rig.path.flows("a")
    assert rig.path.concealed_ms == 0.0


async def test_a_track_that_has_ended_meanwhile_is_not_counted() -> None:
    rig = Rig()
    await rig.link.join(Access())
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


def _ready(rig: Rig) -> None:
    rig.add_both()
    rig.link.first_status.set()


async def _tried(rig: Rig, rejoining: asyncio.Task[None]) -> None:
    """Return when it waits for the next try."""
    async with asyncio.timeout(SOON_S):
        while rig.call.retry_at_s is None and not rejoining.done():
            await asyncio.sleep(0.001)


async def test_a_new_room_is_had_however_often_it_takes_and_the_reason_told() -> None:
    rig = Rig()
    _ready(rig)
    access = Access(
        UnreachableError("The API answered 503.", retry_after_s=30.0),
        IncidentNotFoundError("There is no such incident."),
    )
    Room.refuses = [UnreachableError("The room server does not answer.")]
    rejoining = asyncio.create_task(rig.link.rejoin(access))
    waits_s = []
    for why in (
        "The API answered 503.",
        "There is no such incident.",
        "The room server does not answer.",
    ):
        await _tried(rig, rejoining)
        assert rig.said[-1] == why
        at_s = rig.call.retry_at_s
        waits_s.append(at_s - time.monotonic())
        rig.link.retry_now()
        while rig.call.retry_at_s == at_s:
            await asyncio.sleep(0.001)
    await asyncio.wait_for(rejoining, SOON_S)
    assert waits_s[0] == pytest.approx(30.0, abs=1.0)  # as the server asked for
    assert waits_s[1] < waits_s[2]
    assert len(Room.joined) == 1
    assert rig.call.rejoining  # until the engine has put the call where it was


async def test_the_wait_ends_by_itself() -> None:
    rig = Rig()
    _ready(rig)
    await asyncio.wait_for(rig.link.rejoin(Access(UnreachableError("Once."))), SOON_S)
    assert rig.said[0] == "Once."
    assert rig.call.retry_at_s is None


async def test_one_refused_token_may_have_ended_but_not_a_second_one() -> None:
    rig = Rig()
    _ready(rig)
    Room.refuses = [StreamTokenRefusedError("No.")]
    rejoining = asyncio.create_task(rig.link.rejoin(Access()))
    await _tried(rig, rejoining)
    rig.link.retry_now()
    await asyncio.wait_for(rejoining, SOON_S)
    Room.refuses = [StreamTokenRefusedError("No."), StreamTokenRefusedError("No.")]
    rejoining = asyncio.create_task(rig.link.rejoin(Access()))
    await _tried(rig, rejoining)
    rig.link.retry_now()
    with pytest.raises(StreamTokenRefusedError):
        await asyncio.wait_for(rejoining, SOON_S)


async def test_a_client_that_the_api_will_not_have_does_not_ask_again() -> None:
    rig = Rig()
    with pytest.raises(SignInRefusedError):
        await rig.link.rejoin(Access(SignInRefusedError("No.")))


async def test_the_last_room_is_left_before_the_next_is_joined() -> None:
    rig = Rig()
    await rig.link.join(Access())
    rig.path.take("a", replace(FLOWS, concealed=480))
    first, flow = rig.link.room, rig.link.flow
    rig.link.closed.set()
    rig.link.first_status.set()
    await rig.link.join(Access())
    assert first.left
    assert rig.link.room is not first
    assert rig.link.flow is not flow
    assert not rig.link.closed.is_set()
    assert not rig.link.first_status.is_set()
    assert not rig.path.flows("a")
    assert rig.path.concealed_ms == 10.0
