"""A call that is played for long: memory, files, threads and underruns of the engine, all along.

Beside it the SDK by itself plays the same call, its frames read and dropped: what grows there is
not ours. Access tokens last a third of the run, so new ones are fetched on the way.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from tests.benchmarks.cost import MemoryTrend, floor, resident_mb, trend
from tests.benchmarks.shown import Recording
from tests.e2e import service_fixtures as fixtures
from tests.rig.processes import HeadlessEngine, clean_environment
from tests.rig.pulse import Sink, pulse_server
from tests.rig.signals import write_sweep_call

SAMPLE_S = 10.0
WARM_SHARE = 0.25
"""Of the run, before its first figure: caches fill for some minutes."""

SCRUB_EVERY_S = (20.0, 60.0)
YOUNG_S = 4.0
LOOK_S = 1.0
CALL_S = 600.0
"""The call is played again and again."""


@dataclass(frozen=True)
class Sample:
    """One process at one moment."""

    at_s: float
    memory_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int, at_s: float) -> Sample:
        """Look at a process."""
        return cls(
            at_s,
            resident_mb(pid),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            len(list(Path(f"/proc/{pid}/task").iterdir())),
        )


@dataclass
class Followed:
    """A process and what it came to, look by look."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    def row(self, warm_s: float) -> tuple[str, ...]:
        """Return it as the cells of a table, from when it was warm."""
        later = [sample for sample in self.samples if sample.at_s >= warm_s]
        memory = self.memory(later)
        return (
            self.name,
            f"{memory.minutes:.0f}",
            f"{memory.first_mb:.1f}",
            f"{memory.last_mb:.1f}",
            f"{memory.slope_mb_per_h:+.1f} ± {memory.error_mb_per_h:.1f}",
            _range([sample.files for sample in later]),
            _range([sample.threads for sample in later]),
        )

    def memory(self, samples: Sequence[Sample]) -> MemoryTrend:
        """Return the trend of its memory."""
        at_s = np.array([sample.at_s - samples[0].at_s for sample in samples])
        return trend(self.name, at_s, np.array([sample.memory_mb for sample in samples]), SAMPLE_S)


@dataclass
class LongRun:
    """All that was measured."""

    minutes: float
    processes: list[Followed]
    underruns: int = 0
    device_underflows: int = 0
    scrubs: int = 0
    sign_ins: int = 0
    errors_ms: list[list[float]] = field(default_factory=list)

    @property
    def warm_s(self) -> float:
        """When its figures begin."""
        return WARM_SHARE * self.minutes * 60


def measure(minutes: float) -> LongRun:
    """Play for so long, scrubbing now and then."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", CALL_S)
        options = (
            f"(Path({str(home / 'sweep.wav')!r}),), port=0, token_ttl_s={minutes * 60 / 3 + 10}"
        )
        sink = Sink(server, "long")
        service = fixtures.Service(options, clean_environment(home))
        environment = {
            "CALLPLAYER_API_URL": service.api_url,
            "CALLPLAYER_STREAM_URL": str(service.ready["stream_url"]),
            "CALLPLAYER_CLIENT_ID": fixtures.CLIENT_ID,
            "CALLPLAYER_CLIENT_SECRET": fixtures.CLIENT_SECRET,
        }
        try:
            incident = str(service.ready["incidents"][0])
            engine = HeadlessEngine(home, environment | sink.environment, incident)
            engine.wait_state(phase="playing", advancing=True)
            with floor(home, environment, service.api_url, incident) as floor_pid:
                return _follow(minutes, engine, floor_pid, sink, service)
        finally:
            service.close()
            sink.close()


def _follow(
    minutes: float,
    engine: HeadlessEngine,
    floor_pid: int,
    sink: Sink,
    service: fixtures.Service,
) -> LongRun:
    pids = {"engine": engine.process.pid, "the SDK alone": floor_pid}
    run = LongRun(minutes, [Followed(name) for name in pids])
    chance = random.Random(911)
    began_s = time.monotonic()
    scrub_s = began_s + chance.uniform(*SCRUB_EVERY_S)
    scrubbed_s = began_s
    before = None
    while (now_s := time.monotonic()) - began_s < minutes * 60:
        for followed, pid in zip(run.processes, pids.values(), strict=True):
            followed.samples.append(Sample.of(pid, now_s - began_s))
        if before is None and now_s - began_s >= run.warm_s:
            before = engine.last("stats")
        state = engine.last("state")
        if now_s >= scrub_s or state["phase"] == "at-end":
            engine.send(cmd="scrub", position=chance.randrange(0, int((CALL_S - 90) * 1000)))
            scrubbed_s, scrub_s = now_s, now_s + chance.uniform(*SCRUB_EVERY_S)
            run.scrubs += 1
        elif now_s - scrubbed_s > YOUNG_S + LOOK_S:
            run.errors_ms.append(_shown_less_heard(engine, sink, now_s))
        sink.forget(before_s=time.monotonic() - 5.0)
        del engine.events[: max(len(engine.events) - 2_000, 0)]
        time.sleep(max(now_s + SAMPLE_S - time.monotonic(), 0.0))
    after, before = engine.last("stats"), before or engine.last("stats")
    run.underruns = after["underruns"] - before["underruns"]
    run.device_underflows = after["device_underflows"] - before["device_underflows"]
    run.sign_ins = _sign_ins(service)
    engine.quit()
    return run


def _shown_less_heard(engine: HeadlessEngine, sink: Sink, now_s: float) -> list[float]:
    """Return the position reported less the one heard, in ms, at moments of the last LOOK_S."""
    from_s = now_s - LOOK_S - 0.2
    recording = Recording(sink, from_s, now_s)
    states = [e for at_s, e in engine.events if e["event"] == "state" and at_s > now_s - 4.0]
    errors_ms = []
    for at_s in np.arange(now_s - LOOK_S, now_s - 0.1, 0.1):
        reported = [s for s in states if s["as_of_s"] <= at_s and s["advancing"]]
        if reported:
            shown_ms = reported[-1]["audible_ms"] + (at_s - reported[-1]["as_of_s"]) * 1000
            errors_ms += recording.error_ms(float(at_s), shown_ms)
    return errors_ms


def _sign_ins(service: fixtures.Service) -> int:
    """Return how often the service has signed a client in, this question included."""
    with httpx.Client(base_url=service.api_url, trust_env=False) as http:
        token = http.post("/oauth/token", json=fixtures.sign_in_body()).json()["access_token"]
        reported = http.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    (count,) = re.findall(r"^callplayer_sign_ins_total (\S+)$", reported, re.M)
    return round(float(count))


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"


def rows(run: LongRun) -> Iterator[tuple[str, ...]]:
    """Give the table's rows."""
    for followed in run.processes:
        yield followed.row(run.warm_s)
