"""What a live call is made of in the tests: sound that carries its position, sent as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc

from tests.e2e.service_fixtures import (
    RATE_HZ,
    SWEEP_S,
    Listener,
    Service,
    heard_position_s,
    running_service,
    signed_in,
    sweep,
)

STEP_FRAMES = 960
HEARD_S = 0.1
SOURCES = ("stdin", "watched folder", "ingest room")

Send = Callable[[np.ndarray], Awaitable[None]]


class Talk:
    """A party's or two parties' sweep, sent 20 ms at a time by the clock until `stop`."""

    def __init__(self, channels: int, longest_s: float = 60.0, party: str = "caller") -> None:
        parties = (party,) if channels == 1 else ("caller", "callTaker")
        sound = np.stack([sweep(party, longest_s) for party in parties], axis=1)
        self._sound = np.rint(sound * 32_767).astype(np.int16)
        self._stopped = asyncio.Event()
        self.began_s = 0.0
        self.sent_frames = 0

    def position_s(self) -> float:
        """Where the speaker is now."""
        return time.monotonic() - self.began_s

    def stop(self) -> None:
        self._stopped.set()

    async def send(self, send: Send) -> None:
        self.began_s = time.monotonic()
        for at in range(0, len(self._sound), STEP_FRAMES):
            # A microphone gives out a part when its last sample has been spoken.
            due_s = self.began_s + (at + STEP_FRAMES) / RATE_HZ
            await asyncio.sleep(max(due_s - time.monotonic(), 0))
            if self._stopped.is_set():
                return
            await send(self._sound[at : at + STEP_FRAMES])
            self.sent_frames = at + STEP_FRAMES


@contextlib.asynccontextmanager
async def talking(talk: Talk, send: Send) -> AsyncIterator[None]:
    """Send the talk while the block lasts, or until it is stopped."""
    task = asyncio.create_task(talk.send(send))
    try:
        yield
    finally:
        talk.stop()
        await task


def behind_s(talk: Talk, heard_s: float, heard_ago_s: float) -> float:
    """How far what was heard is behind the speaker, modulo the sweep's 8 s."""
    return (talk.position_s() - heard_ago_s - heard_s + SWEEP_S / 2) % SWEEP_S - SWEEP_S / 2


class GrowingWav:
    """A WAV as a recorder writes it; the sizes stay 0 until `close`."""

    def __init__(self, path: Path, channels: int) -> None:
        self._stream = path.open("wb", buffering=0)
        self._channels = channels
        self._bytes = 0
        self._stream.write(self._header(0, 0))

    async def write(self, samples: np.ndarray) -> None:
        self._bytes += self._stream.write(samples.tobytes()) or 0

    def close(self) -> None:
        """Set the header right, as a recorder does at the end; twice does no harm."""
        if self._stream.closed:
            return
        self._stream.seek(0)
        self._stream.write(self._header(36 + self._bytes, self._bytes))
        self._stream.close()

    def _header(self, riff_bytes: int, data_bytes: int) -> bytes:
        frame_bytes = 2 * self._channels
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", riff_bytes, b"WAVE", b"fmt ", 16, 1, self._channels, RATE_HZ),
            *(RATE_HZ * frame_bytes, frame_bytes, 16, b"data", data_bytes),
        )


class Publisher:
    """A participant who publishes one microphone, as a browser or a phone line does."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self._source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=0)

    async def join(self, url: str, token: str) -> None:
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await self.room.local_participant.publish_track(track, options)

    async def write(self, samples: np.ndarray) -> None:
        for part in samples.reshape(-1, RATE_HZ // 100):
            frame = rtc.AudioFrame(part.tobytes(), RATE_HZ, 1, len(part))
            await self._source.capture_frame(frame)

    async def leave(self) -> None:
        await self.room.disconnect()
        await self._source.aclose()


async def incidents(service: Service) -> list[dict[str, Any]]:
    """What the service lists, newest first."""
    async with signed_in(service) as client:
        answer = await client.get("/v1/incident_events")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def incident(service: Service, incident_id: str) -> dict[str, Any]:
    """What the service reports of one incident."""
    async with signed_in(service) as client:
        answer = await client.get(f"/v1/incident_events/{incident_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def live_incident(service: Service, timeout_s: float = 5.0) -> str:
    """The id of the one call that is live, as soon as there is one."""
    async with asyncio.timeout(timeout_s):
        while True:
            live = [each["id"] for each in await incidents(service) if each["is_audio_live"]]
            if live:
                (only,) = live
                return str(only)
            await asyncio.sleep(0.05)


async def last_status(listener: Listener, is_true: Callable[[Any], bool]) -> Any:
    """The first status that is so, from the last one on."""
    async with asyncio.timeout(8):
        while not is_true(listener.statuses[-1]):
            await asyncio.sleep(0.005)
    return listener.statuses[-1]


@dataclass
class Call:
    """A live call: who speaks, whose track carries it, and how it is brought to its end."""

    service: Service
    incident_id: str
    talk: Talk
    track: str
    end: Callable[[], None]


@contextlib.asynccontextmanager
async def on_stdin() -> AsyncIterator[Call]:
    options = f"(), port=0, live_sources=LiveSources(stdin='s16le:{RATE_HZ}:1')"
    with running_service(options) as service:
        pipe = service.process.stdin
        assert pipe is not None

        async def send(samples: np.ndarray) -> None:
            pipe.write(samples.tobytes())
            pipe.flush()

        talk = Talk(1)
        async with talking(talk, send):
            yield Call(service, service.ready["incidents"][0], talk, "call", pipe.close)


@contextlib.asynccontextmanager
async def in_a_watched_folder(folder: Path) -> AsyncIterator[Call]:
    options = f"(), port=0, live_sources=LiveSources(watched=Path({str(folder)!r}))"
    with running_service(options) as service:
        file, talk = GrowingWav(folder / "line1.wav", 2), Talk(2)
        try:
            async with talking(talk, file.write):
                yield Call(service, await live_incident(service), talk, "caller", file.close)
        finally:
            file.close()


@contextlib.asynccontextmanager
async def in_an_ingest_room() -> AsyncIterator[Call]:
    options = "(), port=0, live_sources=LiveSources(ingest=True, end_after_s=0.5)"
    with running_service(options) as service:
        async with signed_in(service) as client:
            answer = await client.post("/ingest/calls")
        assert answer.status_code == 201, answer.text
        opened = answer.json()
        publisher, talk = Publisher(), Talk(1)
        await publisher.join(opened["url"], opened["tokens"]["caller"])
        leaving: list[asyncio.Task[None]] = []
        async with talking(talk, publisher.write):
            assert await live_incident(service) == opened["incident_id"]
            yield Call(
                service,
                opened["incident_id"],
                talk,
                "caller",
                lambda: leaving.append(asyncio.create_task(publisher.leave())),
            )
        await asyncio.gather(*leaving)


@contextlib.asynccontextmanager
async def a_call(source: str, folder: Path) -> AsyncIterator[Call]:
    """A call that comes in live, one of `SOURCES`; `folder` is an empty one to work in."""
    ways = {
        "stdin": on_stdin,
        "watched folder": lambda: in_a_watched_folder(folder),
        "ingest room": in_an_ingest_room,
    }
    async with ways[source]() as call:
        yield call


async def how_far_behind_s(listener: Listener, call: Call, settle_s: float = 0.3) -> float:
    """How far what is heard is behind the speaker, modulo the sweep's 8 s."""
    sound = await listener.hear(call.track, HEARD_S, settle_s=settle_s)
    return behind_s(call.talk, heard_position_s(sound, "caller"), HEARD_S / 2)
