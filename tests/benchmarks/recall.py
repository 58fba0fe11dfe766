"""Instant recall from a terminal, by what the sound card is given; a browser's jumps beside it."""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks import clients, latency
from tests.benchmarks.heard import read_jump
from tests.rig.processes import Service
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import heard_position_s, write_sweep_call

CALL_S = 606.0
SAY_AGAIN_S = 2.0
BEFORE_S = 0.04
LISTEN_S = 0.5


@dataclass
class Recall:
    """Times in ms: a key to new sound, from memory and by a browser through the server."""

    again_ms: list[float] = field(default_factory=list)
    again_missed: int = 0
    browser_ms: list[float] = field(default_factory=list)


def measure(presses: int, browser_jumps: int) -> Recall:
    """Press `r` so often in a terminal; have a browser jump."""
    measured, chance = Recall(), random.Random(911)
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", CALL_S)
        service = Service(home, home / "sweep.wav")
        try:
            (home / "own").mkdir()
            sink = Sink(server, "own")
            with clients.callplayer(home / "own", service, sink, round(CALL_S * 1000)) as client:
                assert isinstance(client, clients.TerminalClient)
                time.sleep(5.0)
                for _ in range(presses):
                    _say_again(client, sink, measured)
                    time.sleep(chance.uniform(1.9, 2.3))
            sink.close()
            if browser_jumps:
                (home / "browser").mkdir()
                sink = Sink(server, "browser")
                jumps = latency.Latency("", [], [])
                with clients.chromium(home / "browser", service, sink) as browser:
                    latency.measure_client(
                        jumps, browser, sink, browser_jumps, 0, latency.LISTEN_S, chance
                    )
                measured.browser_ms = [j.new_ms for j in jumps.jumps if j.new_ms is not None]
                sink.close()
        finally:
            service.stop()
    return measured


def _say_again(client: clients.TerminalClient, sink: Sink, measured: Recall) -> None:
    pressed_s = client.press("r")
    time.sleep(LISTEN_S)
    before = sink.heard(pressed_s - BEFORE_S, pressed_s)
    old_s = heard_position_s(before[-round(0.024 * RATE_HZ) :])
    if old_s is None:
        measured.again_missed += 1
        return
    jump = read_jump(sink.heard(pressed_s, pressed_s + LISTEN_S), old_s, old_s - SAY_AGAIN_S)
    if jump.new_ms is None:
        measured.again_missed += 1
    else:
        measured.again_ms.append(jump.new_ms)


def report(measured: Recall) -> None:
    """Print the table."""
    again = np.array(measured.again_ms)
    if len(again):
        p50, p95 = np.percentile(again, [50, 95])
        print(
            f"say again, key → sound: n {len(again)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms,", end=" "
        )
        print(f"most {again.max():.0f} ms; not heard {measured.again_missed}")
    if measured.browser_ms:
        p50, p95 = np.percentile(measured.browser_ms, [50, 95])
        print(f"Chromium with livekit-client, scrub: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
