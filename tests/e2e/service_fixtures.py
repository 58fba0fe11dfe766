"""What the tests of the replay service share: recordings that carry their own position, the service
as a process, an HTTP client and a LiveKit listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import soundfile
from livekit import rtc

from callplayer.service.bots.track_output import Outlet
from callplayer.service.livekit.process import RoomServer
from callplayer.service.livekit.tokens import RoomTokens
from callplayer.vendor.commands import Command, encode_command
from callplayer.vendor.status import Status
from tests.rig.signals import PERIOD_S as SWEEP_S
from tests.rig.signals import SWEEP_HZ_PER_S, unit_sweep

RATE_HZ = 48_000
LOW_HZ = {"caller": 500.0, "callTaker": 3200.0}
CLIENT_ID, CLIENT_SECRET = "test-client", "a-secret-of-the-tests"
CREDENTIALS = {
    "CALLPLAYER_SERVE_CLIENT_ID": CLIENT_ID,
    "CALLPLAYER_SERVE_CLIENT_SECRET": CLIENT_SECRET,
}


def sweep(party: str, duration_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A tone whose frequency carries the position: 300 Hz a second, from the start every 8 s."""
    return 0.25 * unit_sweep(LOW_HZ[party], duration_s, rate_hz)


def heard_position_s(samples: np.ndarray, party: str) -> float:
    """The position (modulo 8 s) of the middle of 40 ms or more of a party's sweep."""
    low = LOW_HZ[party] - 60
    high = LOW_HZ[party] + SWEEP_HZ_PER_S * SWEEP_S + 60
    size = 1 << 16
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE_HZ)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return float(frequencies[np.argmax(spectrum)] - LOW_HZ[party]) / SWEEP_HZ_PER_S


BLOCK_FRAMES = 480


def rms_db(samples: np.ndarray) -> float:
    """Level in dB of full scale of int16 samples."""
    return float(20 * np.log10(np.sqrt(np.mean((samples / 32_768.0) ** 2)) + 1e-9))


def steady_db(samples: np.ndarray) -> float:
    """Level of a steady sound, in dB of full scale: the median of its blocks of 10 ms.

    A block that was concealed on a busy machine is a gap, which other tests judge, not a level.
    """
    blocks = samples[: len(samples) // BLOCK_FRAMES * BLOCK_FRAMES].reshape(-1, BLOCK_FRAMES)
    return float(np.median([rms_db(block) for block in blocks]))


def write_recordings(folder: Path, duration_s: float = 20.0) -> None:
    """Write a two-party sweep `call.wav` and a mixed one `mono.flac` at 16 kHz."""
    both = np.stack([sweep("caller", duration_s), sweep("callTaker", duration_s)], axis=1)
    soundfile.write(folder / "call.wav", both, RATE_HZ, subtype="PCM_16")
    soundfile.write(folder / "mono.flac", sweep("caller", 4.0, 16_000), 16_000)


class Service:
    """`serve` in a process of its own; `ready` is the line of JSON it printed."""

    def __init__(self, options: str, environment: dict[str, str] | None = None) -> None:
        program = (
            "import sys; from pathlib import Path; "
            "from callplayer.service.options import ServeOptions; "
            "from callplayer.service.server import serve; "
            "from callplayer.service.live.options import LiveSources; "
            f"sys.exit(serve(ServeOptions({options})))"
        )
        # As the program itself has it: no threads for linear algebra, each of which spins at first.
        variables = os.environ | CREDENTIALS | {"OPENBLAS_NUM_THREADS": "1"}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the service
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=variables | (environment or {}),
        )
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline() or b"{}")

    @property
    def api_url(self) -> str:
        return str(self.ready["api_url"])

    def log(self) -> str:
        """What it has written to stderr so far."""
        return os.pread(self._log.fileno(), 10_000_000, 0).decode()

    def children(self) -> list[int]:
        """The ids of the processes it has started."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(word) for word in Path(path).read_text().split()]

    def room_server(self) -> int:
        """The id of its livekit-server, or of the guard that started it."""
        (found,) = [pid for pid in self.children() if not is_worker(pid)]
        return found

    def close(self) -> int:
        """End it in order and return its exit code."""
        self.process.terminate()
        code = self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        sys.stderr.write(self.log())
        self._log.close()
        return code


def is_worker(pid: int) -> bool:
    """Whether a process is one of the service's processes of bots."""
    try:
        return b"callplayer.service.bots.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def workers_of(pid: int) -> list[int]:
    """The ids of the worker processes that the service `pid` has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if is_worker(int(child))]


@contextlib.contextmanager
def running_service(options: str, environment: dict[str, str] | None = None) -> Iterator[Service]:
    """A service while the block lasts."""
    service = Service(options, environment)
    try:
        yield service
    finally:
        service.close()


@contextlib.asynccontextmanager
async def signed_in(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service that carries a bearer token."""
    async with client_of(service.api_url) as client:
        yield client


@contextlib.asynccontextmanager
async def client_of(api_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API at `api_url` that carries a bearer token."""
    async with httpx.AsyncClient(base_url=api_url, trust_env=False) as client:
        answer = await client.post("/oauth/token", json=sign_in_body())
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def sign_in_body(**changes: str) -> dict[str, str]:
    """What a client sends to sign in."""
    return {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "grant_type": "client_credentials",
        "scope": "incident_events",
    } | changes


async def open_stream(service: Service, file_name: str, **asked: object) -> tuple[str, str]:
    """The token and URL of a new stream of the recording `file_name`."""
    from callplayer.recordings.named_file import incident_id

    return await open_incident(service, incident_id(file_name), **asked)


async def open_incident(service: Service, incident: str, **asked: object) -> tuple[str, str]:
    """The token and URL of a new stream of an incident."""
    async with signed_in(service) as client:
        path = f"/v1/incident_events/{incident}/stream_token"
        while (answer := await client.post(path, json=asked)).status_code == 202:
            pass
    assert answer.status_code == 200, answer.text
    return answer.json()["token"], answer.json()["url"]


class Listener:
    """A plain LiveKit client that keeps all sound and every status it gets."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.statuses: list[Status] = []
        self.frames: dict[str, list[np.ndarray]] = {}
        self.tracks: dict[str, rtc.RemoteAudioTrack] = {}
        self._readers: list[asyncio.Task[None]] = []
        self.room.on("track_subscribed", self._on_track)
        self.room.on("data_received", lambda packet: self._on_data(packet.data))

    async def send(self, command: Command) -> None:
        await self.room.local_participant.publish_data(encode_command(command), reliable=True)

    async def status_after(self, command: Command) -> Status:
        """Send the command and return the first status that comes after it."""
        count = len(self.statuses)
        await self.send(command)
        return await self.status(count)

    async def status(self, count: int | None = None) -> Status:
        """Wait for the next status, or for the one after the first `count`."""
        wanted = len(self.statuses) if count is None else count
        await until(lambda: len(self.statuses) > wanted)
        return self.statuses[wanted]

    async def hear(self, party: str, duration_s: float, *, settle_s: float = 0.15) -> np.ndarray:
        """Let the jitter buffer turn over, then return the next sound of a party, int16."""
        await until(lambda: party in self.frames)
        await asyncio.sleep(settle_s)
        self.frames[party].clear()
        await until(lambda: len(self.frames[party]) >= round(duration_s * 100))
        return np.concatenate(self.frames[party])[: round(duration_s * RATE_HZ)]

    async def close(self) -> None:
        await self.room.disconnect()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _on_data(self, payload: bytes) -> None:
        self.statuses.append(msgspec.json.decode(payload, type=Status))

    def _on_track(self, track: rtc.RemoteAudioTrack, *_: object) -> None:
        self.tracks[track.name] = track
        self.frames[track.name] = []
        self._readers.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: rtc.RemoteAudioTrack) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                self.frames[track.name].append(np.frombuffer(event.frame.data, dtype=np.int16))
        finally:
            await stream.aclose()


@contextlib.asynccontextmanager
async def listening(
    token: str, url: str, *, reported_within_s: float = 5.0
) -> AsyncIterator[Listener]:
    """A listener in the room while the block lasts, with its first status."""
    listener = Listener()
    await listener.room.connect(url, token)
    try:
        await until(lambda: bool(listener.statuses), reported_within_s)
        yield listener
    finally:
        await listener.close()


async def until(is_true: Any, timeout_s: float = 5.0) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline_s, "waited too long"
        await asyncio.sleep(0.01)


TONE_HZ = 1000


@contextlib.asynccontextmanager
async def tone_bot(
    rooms: RoomServer, way: Callable[[rtc.AudioSource], Outlet]
) -> AsyncIterator[tuple[rtc.Room, Outlet]]:
    """Play a tone of TONE_HZ at -12 dBFS into the room "room"; give the bot and its way in."""
    t = np.arange(RATE_HZ) / RATE_HZ
    tone = (8192 * np.sin(2 * np.pi * TONE_HZ * t)).astype(np.int16).reshape(-1, 480)
    bot, source = rtc.Room(), rtc.AudioSource(RATE_HZ, 1, queue_size_ms=0)
    await bot.connect(rooms.url, RoomTokens(rooms.api_key, rooms.api_secret).for_bot("room", "bot"))
    track = rtc.LocalAudioTrack.create_audio_track("call", source)
    await bot.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=False))
    send = way(source)

    async def play() -> None:
        number = 0
        while True:
            for _ in range(2):
                send(tone[number % len(tone)])
                number += 1
            await asyncio.sleep(0.02)

    playing = asyncio.create_task(play())
    try:
        yield bot, send
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await bot.disconnect()
        await source.aclose()
