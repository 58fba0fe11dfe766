"""How many replays at once one machine carries: bots with real listeners, and the SDK's own floor.

Bots, room server and listeners are processes of their own, and each one's cost is read from the
kernel's accounts. Listeners run at a lower priority: in life they are on other machines. All of
them count what WebRTC had to conceal; two of each run read every frame of the call's sweep, whose
pitch carries its place, and look for what is missing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc

from callplayer.recordings.named_file import incident_id
from callplayer.recordings.recording import Recording, find_recordings
from callplayer.service.bots.process import Workers
from callplayer.service.bots.stats import StreamStats, late_ms, stats_of
from callplayer.service.bots.streams import Streams
from callplayer.service.library.library import Library
from callplayer.service.livekit.binary import ensure_binary
from callplayer.service.livekit.process import RoomServer, own_server
from callplayer.service.livekit.room_service import RoomServiceClient
from callplayer.service.livekit.tokens import RoomTokens
from tests.benchmarks.cost import cpu_s, resident_mb
from tests.rig.signals import PERIOD_S, RATE_HZ, heard_position_s, position_sweep, write_sweep_call

ROOMS_A_PROCESS = 13
FULL_LISTENERS = 2
LISTENER_NICE = 10
SETTLE_S = 5.0
STEP_FRAMES = RATE_HZ // 20
WORST_STEP_S = 0.02
BITRATE_BPS = 64_000
PARTIES = ("caller", "callTaker")
ROOT = str(Path(__file__).resolve().parents[2])
INCIDENT = incident_id("sweep.wav")


@dataclass(frozen=True)
class Floor:
    """The SDK's own way: `AudioSource.capture_frame` in a bare loop, two tracks a room."""

    rooms: int
    cpu_percent: float
    memory_mb: float

    def row(self) -> tuple[str, ...]:
        """Return the cells of its line."""
        name = f"the SDK's floor, {self.rooms}"
        return (name, f"{self.cpu_percent:.1f}", f"{self.memory_mb:.0f}", *[""] * 10)


@dataclass(frozen=True)
class Replays:
    """`bots` at once. CPU in % of a core; frames are 10 ms of one bot; late: by more than 20 ms."""

    bots: int
    bot_cpu_percent: float
    bot_memory_mb: float
    workers: int
    server_cpu_percent: float
    listeners_cpu_percent: float
    late_p50_ms: float
    late_p999_ms: float
    frames: int
    late_frames: int
    status_p50_ms: float
    status_p95_ms: float
    concealed_ms_per_min: float
    steps: int
    broken_steps: int
    mixes: bool = False
    instances: int = 1

    def row(self) -> tuple[str, ...]:
        """Return the cells of its line."""
        shared = "" if self.instances == 1 else f", of {self.instances} services"
        return (
            f"{self.bots}{', one mixed track' if self.mixes else ''}{shared}",
            f"{self.bot_cpu_percent:.2f}",
            f"{self.bot_memory_mb:.0f}",
            f"{self.workers}",
            f"{self.late_p50_ms:.1f}",
            f"{self.late_p999_ms:.1f}",
            f"{self.late_frames} of {self.frames}",
            f"{self.status_p50_ms:.0f}",
            f"{self.status_p95_ms:.0f}",
            f"{self.concealed_ms_per_min:.0f}",
            f"{self.broken_steps} of {self.steps}",
            f"{self.server_cpu_percent:.0f}",
            f"{self.listeners_cpu_percent:.0f}",
        )


Case = tuple[int, bool, int]
"""How many replays at once, whether their tracks are mixed, and of how many services."""


def cases(counts: Sequence[int]) -> list[Case]:
    """Return the rows for these numbers of replays: two tracks each, and one mixed."""
    return [(count, mixes, 1) for count in counts for mixes in (False, True)]


def measure(
    measured: Sequence[Case], duration_s: float, *, floors: bool = True
) -> Iterator[Floor | Replays]:
    """Give the floors, then what each case costs, each over `duration_s`."""
    measuring = _measure(measured, duration_s, (1, 10) if floors else ())
    with asyncio.Runner() as runner:
        while True:
            try:
                yield runner.run(anext(measuring))
            except StopAsyncIteration:
                return


async def _measure(
    measured: Sequence[Case], duration_s: float, floors: Sequence[int]
) -> AsyncGenerator[Floor | Replays]:
    with tempfile.TemporaryDirectory() as folder:
        write_sweep_call(Path(folder) / "sweep.wav", 60.0 + 4 * duration_s)
        async with own_server(ensure_binary(print), Path(folder) / "livekit.log") as server:
            for rooms in floors:
                yield await _floor(server.room_server, rooms, duration_s)
            for count, mixes, instances in measured:
                async with AsyncExitStack() as stack:
                    services = []
                    for _ in range(instances):
                        opened = _streams(Path(folder), server.room_server, mixes)
                        streams, call = await stack.enter_async_context(opened)
                        services.append(streams)
                    row = await _replays(services, call, _pid_of_server(), count, duration_s)
                    yield replace(row, mixes=mixes, instances=instances)


@asynccontextmanager
async def _streams(
    folder: Path, rooms: RoomServer, mixes: bool
) -> AsyncIterator[tuple[Streams, Recording]]:
    async with AsyncExitStack() as stack:
        workers = await stack.enter_async_context(Workers())
        library = stack.enter_context(Library.open(None))
        for recording in find_recordings([folder]).values():
            library.add(recording)
        roster = await stack.enter_async_context(RoomServiceClient(rooms))
        tokens = RoomTokens(rooms.api_key, rooms.api_secret)
        streams = Streams(
            library, workers, rooms, tokens, roster, claims=library.claims, mixes=mixes, most=1000
        )
        stack.push_async_callback(streams.close)
        yield streams, find_recordings([folder])[INCIDENT]


async def _replays(
    services: Sequence[Streams], call: Recording, server_pid: int, count: int, duration_s: float
) -> Replays:
    taking_turns = itertools.cycle(services)
    grants = [await next(taking_turns).open(call, autoplay=False) for _ in range(count)]
    rooms = [
        {"url": grant.url, "token": grant.token, "full": number < FULL_LISTENERS}
        for number, grant in enumerate(grants)
    ]
    async with AsyncExitStack() as stack:
        groups = [rooms[at : at + ROOMS_A_PROCESS] for at in range(0, count, ROOMS_A_PROCESS)]
        listeners = [await stack.enter_async_context(_listeners(group)) for group in groups]
        for listener in listeners:
            await listener.ask("play")
        await asyncio.sleep(SETTLE_S)
        for listener in listeners:
            await listener.ask("begin")
        workers = [worker.pid for worker in _stats(services).workers]
        pids = {
            "bots": workers,
            "server": [server_pid],
            "listeners": [listener.pid for listener in listeners],
        }
        before, used_before, at_s = _stats(services), _cpu(pids), time.monotonic()
        await asyncio.sleep(duration_s)
        after, used, took_s = _stats(services), _cpu(pids), time.monotonic() - at_s
        memory_mb = sum(resident_mb(pid) for pid in workers)
        reported = [await listener.ask("end") for listener in listeners]
    share = {name: 100 * (used[name] - used_before[name]) / took_s for name in used}
    return _summed(count, before, after, share, memory_mb, len(workers), reported)


def _summed(
    count: int,
    before: StreamStats,
    after: StreamStats,
    cpu_percent: dict[str, float],
    memory_mb: float,
    workers: int,
    reported: list[dict[str, Any]],
) -> Replays:
    lateness = [
        now - then
        for now, then in zip(
            after.lateness, before.lateness or [0] * len(after.lateness), strict=True
        )
    ]
    status_ms = [ms for one in reported for ms in one["status_ms"]] or [float("nan")]
    emitted_s = sum(one["emitted"] for one in reported) / RATE_HZ
    return Replays(
        bots=count,
        bot_cpu_percent=cpu_percent["bots"] / count,
        bot_memory_mb=memory_mb / count,
        workers=workers,
        server_cpu_percent=cpu_percent["server"],
        listeners_cpu_percent=cpu_percent["listeners"],
        late_p50_ms=late_ms(lateness, 0.5),
        late_p999_ms=late_ms(lateness, 0.999),
        frames=after.blocks - before.blocks,
        late_frames=after.late_blocks - before.late_blocks,
        status_p50_ms=float(np.percentile(status_ms, 50)),
        status_p95_ms=float(np.percentile(status_ms, 95)),
        concealed_ms_per_min=(
            sum(one["concealed"] for one in reported) / RATE_HZ * 1000 * 60 / max(emitted_s, 1e-9)
        ),
        steps=sum(one["steps"] for one in reported),
        broken_steps=sum(one["broken"] for one in reported),
    )


def _stats(services: Sequence[Streams]) -> StreamStats:
    """Return what the bots of all services do together."""
    return stats_of(tuple(worker for each in services for worker in each.stats().workers), [])


def _cpu(pids: dict[str, list[int]]) -> dict[str, float]:
    return {name: sum(cpu_s(pid) for pid in group) for name, group in pids.items()}


def _pid_of_server() -> int:
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return next(int(pid) for pid in mine if b"livekit" in Path(f"/proc/{pid}/cmdline").read_bytes())


class _Peer:
    """A process of listeners, or the floor: a line in, a line of JSON out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        reported: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return reported


@asynccontextmanager
async def _peer(program: str, first: object) -> AsyncIterator[_Peer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from tests.benchmarks import replays; replays.{program}()",
        env=os.environ | {"PYTHONPATH": ROOT},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        peer = _Peer(process)
        await peer.ask(json.dumps(first))
        yield peer
    finally:
        process.kill()
        await process.wait()


def _listeners(rooms: list[dict[str, Any]]) -> Any:
    return _peer("listen", rooms)


async def _floor(server: RoomServer, rooms: int, duration_s: float) -> Floor:
    tokens = RoomTokens(server.api_key, server.api_secret)
    names = [f"floor-{rooms}-{number}" for number in range(rooms)]
    grants = [{"url": server.url, "token": tokens.for_bot(name, "bot")} for name in names]
    heard = [
        {"url": server.url, "token": tokens.for_listener(name, "listener"), "full": False}
        for name in names
    ]
    async with _peer("publish", grants) as publisher, _listeners(heard):
        await asyncio.sleep(SETTLE_S)
        before, at_s = cpu_s(publisher.pid), time.monotonic()
        await asyncio.sleep(duration_s)
        used_s, took_s = cpu_s(publisher.pid) - before, time.monotonic() - at_s
        return Floor(rooms, 100 * used_s / took_s / rooms, resident_mb(publisher.pid) / rooms)


def publish() -> None:
    """Be the floor: two tracks in each room, a frame in each of them every 10 ms."""

    async def run() -> None:
        sources = []
        for grant in json.loads(sys.stdin.readline()):
            room = rtc.Room()
            await room.connect(grant["url"], grant["token"], rtc.RoomOptions(auto_subscribe=False))
            for party in PARTIES:
                source = rtc.AudioSource(RATE_HZ, 1, queue_size_ms=0)
                track = rtc.LocalAudioTrack.create_audio_track(party, source)
                options = rtc.TrackPublishOptions(dtx=False, red=False)
                options.audio_encoding.max_bitrate = BITRATE_BPS
                await room.local_participant.publish_track(track, options)
                sources.append(source)
        print("{}", flush=True)
        sweep = (position_sweep(PERIOD_S, "caller") * 32_767).astype(np.int16).reshape(-1, 480)
        frames = [rtc.AudioFrame(part.tobytes(), RATE_HZ, 1, 480) for part in sweep]
        due_s, number = time.monotonic(), 0
        while True:
            due_s += 0.01
            await asyncio.sleep(max(due_s - time.monotonic(), 0.0))
            for source in sources:
                await source.capture_frame(frames[number % len(frames)])
            number += 1

    asyncio.run(run())


def listen() -> None:
    """Be some listeners, each of a room of its own."""
    os.nice(LISTENER_NICE)
    asyncio.run(_listen())


async def _listen() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    rooms = [_Room(**reported) for reported in json.loads(await reader.readline())]
    for room in rooms:
        await room.join()
    print("{}", flush=True)
    asking: list[asyncio.Task[None]] = []
    while line := (await reader.readline()).decode().strip():
        if line == "play":
            for room in rooms:
                await room.send({"cmd": "resume"})
            print("{}", flush=True)
        elif line == "begin":
            for room in rooms:
                await room.begin()
            asking = [asyncio.create_task(room.ask_now_and_then()) for room in rooms]
            print("{}", flush=True)
        else:
            for task in asking:
                task.cancel()
            reported = [await room.end() for room in rooms]
            summed = {
                key: sum((one[key] for one in reported[1:]), reported[0][key])
                for key in reported[0]
            }
            print(json.dumps(summed), flush=True)


class _Room:
    """One listener."""

    def __init__(self, url: str, token: str, full: bool) -> None:
        self._url, self._token, self._full = url, token, full
        self._room = rtc.Room()
        self._tracks: list[rtc.RemoteAudioTrack] = []
        self._frames: list[np.ndarray] = []
        self._reading: list[asyncio.Task[None]] = []
        self._status_came = asyncio.Event()
        self._status_s = 0.0
        self._status_ms: list[float] = []
        self._before = (0, 0)

    async def join(self) -> None:
        self._room.on("track_subscribed", self._on_track)
        self._room.on("data_received", self._on_data)
        await self._room.connect(self._url, self._token)

    async def send(self, command: dict[str, Any]) -> None:
        await self._room.local_participant.publish_data(json.dumps(command), reliable=True)

    async def begin(self) -> None:
        self._frames.clear()
        self._before = await self._counters()

    async def ask_now_and_then(self) -> None:
        """Send commands that change nothing, each right after a status that came by the clock."""
        while True:
            await asyncio.sleep(np.random.default_rng().uniform(0.5, 1.5))
            await self._status()
            sent_s = time.monotonic()
            await self.send({"cmd": "set-gain", "gain": 0, "callerType": "caller"})
            await self._status()
            self._status_ms.append((self._status_s - sent_s) * 1000)

    async def end(self) -> dict[str, Any]:
        emitted, concealed = await self._counters()
        steps = _steps_s(np.concatenate(self._frames)) if self._frames else np.zeros(0)
        return {
            "emitted": emitted - self._before[0],
            "concealed": concealed - self._before[1],
            "status_ms": self._status_ms,
            "steps": len(steps),
            "broken": int(np.count_nonzero(np.abs(steps - STEP_FRAMES / RATE_HZ) > WORST_STEP_S)),
        }

    async def _status(self) -> None:
        self._status_came.clear()
        await self._status_came.wait()

    async def _counters(self) -> tuple[int, int]:
        emitted = concealed = 0
        for track in self._tracks:
            for entry in await track.get_stats():
                if entry.HasField("inbound_rtp"):
                    emitted += entry.inbound_rtp.inbound.total_samples_received
                    concealed += entry.inbound_rtp.inbound.concealed_samples
        return emitted, concealed

    def _on_data(self, _packet: rtc.DataPacket) -> None:
        self._status_s = time.monotonic()
        self._status_came.set()

    def _on_track(self, track: rtc.RemoteAudioTrack, *_: object) -> None:
        self._tracks.append(track)
        if self._full and track.name == "caller":
            self._reading.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: rtc.RemoteAudioTrack) -> None:
        async for event in rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1):
            self._frames.append(np.frombuffer(event.frame.data, dtype=np.int16))


def _steps_s(sound: np.ndarray) -> np.ndarray:
    """How far the call moves on in each 50 ms of `sound`; NaN counts as far too far."""
    parts = (sound / 32_768).astype(np.float32)
    parts = parts[: len(parts) // STEP_FRAMES * STEP_FRAMES].reshape(-1, STEP_FRAMES)
    places = [heard_position_s(part) for part in parts]
    known = np.array([np.nan if place is None else place for place in places])
    steps = (np.diff(known) + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
    # Where the sweep starts over, a part holds two pitches.
    wraps = (known[:-1] > PERIOD_S - 0.2) | (known[1:] > PERIOD_S - 0.2) | (known[1:] < 0.1)
    return np.nan_to_num(steps, nan=PERIOD_S)[~wraps]
