"""Underruns while the screen's process storms and a hog has one core: apart, and in one process."""

from __future__ import annotations

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
from typing import Any

import numpy as np

from tests.rig.processes import Service, clean_environment
from tests.rig.pulse import RATE_HZ, Samples, Sink, pulse_server
from tests.rig.signals import write_tones
from tests.rig.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
TONES_HZ = (700.0, 1900.0)
WINDOW_FRAMES = RATE_HZ // 200
SETTLE_S = 5.0
HOG = (
    "import os, sys, time; os.sched_setaffinity(0, {int(sys.argv[1])})\n"
    "end_s = time.monotonic() + float(sys.argv[2])\n"
    "while time.monotonic() < end_s: pass"
)


@dataclass(frozen=True)
class Storm:
    """What one player did while it stormed. Counts are of the measured time only.

    `gaps` and `gaps_ms` are what the monitor heard: how often, and for how long in all, a party's
    steady tone was gone. The callback's times are since the device opened.
    """

    name: str
    duration_s: float
    underruns: int
    device_underflows: int
    gaps: int
    gaps_ms: float
    concealed_ms: float
    trimmed_frames: int
    callback_p99_ms: float
    callback_p999_ms: float
    callback_longest_ms: float
    drawn_per_s: float
    parsed: int
    screen_cpu_percent: float


def measure(duration_s: float) -> Iterator[Storm]:
    """Storm for `duration_s`, once with the engine apart and once with it in the same process."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_tones(home / "tones.wav", duration_s + 60, *TONES_HZ)
        service = Service(home, home / "tones.wav")
        try:
            for number, (name, flags) in enumerate(
                (
                    ("callplayer: engine in a process of its own", ()),
                    ("peer: the same engine in the screen's process", ("--same-process",)),
                )
            ):
                place = home / str(number)
                place.mkdir()
                sink = Sink(server, f"storm{number}")
                with _hog(duration_s + 60):
                    yield _storm(name, flags, place, service, sink, duration_s)
                sink.close()
        finally:
            service.stop()


@contextlib.contextmanager
def _hog(at_most_s: float) -> Iterator[None]:
    """Keep the last core busy."""
    core = max(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-c", HOG, str(core), str(at_most_s)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _storm(
    name: str, flags: tuple[str, ...], home: Path, service: Service, sink: Sink, duration_s: float
) -> Storm:
    notes = home / "notes"
    module = "tests.benchmarks.stormy_screen"
    terminal = Terminal(
        home,
        [sys.executable, "-m", module, f"--notes={notes}", *flags, service.incidents[0]],
        clean_environment(home)
        | service.environment
        | sink.environment
        | {"PYTHONPATH": str(ROOT)},
    )
    try:
        terminal.wait_for("PLAYING", timeout_s=30.0)
        time.sleep(SETTLE_S)
        before, before_storm = _last(notes)
        from_s = time.monotonic()
        time.sleep(duration_s)
        to_s = time.monotonic()
        after, after_storm = _last(notes)
        terminal.type("q")
        if not flags:
            terminal.wait_end(timeout_s=30.0)  # the peer may be past obeying
    finally:
        terminal.close()
    gaps, gaps_ms = heard_gaps(sink.heard(from_s, to_s))
    took_s = to_s - from_s
    return Storm(
        name=name,
        duration_s=took_s,
        underruns=after["underruns"] - before["underruns"],
        device_underflows=after["device_underflows"] - before["device_underflows"],
        gaps=gaps,
        gaps_ms=gaps_ms,
        concealed_ms=after["concealed_ms"] - before["concealed_ms"],
        trimmed_frames=after["trimmed_frames"] - before["trimmed_frames"],
        callback_p99_ms=after["callback_p99_ms"],
        callback_p999_ms=after["callback_p999_ms"],
        callback_longest_ms=after["callback_longest_ms"],
        drawn_per_s=(after_storm["drawn"] - before_storm["drawn"]) / took_s,
        parsed=after_storm["parsed"] - before_storm["parsed"],
        screen_cpu_percent=100 * (after_storm["cpu_s"] - before_storm["cpu_s"]) / took_s,
    )


def _last(notes: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the engine emitted last, and how far the storm was then."""
    lines = [json.loads(line) for line in notes.read_bytes().splitlines()[-3:]]
    by_kind = {line["event"]: line for line in lines}
    return by_kind["stats"], by_kind["storm"]


def heard_gaps(sound: Samples) -> tuple[int, float]:
    """Return how often and for how long, in ms, a party's tone was not there, over all parties."""
    count, gone_ms = 0, 0.0
    for hz in TONES_HZ:
        level = _tone_levels(sound, hz)
        gone = level < 0.5 * np.median(level)
        count += int(np.sum(gone[1:] & ~gone[:-1])) + int(gone[0])
        gone_ms += float(np.sum(gone)) * WINDOW_FRAMES * 1000 / RATE_HZ
    return count, gone_ms


def _tone_levels(sound: Samples, hz: float) -> Samples:
    """Return the amplitude of a tone in each window of 5 ms."""
    window = np.hanning(WINDOW_FRAMES)
    probe = window * np.exp(-2j * np.pi * hz * np.arange(WINDOW_FRAMES) / RATE_HZ)
    probe = (probe * 2 / window.sum()).astype(np.complex64)
    parts = sound[: len(sound) // WINDOW_FRAMES * WINDOW_FRAMES].reshape(-1, WINDOW_FRAMES)
    return np.abs(parts @ probe).astype(np.float32)
