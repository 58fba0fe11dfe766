"""The SDK's own ways back into a room: taken up where it was, or with everything new."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from livekit import api, rtc
from livekit.rtc._proto.room_pb2 import SimulateScenarioKind

from callplayer import livekit_ffi
from callplayer.config import Secret, Settings
from callplayer.engine.room.room import Room
from callplayer.errors import UnreachableError
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.client import ApiClient
from callplayer.vendor.commands import Resume, encode_command
from callplayer.vendor.parties import TrackNames
from callplayer.vendor.status import StatusUpdate
from tests.rig.livekit import LiveKit
from tests.rig.processes import CLIENT_ID, CLIENT_SECRET
from tests.rig.relay import Relay
from tests.rig.vendor import Script, Vendor

pytestmark = pytest.mark.plays

FRAMES_A_S = 100
COUNTED_S = 1.0


class Reported:
    """Keeps what a room reports."""

    def __init__(self) -> None:
        self.tracks: dict[str, str] = {}
        self.came = 0
        self.links: list[bool] = []
        self.closed: list[str] = []
        self.paused: bool | None = None
        self._frames: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on_frame(self, track_id: str, pcm: npt.NDArray[np.int16]) -> None:
        del pcm
        with self._lock:
            self._frames[track_id] += 1

    def on_track(self, track_id: str, names: TrackNames) -> None:
        self.tracks[track_id] = names.name
        self.came += 1

    def on_track_gone(self, track_id: str) -> None:
        del self.tracks[track_id]

    def on_senders_left(self) -> None: ...

    def on_statuses(self, updates: Sequence[StatusUpdate]) -> None:
        self.paused = updates[-1].paused

    def on_link(self, up: bool) -> None:
        self.links.append(up)

    def on_closed(self, reason: str) -> None:
        self.closed.append(reason)

    async def frames_a_s(self) -> dict[str, float]:
        """Count the frames of each track for a while."""
        with self._lock:
            self._frames.clear()
        began_s = time.monotonic()
        await asyncio.sleep(COUNTED_S)
        with self._lock:
            return {track: n / (time.monotonic() - began_s) for track, n in self._frames.items()}


async def until(is_true: Callable[[], bool], timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_true():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("scenario", "is_new"),
    [
        pytest.param(SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT, False, id="taken up"),
        pytest.param(SimulateScenarioKind.SIMULATE_FULL_RECONNECT, True, id="all new"),
    ],
)
async def test_after_the_sdk_came_back_each_party_has_one_track_that_is_read_once(
    scenario: Any, is_new: bool, tmp_path: Path
) -> None:
    vendor = await asyncio.to_thread(Vendor, tmp_path, Script(folder=str(tmp_path)))
    try:
        settings = Settings(
            api_url=vendor.environment["CALLPLAYER_API_URL"],
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
        )
        async with ApiClient(settings) as access:
            grant = await access.stream_grant("i1", autoplay=False)
        reported = Reported()
        sdk_room = rtc.Room()
        room = Room(reported, sdk_room)
        await room.connect(vendor.stream_url, grant.token)
        await until(lambda: len(reported.tracks) == 2 and reported.paused is True)
        came = reported.came

        await sdk_room.simulate_scenario(scenario)
        await until(lambda: reported.links == [False, True])
        await until(lambda: len(reported.tracks) == 2 and (not is_new or reported.came == came + 2))
        await asyncio.sleep(0.3)
        assert set(reported.tracks.values()) == {"caller", "callTaker"}
        assert (reported.came > came) is is_new
        rates = await reported.frames_a_s()
        assert set(rates) == set(reported.tracks)
        assert all(rate < 1.5 * FRAMES_A_S for rate in rates.values()), "read twice"
        assert all(rate > 0.5 * FRAMES_A_S for rate in rates.values())
        await room.send(encode_command(Resume()))
        await until(lambda: reported.paused is False)
        await room.close()
        assert reported.tracks == {}
        assert reported.closed == []
        assert sum((await reported.frames_a_s()).values()) == 0
    finally:
        await asyncio.to_thread(vendor.stop)


async def test_a_room_that_takes_too_long_to_join_is_left_when_it_is_joined_after_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK tries for half a minute, also when it is not awaited."""
    caplog.set_level(logging.INFO, "callplayer.livekit_ffi")
    livekit = await asyncio.to_thread(LiveKit, tmp_path)
    relay = Relay(("127.0.0.1", int(livekit.url.rsplit(":", 1)[1])))
    url = livekit.url.replace("ws", "http", 1)
    try:
        async with api.LiveKitAPI(url, livekit.api_key, livekit.api_secret) as server:
            await server.room.create_room(api.CreateRoomRequest(name="room"))
            relay.go_dead()
            room = Room(Reported(), connect_timeout_s=0.5)
            keys = RoomTokens(livekit.api_key, Secret(livekit.api_secret))
            with pytest.raises(UnreachableError):
                await room.connect(
                    f"ws://127.0.0.1:{relay.port}", keys.for_listener("room", "late")
                )
            await room.close()
            assert livekit_ffi.left_behind
            relay.revive()
            await until(lambda: not livekit_ffi.left_behind, 30.0)
            assert "took too long to join is left" in caplog.text
            asked = api.ListParticipantsRequest(room="room")
            assert not (await server.room.list_participants(asked)).participants
    finally:
        relay.close()
        livekit.kill()
