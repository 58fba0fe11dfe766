"""What playing costs: the engine and the screen, beside the SDK's own floor in the same run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks import clients
from tests.rig.processes import CALLPLAYER, HeadlessEngine, Service, clean_environment
from tests.rig.pulse import Sink, pulse_server
from tests.rig.signals import write_sweep_call
from tests.rig.terminal import Terminal

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SETTLE_S = 5.0
PASSES = 3
"""Players in turns: the speed of a shared machine changes within minutes."""

WARM_SHARE = 0.5
"""Of the time that memory is followed, before that: caches fill for some four minutes."""


@dataclass(frozen=True)
class ProcessCost:
    """One process while playing two parties: the mean of its passes, and where they lay."""

    name: str
    cpu_percent: float
    least_percent: float
    most_percent: float
    memory_mb: float

    @classmethod
    def of(cls, name: str, passes: list[tuple[float, float]]) -> ProcessCost:
        """Sum up passes of CPU (% of a core) and memory (MB)."""
        cpu, memory = np.array(passes).T
        return cls(name, float(cpu.mean()), float(cpu.min()), float(cpu.max()), float(memory[-1]))


@dataclass(frozen=True)
class MemoryTrend:
    """One process's resident memory while it plays on; `error_mb_per_h` is the slope's own.

    The slope is a straight line through a look a second, once playing has warmed up.
    """

    name: str
    minutes: float
    first_mb: float
    last_mb: float
    slope_mb_per_h: float
    error_mb_per_h: float


@dataclass(frozen=True)
class Cost:
    """All that was measured in one run."""

    processes: list[ProcessCost]
    memory: list[MemoryTrend]
    callback_p99_ms: float
    callback_p999_ms: float
    underruns: int
    trimmed_frames: int


def measure(duration_s: float, memory_s: float) -> Cost:
    """Play for `duration_s` with each, in turns, and read the kernel's accounts.

    Then play on, and follow the memory of the screen and of its engine for `memory_s`.
    """
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", duration_s + (1 + WARM_SHARE) * memory_s + 60)
        service = Service(home, home / "sweep.wav")
        sink = Sink(server, "cost")
        alone, ours = [], []
        try:
            incident = service.incidents[0]
            for _ in range(PASSES):
                with floor(home, service.environment, service.api_url, incident) as pid:
                    alone.append(_cost(pid, duration_s / PASSES))
                engine = HeadlessEngine(home, service.environment | sink.environment, incident)
                engine.wait_state(phase="playing", advancing=True)
                ours.append(_cost(engine.process.pid, duration_s / PASSES))
                stats = engine.last("stats")
                engine.quit()
            with _on_screen(home, service, sink) as pids:
                screen = _cost(pids["screen"], duration_s)
                memory = _memory(pids, memory_s)
        finally:
            sink.close()
            service.stop()
    return Cost(
        [
            ProcessCost.of("SDK floor: AudioStream read and dropped", alone),
            ProcessCost.of("engine", ours),
            ProcessCost.of("screen, 80×24", [screen]),
        ],
        memory,
        stats["callback_p99_ms"],
        stats["callback_p999_ms"],
        stats["underruns"],
        stats["trimmed_frames"],
    )


@contextlib.contextmanager
def floor(home: Path, environment: dict[str, str], api_url: str, incident: str) -> Iterator[int]:
    """Have the SDK alone play a call, its frames read and dropped; give the process's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.benchmarks.cost import read_and_drop; read_and_drop()"],
        env=clean_environment(home) | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        reported = clients.granted(api_url, environment, incident)
        process.stdin.write(json.dumps(reported).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


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


@contextlib.contextmanager
def _on_screen(home: Path, service: Service, sink: Sink) -> Iterator[dict[str, int]]:
    """Play on a terminal; give the process ids of the screen and of its engine."""
    environment = clean_environment(home) | service.environment | sink.environment
    terminal = Terminal(home, [*CALLPLAYER, service.incidents[0]], environment)
    try:
        terminal.wait_for("PLAYING")
        yield _pids(service.incidents[0])
        terminal.type("q")
        terminal.wait_end()
    finally:
        terminal.close()


def _pids(incident: str) -> dict[str, int]:
    pids = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"python") and incident.encode() in words:
            pids["engine" if b"--headless" in words else "screen"] = int(folder.name)
    return pids


def _memory(pids: dict[str, int], duration_s: float) -> list[MemoryTrend]:
    time.sleep(WARM_SHARE * duration_s)
    looks_mb: dict[str, list[float]] = {name: [] for name in pids}
    began_s, at_s = time.monotonic(), []
    while (now_s := time.monotonic()) - began_s < duration_s:
        at_s.append(now_s - began_s)
        for name, pid in pids.items():
            looks_mb[name].append(resident_mb(pid))
        time.sleep(1.0)
    return [trend(name, np.array(at_s), np.array(looks), 1.0) for name, looks in looks_mb.items()]


def trend(
    name: str, at_s: npt.NDArray[np.float64], mb: npt.NDArray[np.float64], every_s: float
) -> MemoryTrend:
    """Return the trend of looks at a process's memory, one in `every_s`."""
    fit, covariance = np.polyfit(at_s / 3600, mb, 1, cov=True)
    minute = max(min(round(60 / every_s), len(mb)), 1)
    return MemoryTrend(
        name=name,
        minutes=float(at_s[-1] / 60),
        first_mb=float(mb[:minute].mean()),
        last_mb=float(mb[-minute:].mean()),
        slope_mb_per_h=float(fit[0]),
        error_mb_per_h=float(np.sqrt(covariance[0, 0])),
    )


def _cost(pid: int, duration_s: float) -> tuple[float, float]:
    """Return what a process takes of a core, in %, and its memory in MB."""
    time.sleep(SETTLE_S)
    before, at_s = cpu_s(pid), time.monotonic()
    time.sleep(duration_s)
    used_s, took_s = cpu_s(pid) - before, time.monotonic() - at_s
    return 100 * used_s / took_s, resident_mb(pid)


def resident_mb(pid: int) -> float:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_s(pid: int) -> float:
    """Return the time a process has been on a CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
