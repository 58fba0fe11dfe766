"""More messages than a player needs, from the server side into the room: what suffers, how much.

Beside each stands the same flood addressed to a participant that is not there: it costs the machine
what sending and forwarding cost, and the player nothing.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tests.benchmarks.cost import cpu_s, resident_mb
from tests.rig.processes import HeadlessEngine
from tests.rig.pulse import RATE_HZ, Samples, Sink, pulse_server
from tests.rig.room_flood import Flood
from tests.rig.vendor import Script, Vendor

SETTLE_S = 3.0
KEY_EVERY_S = 0.25
BLOCK_FRAMES = RATE_HZ // 200
SILENT_DB = -40.0
CALL_S = 600.0

Kind = Literal["none", "to nobody", "status", "junk"]


KINDS: tuple[Kind, ...] = ("to nobody", "status", "junk")


@dataclass(frozen=True)
class Flooded:
    """One stretch of playing; `keys_ms` is from a request to the state that shows it obeyed."""

    kind: Kind
    asked_per_s: int
    sent_per_s: float
    underruns: int
    device_underflows: int
    concealed_ms: float
    silent_ms: float
    keys_ms: list[float]
    states_per_s: float
    engine_cpu_percent: float
    memory_before_mb: float
    memory_most_mb: float
    off_ms: float

    def row(self) -> tuple[str, ...]:
        """Return it as the cells of a table."""
        return (
            self.kind,
            f"{self.sent_per_s:.0f}",
            str(self.underruns),
            str(self.device_underflows),
            f"{self.concealed_ms:.0f}",
            f"{self.silent_ms:.0f}",
            f"{np.median(self.keys_ms):.0f}",
            f"{max(self.keys_ms):.0f}",
            f"{self.states_per_s:.1f}",
            f"{self.engine_cpu_percent:.0f}",
            f"{self.memory_before_mb:.0f} {self.memory_most_mb:.0f}",
            f"{self.off_ms:.0f}",
        )


def measure(duration_s: float, rates_per_s: tuple[int, ...]) -> Iterator[Flooded]:
    """Play under nothing, and under each kind of flood at each rate."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        vendor = Vendor(home, Script(folder=folder, sound_s=CALL_S))
        sink = Sink(server, "flood")
        engine = HeadlessEngine(home, vendor.environment | sink.environment, "i1")
        try:
            engine.wait_state(phase="playing", advancing=True)
            time.sleep(SETTLE_S)
            yield under(vendor, engine, sink, "none", 0, duration_s)
            for rate_per_s in rates_per_s:
                for kind in KINDS:
                    yield under(vendor, engine, sink, kind, rate_per_s, duration_s)
                    time.sleep(SETTLE_S)
            assert engine.quit() == 0
        finally:
            engine.close()
            sink.close()
            vendor.stop()


def under(
    vendor: Vendor, engine: HeadlessEngine, sink: Sink, kind: Kind, rate_per_s: int, seconds: float
) -> Flooded:
    """Play for `seconds` under a flood, pressing keys, and return what came of it."""
    pid = engine.process.pid
    engine.wait_for(lambda event: event["event"] == "stats")
    before, began_s = engine.last("stats"), time.monotonic()
    cpu_before_s, memory_mb = cpu_s(pid), [resident_mb(pid)]
    sent = [0]
    flooding = threading.Thread(
        target=lambda: sent.append(_flood(vendor, kind, rate_per_s, seconds))
    )
    flooding.start()
    keys_ms = []
    while time.monotonic() - began_s < seconds:
        keys_ms.append(_press(engine, len(keys_ms)))
        memory_mb.append(resident_mb(pid))
        time.sleep(KEY_EVERY_S)
    ended_s = time.monotonic()
    used_s = cpu_s(pid) - cpu_before_s
    flooding.join()
    after = engine.wait_for(lambda e: e["event"] == "stats", since_s=ended_s)[1]
    states = [e for at_s, e in engine.events if began_s < at_s < ended_s and e["event"] == "state"]
    sound = sink.heard(began_s, ended_s)
    took_s = ended_s - began_s
    return Flooded(
        kind=kind,
        asked_per_s=rate_per_s,
        sent_per_s=sent[-1] / seconds,
        underruns=after["underruns"] - before["underruns"],
        device_underflows=after["device_underflows"] - before["device_underflows"],
        concealed_ms=after["concealed_ms"] - before["concealed_ms"],
        silent_ms=silent_ms(sound),
        keys_ms=keys_ms,
        states_per_s=len(states) / took_s,
        engine_cpu_percent=100 * used_s / took_s,
        memory_before_mb=memory_mb[0],
        memory_most_mb=max(memory_mb),
        off_ms=_off_ms(states),
    )


def silent_ms(sound: Samples) -> float:
    """Return for how long nothing was heard, in blocks of 5 ms."""
    blocks = sound[: len(sound) // BLOCK_FRAMES * BLOCK_FRAMES].reshape(-1, BLOCK_FRAMES)
    rms = np.sqrt(np.mean(np.square(blocks), axis=1))
    return float(np.sum(20 * np.log10(np.maximum(rms, 1e-9)) < SILENT_DB)) * 5.0


def _flood(vendor: Vendor, kind: Kind, rate_per_s: int, seconds: float) -> int:
    if kind == "none":
        return 0
    to_nobody = kind == "to nobody"
    what = "status" if kind == "to nobody" else kind
    return vendor.flood(
        Flood(rate_per_s=rate_per_s, seconds=seconds, kind=what, to_nobody=to_nobody)
    )


def _press(engine: HeadlessEngine, number: int) -> float:
    """Ask for a mute, or its end; return how long it took until the state said so, in ms."""
    is_muted = number % 2 == 0
    asked_s = engine.send(cmd="mute" if is_muted else "unmute", callerType="callTaker")
    reported_s, _ = engine.wait_for(
        lambda e: e["event"] == "state" and e["parties"][1]["muted"] is is_muted, since_s=asked_s
    )
    return (reported_s - asked_s) * 1000


def _off_ms(states: list[dict[str, object]]) -> float:
    """Return how far positions were, at most, from where the clock would have taken the first."""
    reported = [(float(s["as_of_s"]), float(s["position_ms"])) for s in states]  # type: ignore[arg-type]
    if not reported:
        return float("nan")
    starts = [position_ms - 1000 * as_of_s for as_of_s, position_ms in reported]
    return max(abs(start - float(np.median(starts))) for start in starts)
