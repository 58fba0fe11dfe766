"""What playing costs: the engine and the screen, beside the SDK's own floor in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import clients
from tests.rig.processes import CALLPLAYER, HeadlessEngine, Service, clean_environment
from tests.rig.pulse import Sink, pulse_server
from tests.rig.signals import write_sweep_call
from tests.rig.terminal import Terminal

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SETTLE_S = 5.0


@dataclass(frozen=True)
class ProcessCost:
    """One process while playing two parties."""

    name: str
    cpu_percent: float
    memory_mb: float


@dataclass(frozen=True)
class Cost:
    """All that was measured in one run."""

    processes: list[ProcessCost]
    callback_p99_ms: float
    underruns: int
    trimmed_frames: int


def measure(duration_s: float) -> Cost:
    """Play for `duration_s` with each and read the kernel's accounts."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", duration_s * 2 + 60)
        service = Service(home, home / "sweep.wav")
        sink = Sink(server, "cost")
        try:
            floor = _floor(home, service, duration_s)
            engine = HeadlessEngine(
                home, service.environment | sink.environment, service.incidents[0]
            )
            engine.wait_state(phase="playing", advancing=True)
            alone = _cost("engine", engine.process.pid, duration_s)
            stats = engine.last("stats")
            engine.quit()
            screen = _screen(home, service, sink, duration_s)
        finally:
            sink.close()
            service.stop()
    return Cost(
        [floor, alone, screen],
        stats["callback_p99_ms"],
        stats["underruns"],
        stats["trimmed_frames"],
    )


def _floor(home: Path, service: Service, duration_s: float) -> ProcessCost:
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.benchmarks.cost import read_and_drop; read_and_drop()"],
        env=clean_environment(home) | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(clients.grant(service)).encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    cost = _cost("SDK floor: AudioStream read and dropped", process.pid, duration_s)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return cost


def read_and_drop() -> None:
    """Be the floor: join, read the frames of every track, do nothing with them."""
    from livekit import rtc

    async def run() -> None:
        grant = json.loads(sys.stdin.readline())
        room = rtc.Room()

        async def drop(track: rtc.Track) -> None:
            async for _ in rtc.AudioStream(track, sample_rate=48_000, num_channels=1):
                pass

        tasks = []
        room.on(
            "track_subscribed", lambda track, *_: tasks.append(asyncio.create_task(drop(track)))
        )
        await room.connect(grant["url"], grant["token"])
        while len(tasks) < 2:
            await asyncio.sleep(0.05)
        await room.local_participant.publish_data(b'{"cmd":"resume"}', reliable=True)
        print("ready", flush=True)
        await asyncio.sleep(3600)

    asyncio.run(run())


def _screen(home: Path, service: Service, sink: Sink, duration_s: float) -> ProcessCost:
    environment = clean_environment(home) | service.environment | sink.environment
    terminal = Terminal(home, [*CALLPLAYER, service.incidents[0]], environment)
    try:
        terminal.wait_for("PLAYING")
        pid = next(
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if _is_screen(folder, service.incidents[0])
        )
        cost = _cost("screen, 80×24", pid, duration_s)
        terminal.type("q")
        terminal.wait_end()
        return cost
    finally:
        terminal.close()


def _is_screen(folder: Path, incident: str) -> bool:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].endswith(b"python") and incident.encode() in words and b"play" not in words


def _cost(name: str, pid: int, duration_s: float) -> ProcessCost:
    time.sleep(SETTLE_S)
    before, at_s = _cpu_s(pid), time.monotonic()
    time.sleep(duration_s)
    used_s, took_s = _cpu_s(pid) - before, time.monotonic() - at_s
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return ProcessCost(name, 100 * used_s / took_s, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
