"""Ingest rooms over a real livekit-server: who may speak in them, and as whom."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from livekit import api, rtc

from callplayer.service.http.auth import REQUESTS
from callplayer.service.library.library import Library
from callplayer.service.live.ingest import MAX_ROOMS
from callplayer.service.live_wav import GrowingAudio
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import RoomServer, own_server
from callplayer.vendor.commands import Resume, encode_command
from tests.e2e.live_sources import Publisher, Talk, incident, incidents, talking
from tests.e2e.service_fixtures import (
    LOW_HZ,
    RATE_HZ,
    Service,
    heard_position_s,
    rms_db,
    running_service,
    sign_in_body,
    signed_in,
    until,
)
from tests.rig.openapi_check import OpenApiCheck

pytestmark = pytest.mark.plays

WINDOW_FRAMES = RATE_HZ // 20


@dataclass
class Site:
    """A service with ingest, its library and its room server."""

    service: Service
    library: Path
    rooms: RoomServer

    async def open_call(self, **asked: object) -> dict[str, Any]:
        async with signed_in(self.service) as client:
            answer = await client.post("/ingest/calls", json=asked)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def recording(self, opened: dict[str, Any]) -> Path:
        return self.library / "recordings" / f"{opened['incident_id']}.wav"

    def token(self, room: str, identity: str) -> str:
        """A token as a phone bridge of the site's own would have: any identity."""
        token = api.AccessToken(self.rooms.api_key, self.rooms.api_secret.reveal())
        grants = api.VideoGrants(room_join=True, room=room)
        token = token.with_identity(identity).with_ttl(timedelta(minutes=1))
        return token.with_grants(grants).to_jwt()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with own_server(ensure_binary(print), tmp_path / "livekit.log") as server:
        rooms, library = server.room_server, tmp_path / "library"
        options = (
            f"(), port=0, livekit_url={rooms.url!r}, library=Path({str(library)!r}),"
            " live_sources=LiveSources(ingest=True, end_after_s=2.0)"
        )
        environment = {
            "CALLPLAYER_LIVEKIT_API_KEY": rooms.api_key,
            "CALLPLAYER_LIVEKIT_API_SECRET": rooms.api_secret.reveal(),
        }
        with running_service(options, environment) as service:
            yield Site(service, library, rooms)


async def until_over(site: Site, opened: dict[str, Any]) -> None:
    async with asyncio.timeout(15):
        while (await incident(site.service, opened["incident_id"]))["is_audio_live"]:
            await asyncio.sleep(0.1)


def offsets_s(sound: np.ndarray, party: str) -> np.ndarray:
    """Where in the recording the party's talk began, by each 50 ms in which it is heard."""
    found = []
    for at in range(0, len(sound) - WINDOW_FRAMES, WINDOW_FRAMES):
        part = sound[at : at + WINDOW_FRAMES]
        if rms_db(part) > -20:
            middle_s = (at + WINDOW_FRAMES / 2) / RATE_HZ
            found.append(middle_s - heard_position_s(part, party))
    return np.array(found)


async def test_two_parties_lie_side_by_side(site: Site) -> None:
    opened = await site.open_call(incident={"caller_phone_number": "+15550100"})
    assert set(opened["tokens"]) == {"caller", "callTaker"}
    talks = {party: Talk(1, party=party) for party in LOW_HZ}
    async with AsyncExitStack() as stack:
        for party, talk in talks.items():
            publisher = Publisher()
            await publisher.join(opened["url"], opened["tokens"][party])
            stack.push_async_callback(publisher.leave)
            assert set(publisher.room.remote_participants) <= set(LOW_HZ)  # the service is unseen
            await stack.enter_async_context(talking(talk, publisher.write))
            await asyncio.sleep(2.0 if party == "caller" else 1.0)
        reported = await incident(site.service, opened["incident_id"])
        assert (reported["is_audio_live"], reported["caller_phone_number"]) == (True, "+15550100")
        await asyncio.sleep(1.0)
    await until_over(site, opened)
    sound, _ = soundfile.read(site.recording(opened), dtype="int16")
    caller, taker = offsets_s(sound[:, 0], "caller"), offsets_s(sound[:, 1], "callTaker")
    assert len(caller) > 20
    assert len(taker) > 10
    apart_s = talks["callTaker"].began_s - talks["caller"].began_s
    # On a busy machine the one's jitter buffer may grow and the other's not.
    assert np.median(taker) - np.median(caller) == pytest.approx(apart_s, abs=1.0)
    quiet = sound[: int((np.median(taker) - 0.2) * RATE_HZ), 1]
    assert np.abs(quiet).max() < 30


async def test_a_publisher_may_speak_and_nothing_else(site: Site) -> None:
    opened = await site.open_call(parties="mixed")
    assert set(opened["tokens"]) == {"call"}
    claims = json.loads(base64.urlsafe_b64decode(opened["tokens"]["call"].split(".")[1] + "=="))
    assert claims["sub"] == "call"
    assert claims["video"] == {
        "roomJoin": True,
        "room": opened["room"],
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canSubscribe": False,
        "canPublishData": False,
    }
    assert len(opened["room"]) >= 32
    bad_number = b'{"incident":{"caller_phone_number":"911"}}'
    async with signed_in(site.service) as client:
        for body in (b'{"parties":"three"}', b"[", b'{"incident":5}', bad_number):
            assert (await client.post("/ingest/calls", content=body)).status_code == 422
        assert (await client.post("/ingest/calls", content=b"x" * 20_000)).status_code == 413
        del client.headers["Authorization"]
        assert (await client.post("/ingest/calls")).status_code == 401
    other = await site.open_call()
    stranger = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await stranger.connect(opened["url"], opened["tokens"]["call"][:-2] + "xx")
    assert other["room"] != opened["room"]
    async with signed_in(site.service) as client:
        answers = [await client.post("/ingest/calls") for _ in range(MAX_ROOMS - 1)]
    assert [answer.status_code for answer in answers] == [201] * (MAX_ROOMS - 2) + [429]
    assert answers[-1].headers["Retry-After"]
    assert await incidents(site.service) == []  # without a word there is no call


async def test_a_client_that_may_not_listen_opens_no_room_and_none_asks_without_end(
    site: Site,
) -> None:
    with Library.open(site.library) as library:
        secret = library.clients.add("words", may_listen=False).reveal()
    async with signed_in(site.service) as client:
        document = OpenApiCheck((await client.get("/openapi.json")).json())
        body = sign_in_body(client_id="words", client_secret=secret)
        token = (await client.post("/oauth/token", json=body)).json()["access_token"]
        refused = {"Authorization": f"Bearer {token}"}
        for _ in range(MAX_ROOMS + 1):
            answer = await client.post("/ingest/calls", headers=refused)
            assert answer.status_code == 403
            document.check(answer)
        answer = await client.post("/ingest/calls")
        assert answer.status_code == 201  # no room was taken
        document.check(answer)
        asked = (client.post("/ingest/calls", content=b"[") for _ in range(4 * REQUESTS.burst))
        answers = {answer.status_code: answer for answer in await asyncio.gather(*asked)}
        assert set(answers) == {422, 429}
        document.check(answers[429])
        assert answers[429].headers["Retry-After"] == "1"  # for rooms it would be 60


async def test_any_other_participant_is_the_first_party_that_is_free(site: Site) -> None:
    opened = await site.open_call()
    names = ("callTaker", "sip_+15550100", "one too many")
    async with AsyncExitStack() as stack:
        for name in names:
            publisher = Publisher()
            await publisher.join(opened["url"], site.token(opened["room"], name))
            stack.push_async_callback(publisher.leave)
            if name == "one too many":
                await publisher.room.local_participant.publish_data(encode_command(Resume()))
            else:
                party = "callTaker" if name == "callTaker" else "caller"
                talk = Talk(1, party=party)
                await stack.enter_async_context(talking(talk, publisher.write))
        await until(lambda: "is one too many, not heard" in site.service.log())
        await asyncio.sleep(0.5)
    await until_over(site, opened)
    sound, _ = soundfile.read(site.recording(opened), dtype="int16")
    for channel, party in enumerate(LOW_HZ):
        found = offsets_s(sound[:, channel], party)
        assert len(found) > 5
        assert np.ptp(found) < 1.0  # one voice only


async def test_the_call_goes_on_when_a_party_comes_back_and_ends_with_the_room(site: Site) -> None:
    opened = await site.open_call()
    for _ in range(2):
        publisher = Publisher()
        await publisher.join(opened["url"], opened["tokens"]["caller"])
        async with talking(Talk(1), publisher.write):
            await asyncio.sleep(0.7)
        await publisher.leave()
        await asyncio.sleep(0.3)
    assert (await incident(site.service, opened["incident_id"]))["is_audio_live"]
    server = site.rooms
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret.reveal()) as rooms:
        await rooms.room.delete_room(api.DeleteRoomRequest(room=opened["room"]))
    await until_over(site, opened)
    assert len(await incidents(site.service)) == 1
    info = soundfile.info(site.recording(opened))
    assert info.frames / RATE_HZ > 1.2


async def test_a_call_outlives_its_room_server(tmp_path: Path) -> None:
    library = tmp_path / "library"
    options = f"(), port=0, library=Path({str(library)!r}), live_sources=LiveSources(ingest=True)"
    with running_service(options) as service:
        async with signed_in(service) as client:
            opened = (await client.post("/ingest/calls")).json()
        publisher = Publisher()
        await publisher.join(opened["url"], opened["tokens"]["caller"])
        async with talking(Talk(1), publisher.write):
            recording = library / "recordings" / f"{opened['incident_id']}.wav"
            await until(recording.exists)
            with GrowingAudio(recording) as audio:
                await until(lambda: is_loud(audio))
                (server,) = [
                    pid for pid in service.children() if b"livekit-server" in command_of(pid)
                ]
                os.kill(server, signal.SIGKILL)
                await until(lambda: not is_loud(audio))
                await until(lambda: is_loud(audio), timeout_s=20)
                assert not audio.is_over()
        await publisher.leave()
        assert (await incident(service, opened["incident_id"]))["is_audio_live"]


def is_loud(audio: GrowingAudio) -> bool:
    """Whether the newest 0.1 s of the caller is sound."""
    newest = audio.read(audio.frames() - RATE_HZ // 10, RATE_HZ // 10)
    return len(newest) > 0 and rms_db(newest[:, 0]) > -30


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
