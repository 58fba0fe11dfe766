"""Another participant in the room: the bot obeys its listener, the player believes its bot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api, rtc

from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import RoomServer, own_server
from callplayer.vendor.commands import Resume, Scrub, encode_command
from callplayer.vendor.status import Status, encode_status
from tests.e2e.service_fixtures import (
    CLIENT_ID,
    CLIENT_SECRET,
    Service,
    listening,
    open_stream,
    running_service,
    write_recordings,
)
from tests.rig.processes import HeadlessEngine


@dataclass(frozen=True)
class Site:
    """A service, and the room server whose key we know, too."""

    service: Service
    rooms: RoomServer

    @contextlib.asynccontextmanager
    async def stranger(self) -> AsyncIterator[rtc.Room]:
        """A participant with a good token in the one room that there is."""
        key, secret = self.rooms.api_key, self.rooms.api_secret.reveal()
        async with api.LiveKitAPI(self.rooms.url, key, secret) as asked:
            (room,) = (await asked.room.list_rooms(api.ListRoomsRequest())).rooms
        token = api.AccessToken(key, secret).with_identity("stranger")
        token = token.with_ttl(timedelta(minutes=1))
        token = token.with_grants(api.VideoGrants(room_join=True, room=room.name))
        stranger = rtc.Room()
        await stranger.connect(self.rooms.url, token.to_jwt())
        try:
            yield stranger
        finally:
            await stranger.disconnect()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    write_recordings(tmp_path)
    async with own_server(ensure_binary(print), tmp_path / "livekit.log") as server:
        rooms = server.room_server
        environment = {
            "CALLPLAYER_LIVEKIT_API_KEY": rooms.api_key,
            "CALLPLAYER_LIVEKIT_API_SECRET": rooms.api_secret.reveal(),
        }
        call = tmp_path / "call.wav"
        options = f"(Path({str(call)!r}),), port=0, livekit_url={rooms.url!r}"
        with running_service(options, environment) as service:
            yield Site(service, rooms)


async def test_a_bot_obeys_its_own_listener_only(site: Site) -> None:
    token, url = await open_stream(site.service, "call.wav", participant_id="desk 7")
    async with listening(token, url) as listener:
        assert listener.room.local_participant.identity == "desk 7"
        async with site.stranger() as stranger:
            listener.statuses.clear()
            for command in (Scrub(position=5000), Resume()):
                await stranger.local_participant.publish_data(encode_command(command))
            await asyncio.sleep(0.5)
        reported = await listener.status()
        assert (reported.position, reported.paused) == (0, True)
        assert (await listener.status_after(Scrub(position=5000))).position == 5000


async def test_a_player_believes_its_own_bot_only(site: Site, tmp_path: Path) -> None:
    environment = {
        "CALLPLAYER_API_URL": site.service.api_url,
        "CALLPLAYER_CLIENT_ID": CLIENT_ID,
        "CALLPLAYER_CLIENT_SECRET": CLIENT_SECRET,
    }
    incident = site.service.ready["incidents"][0]
    engine = HeadlessEngine(tmp_path, environment, incident, "--no-audio", "--paused")
    try:
        await asyncio.to_thread(engine.wait_state, phase="paused", duration_ms=20_000)
        async with site.stranger() as stranger:
            lie = Status(19_000, 90_000, paused=False, at_end=True, call_over=True)
            for _ in range(5):
                await stranger.local_participant.publish_data(encode_status(lie), reliable=True)
                await asyncio.sleep(0.1)
        engine.send(cmd="scrub", position=5000)
        await asyncio.to_thread(engine.wait_state, position_ms=5000, requested_ms=None)
        states = [event for _, event in engine.events if event["event"] == "state"]
        assert {each["duration_ms"] for each in states if each["phase"] == "paused"} == {20_000}
        assert 19_000 not in {each["position_ms"] for each in states}
        assert await asyncio.to_thread(engine.quit) == 0
    finally:
        engine.close()
