"""What the screen costs while it plays, and how soon a key is seen on a terminal."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.cost import SETTLE_S, cpu_s, resident_mb
from tests.rig.dated_screen import DatedScreen
from tests.rig.processes import CALLPLAYER, Service, clean_environment
from tests.rig.pulse import Sink, pulse_server

ROOT = Path(__file__).resolve().parents[2]
CALL = ROOT / "callplayer/demo_calls/kitchen-fire.ogg"
SIZES = ((80, 24), (200, 60))
WORDS = 30_000
CALL_MS = 10_800_000
QUIET_S = 0.06
PATIENCE_S = 2.0

DOWN, UP, RIGHT = "\x1b[B", "\x1b[A", "\x1b[C"
PAGE_DOWN, PAGE_UP, HOME, END = "\x1b[6~", "\x1b[5~", "\x1b[H", "\x1b[F"
READING = (DOWN, RIGHT, PAGE_DOWN, UP, PAGE_DOWN, RIGHT, PAGE_UP, END, UP, HOME, PAGE_DOWN)
TYPING = "word12345"


@dataclass(frozen=True)
class ScreenCost:
    """The screen's process while a call with words plays."""

    columns: int
    rows: int
    cpu_percent: float
    kbytes_per_s: float
    memory_mb: float


@dataclass(frozen=True)
class KeyTimes:
    """From the byte of a key to the first byte that the screen changes by it, in ms."""

    what: str
    took_ms: list[float]


def measure(duration_s: float, times: int) -> tuple[list[ScreenCost], list[KeyTimes]]:
    """Play at each size for `duration_s`; press keys on a call of 30,000 words, `times` rounds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return _costs(home, duration_s), _keys(home, times)


def _costs(home: Path, duration_s: float) -> list[ScreenCost]:
    measured = []
    with pulse_server() as server:
        service = Service(home, CALL)
        sink = Sink(server, "screen")
        try:
            for columns, rows in SIZES:
                environment = clean_environment(home) | service.environment | sink.environment
                argv = [*CALLPLAYER, service.incidents[0]]
                screen = DatedScreen(argv, environment, columns=columns, rows=rows)
                try:
                    screen.wait_for("PLAYING")
                    measured.append(_cost(screen, columns, rows, duration_s))
                    screen.quit()
                finally:
                    screen.close()
        finally:
            sink.close()
            service.stop()
    return measured


def _cost(screen: DatedScreen, columns: int, rows: int, duration_s: float) -> ScreenCost:
    time.sleep(SETTLE_S)
    pid = screen.process.pid
    before_s, bytes_before, began_s = cpu_s(pid), screen.bytes_drawn, time.monotonic()
    time.sleep(duration_s)
    used_s, took_s = cpu_s(pid) - before_s, time.monotonic() - began_s
    drawn = screen.bytes_drawn - bytes_before
    assert any("PLAYING" in line for line in screen.grid.lines()), "the call is over"
    return ScreenCost(columns, rows, 100 * used_s / took_s, drawn / took_s / 1000, resident_mb(pid))


def _keys(home: Path, times: int) -> list[KeyTimes]:
    argv = (
        sys.executable, str(ROOT / "tests/ui/play_fake.py"), f"--words={WORDS}",
        f"--duration-ms={CALL_MS}", "--position-ms=5400000",
    )  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PLAY_FAKE_LOG": str(home / "log"),
    }  # fmt: skip
    wrote_s: list[float] = []
    screen = DatedScreen(
        argv, environment, columns=200, rows=60, wrote=lambda _, now_s: wrote_s.append(now_s)
    )
    try:
        screen.wait_for("PAUSED")
        screen.wait_for("word1500")
        press = _presser(screen, wrote_s)
        press("w")
        reading = [press(key) for _ in range(times) for key in READING]
        press("\x1b")
        typing = []
        for _ in range(times):
            press("/")
            typing += [press(letter) for letter in TYPING]
            press("\x15")
            press("\x1b")
        muting = [press("m") for _ in range(10 * times)]
        screen.quit()
    finally:
        screen.close()
    return [
        KeyTimes("reading in the words", reading),
        KeyTimes("searching as one types", typing),
        KeyTimes("mute, by way of the engine", muting),
    ]


def _presser(screen: DatedScreen, wrote_s: Sequence[float]) -> Callable[[str], float]:
    def press(key: str) -> float:
        _wait_quiet(wrote_s)
        seen = len(wrote_s)
        pressed_s = screen.type(key)
        while len(wrote_s) == seen:
            if time.monotonic() - pressed_s > PATIENCE_S:
                raise AssertionError(f"nothing changed by {key!r}")
            time.sleep(0.0005)
        return (wrote_s[seen] - pressed_s) * 1000

    return press


def _wait_quiet(wrote_s: Sequence[float]) -> None:
    """Wait until the screen has been left alone for a while: it stands still by itself."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if not wrote_s or time.monotonic() - wrote_s[-1] > QUIET_S:
            return
        time.sleep(0.005)
    raise AssertionError("the screen does not come to rest")
