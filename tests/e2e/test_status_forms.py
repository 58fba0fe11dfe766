"""Statuses by every way that a real room has: data packets with and without a topic, text streams.

The room is a real livekit-server's; the receiver is the engine's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc

from callplayer.engine.room.room import Room
from callplayer.vendor.status import MAX_STATUS_BYTES, StatusUpdate
from tests.rig.livekit import LiveKit

SOON_S = 10.0


def status(position: int, **more: Any) -> str:
    return json.dumps({"kind": "status", "position": position, "duration": 9000, **more})


@pytest.fixture(scope="module")
def livekit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKit]:
    livekit = LiveKit(tmp_path_factory.mktemp("livekit"))
    yield livekit
    livekit.kill()


class Listener:
    """Keeps the positions that the room delivers."""

    def __init__(self) -> None:
        self.positions: list[int | None] = []

    def on_statuses(self, updates: Sequence[StatusUpdate]) -> None:
        self.positions += [update.position for update in updates]

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None

    async def until_reported(self, position: int) -> None:
        async with asyncio.timeout(SOON_S):
            while position not in self.positions:
                await asyncio.sleep(0.02)


def token(livekit: LiveKit, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room_create=True, room="statuses")
    made = api.AccessToken(livekit.api_key, livekit.api_secret)
    return made.with_identity(identity).with_grants(grants).to_jwt()


@asynccontextmanager
async def joined(livekit: LiveKit) -> AsyncIterator[tuple[Listener, rtc.LocalParticipant]]:
    sender, listener = rtc.Room(), Listener()
    await sender.connect(livekit.url, token(livekit, "bot"))
    room = Room(listener)  # type: ignore[arg-type]
    try:
        await room.connect(livekit.url, token(livekit, "player"))
        async with asyncio.timeout(SOON_S):
            while "player" not in sender.remote_participants:
                await asyncio.sleep(0.02)
        yield listener, sender.local_participant
    finally:
        await room.close()
        await sender.disconnect()


async def test_packets_and_streams_of_any_topic_are_read(livekit: LiveKit, tmp_path: Path) -> None:
    async with joined(livekit) as (listener, sender):
        await sender.publish_data(status(1).encode(), reliable=True)
        await sender.publish_data(status(2).encode(), reliable=True, topic="player-status")
        await sender.publish_data(status(3).encode(), reliable=False)
        await sender.send_text(status(4), topic="")
        await sender.send_text(status(5), topic="status")
        await sender.send_text(status(6), topic="something of the vendor's own")
        for topic, position in (("", 7), ("status.bin", 8)):
            writer = await sender.stream_bytes("status", topic=topic)
            await writer.write(status(position).encode())
            await writer.aclose()
        for position in range(1, 9):
            await listener.until_reported(position)


async def test_a_text_stream_that_is_too_long_or_never_ends_keeps_nothing_from_being_read(
    livekit: LiveKit,
) -> None:
    async with joined(livekit) as (listener, sender):
        await sender.send_text("x" * (4 * MAX_STATUS_BYTES), topic="status")
        writers = [await sender.stream_text(topic="status") for _ in range(3)]
        for writer in writers:
            await writer.write(status(1)[:10])
        long = await sender.stream_bytes("long", topic="status")
        with contextlib.suppress(Exception):  # it may be ended before it is sent whole
            for _ in range(4):
                await long.write(b"x" * MAX_STATUS_BYTES)
        await sender.send_text(status(2), topic="status")
        await listener.until_reported(2)
        await sender.publish_data(status(3).encode())
        await listener.until_reported(3)
        assert listener.positions == [2, 3]
        for writer in writers:
            await writer.aclose()


async def test_a_flood_of_text_streams_is_survived(livekit: LiveKit) -> None:
    async with joined(livekit) as (listener, sender):
        await asyncio.gather(*(sender.send_text(status(1), topic="t") for _ in range(300)))
        await sender.publish_data(status(2).encode())
        await listener.until_reported(2)
        async with asyncio.timeout(SOON_S):
            while listener.positions[-1] != 3:
                await sender.send_text(status(3), topic="t")
                await asyncio.sleep(0.2)
