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
from tests.rig.pulse import RATE_HZ, Samples, Sink, pulse_server
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
    turn_errors_frames: list[int] = field(default_factory=list)
    turn_gap_ms: float = 0.0


def measure(presses: int, browser_jumps: int, turns: int) -> Recall:
    """Press `r` so often in a terminal; loop so many turns; have a browser jump."""
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
                if turns:
                    _loop(client, sink, measured, turns)
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


def _loop(client: clients.TerminalClient, sink: Sink, measured: Recall, turns: int) -> None:
    """Loop over some 1.5 s and compare each turn with the one before."""
    client.press("a")
    time.sleep(1.5)
    began_s = client.press("a")
    time.sleep(1.5 * (turns + 2))
    sound = sink.heard(began_s + 1.0, began_s + 1.5 * (turns + 1))
    client.press("a")
    period = _period(sound, round(1.2 * RATE_HZ), round(1.8 * RATE_HZ))
    for turn in range(turns - 1):
        one = sound[turn * period :][: period // 2]
        other = sound[(turn + 1) * period - 50 :][: period // 2 + 100]
        measured.turn_errors_frames.append(_best_lag(one, other) - 50)
    step = RATE_HZ // 500
    levels = np.sqrt(np.mean(sound[: len(sound) // step * step].reshape(-1, step) ** 2, axis=1))
    measured.turn_gap_ms = float(np.sum(levels < np.median(levels) / 10)) * 2.0


def _period(sound: Samples, least: int, most: int) -> int:
    piece = sound[: RATE_HZ // 2].astype(np.float64)
    return least + _best_lag(piece, sound[least : most + len(piece)].astype(np.float64))


def _best_lag(piece: Samples, searched: Samples) -> int:
    size = 1 << (len(searched) + len(piece)).bit_length()
    spectrum = np.fft.rfft(searched, size) * np.conj(np.fft.rfft(piece, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(searched) - len(piece) + 1]))


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
    if measured.turn_errors_frames:
        worst = max(map(abs, measured.turn_errors_frames))
        print(
            f"loop, {len(measured.turn_errors_frames) + 1} turns: period off by {worst} samples,",
            end=" ",
        )
        print(f"silent for {measured.turn_gap_ms:.0f} ms in all")
