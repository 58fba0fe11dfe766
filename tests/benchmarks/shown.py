"""The position that the screen shows against the one that is heard at the same moment.

A clock with tenths says exactly where the call is only when a digit turns over: at the moment that
`1:23.4` is painted, the position is 83.400 s. Those moments are dated as the bytes leave the
program, and the sound that leaves the device at that moment is read from the monitor.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from callplayer.ui.widgets.pixels import cell_rows, large, pixel_width
from tests.rig.dated_screen import DatedScreen, Grid
from tests.rig.processes import CALLPLAYER, HeadlessEngine, Service, clean_environment
from tests.rig.pulse import RATE_HZ, Sink, pulse_server
from tests.rig.signals import BASE_HZ, PERIOD_S, heard_position_s, write_sweep_call

CALL_S = 606.0
TENTH_MS = 100
HALF_READ_S = 0.02
ONE_PLACE = 0.95
"""So much of the power must be one sweep's, or two places are heard at once: not read."""

EDGE_S = 0.15
"""Where the sweep starts over, 40 ms of it hold two positions: not read."""

YOUNG_S = 1.5
SETTLE_S = 4.0
LISTEN_S = 4.0


@dataclass
class Errors:
    """Position shown less position heard, in ms, at so many moments of one kind."""

    what: str
    errors_ms: list[float] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Return what it is, how many, bias (mean), p50, p99 and the most of the errors' size."""
        if not self.errors_ms:
            return (self.what, "0", "–", "–", "–", "–")
        size_ms = np.abs(self.errors_ms)
        return (
            self.what,
            str(len(size_ms)),
            f"{np.mean(self.errors_ms):+.1f}",
            f"{np.median(size_ms):.1f}",
            f"{np.percentile(size_ms, 99):.1f}",
            f"{np.max(size_ms):.1f}",
        )


@dataclass(frozen=True)
class Paint:
    """The clock as it was painted anew: when, and what it showed."""

    at_s: float
    shown_ms: int


class ClockWatch:
    """Notes each change of the large clock's digits."""

    def __init__(self) -> None:
        self.paints: list[Paint] = []

    def painted(self, grid: Grid, now_s: float) -> None:
        """Look at the screen after a write."""
        shown_ms = read_clock_ms(grid.lines())
        if shown_ms is not None and (not self.paints or self.paints[-1].shown_ms != shown_ms):
            self.paints.append(Paint(now_s, shown_ms))

    def turns(self, from_s: float, to_s: float) -> Iterator[Paint]:
        """Give the paints, between two moments, at which the clock went on by a tenth."""
        for before, paint in itertools.pairwise(self.paints):
            if from_s <= paint.at_s < to_s and paint.shown_ms == before.shown_ms + TENTH_MS:
                yield paint

    def skipped(self, from_s: float, to_s: float) -> int:
        """Return how many changes between two moments were no step of a tenth ahead."""
        changes = sum(from_s <= paint.at_s < to_s for paint in self.paints[1:])
        return changes - sum(1 for _ in self.turns(from_s, to_s))


def read_clock_ms(lines: Sequence[str]) -> int | None:
    """Return what the large clock shows, `m:ss.s` in glyphs; None while it is half painted."""
    for scale in (3, 2, 1):
        height = cell_rows(scale)
        for top in range(1, min(8, len(lines) - height)):
            text = _read_glyphs(lines[top : top + height], 1, scale)
            if reported := re.fullmatch(r"(\d+):(\d\d)\.(\d)", text):
                minutes, seconds, tenths = map(int, reported.groups())
                return (minutes * 60 + seconds) * 1000 + tenths * TENTH_MS
    return None


def _read_glyphs(lines: Sequence[str], column: int, scale: int) -> str:
    text = ""
    while True:
        for glyph in "0123456789:.":
            drawn = large(glyph, scale)
            end = column + len(drawn[0])
            if all(line[column:end] == row for line, row in zip(lines, drawn, strict=True)):
                text += glyph
                column += (pixel_width(glyph) + 1) * scale
                break
        else:
            return text


class Recording:
    """What a sink's monitor gave between two moments; waits for the end."""

    def __init__(self, sink: Sink, from_s: float, to_s: float) -> None:
        self._sink = sink
        self._first, self._sound = sink.recorded(from_s, to_s)

    def error_ms(self, at_s: float, shown_ms: float) -> list[float]:
        """Return shown less heard, in ms, for each party that can be read at that moment."""
        errors_ms = []
        if not EDGE_S < shown_ms / 1000 % PERIOD_S < PERIOD_S - EDGE_S:
            return []
        middle = self._sink.frame_at(at_s) - self._first
        half = round(HALF_READ_S * RATE_HZ)
        for party in BASE_HZ:
            sound = self._sound[middle - half : middle + half]
            heard_s = heard_position_s(sound, party, ONE_PLACE)
            if heard_s is not None:
                off_s = (shown_ms / 1000 - heard_s + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2
                errors_ms.append(off_s * 1000)
        return errors_ms


def measure(steady_s: float, scrubs: int, pauses: int) -> list[Errors]:
    """Measure the screen, then the engine alone, on the same call."""
    with tempfile.TemporaryDirectory() as folder, pulse_server() as server:
        home = Path(folder)
        write_sweep_call(home / "sweep.wav", CALL_S)
        service = Service(home, home / "sweep.wav")
        try:
            sink = Sink(server, "shown")
            measured = screen_errors(home, service, sink, steady_s, scrubs, pauses)
            sink.close()
            sink = Sink(server, "reported")
            measured.append(engine_errors(home, service, sink, steady_s))
            sink.close()
        finally:
            service.stop()
    return measured


def screen_errors(
    home: Path, service: Service, sink: Sink, steady_s: float, scrubs: int, pauses: int
) -> list[Errors]:
    """Return the errors of the clock on the screen, of playing undisturbed first."""
    watch = ClockWatch()
    environment = clean_environment(home) | service.environment | sink.environment
    screen = DatedScreen([*CALLPLAYER, service.incidents[0]], environment, watch.painted)
    try:
        screen.wait_for("PLAYING")
        began_s = time.monotonic()
        time.sleep(SETTLE_S + steady_s)
        steady = (began_s + SETTLE_S, time.monotonic())
        scrubbed_s = _scrub(screen, scrubs)
        resumed_s = _pause(screen, pauses)
        ended_s = time.monotonic()
        screen.quit()
    finally:
        screen.close()
    recording = Recording(sink, began_s, ended_s)

    def errors(what: str, spans_s: Sequence[tuple[float, float]]) -> Errors:
        skipped = sum(watch.skipped(*span) for span in spans_s)
        return Errors(
            f"{what} ({skipped} other changes)",
            [
                error_ms
                for span in spans_s
                for paint in watch.turns(*span)
                for error_ms in recording.error_ms(paint.at_s, paint.shown_ms)
            ],
        )

    young = [(at_s, at_s + YOUNG_S) for at_s in scrubbed_s]
    old = [(at_s + YOUNG_S, at_s + LISTEN_S - 0.1) for at_s in scrubbed_s]
    return [
        errors("screen, from 4 s after the start", [steady]),
        errors("screen, first 4 s of playing", [(began_s, began_s + SETTLE_S)]),
        errors(f"screen, 0 to {YOUNG_S} s after a scrub", young),
        errors(f"screen, from {YOUNG_S} s after a scrub", old),
        errors(f"screen, 0 to {YOUNG_S} s after a resume", [(s, s + YOUNG_S) for s in resumed_s]),
        errors(
            f"screen, from {YOUNG_S} s after a resume",
            [(s + YOUNG_S, s + LISTEN_S - 0.1) for s in resumed_s],
        ),
    ]


def _scrub(screen: DatedScreen, times: int) -> list[float]:
    """Scrub by percents and by arrows; return when."""
    chance = random.Random(911)
    scrubbed_s = []
    for _ in range(times):
        scrubbed_s.append(screen.type(chance.choice(["1", "3", "5", "7", "l", "j", "."])))
        time.sleep(LISTEN_S + chance.uniform(0.0, 0.2))
    return scrubbed_s


def _pause(screen: DatedScreen, times: int) -> list[float]:
    """Pause and go on again; return when it went on."""
    chance = random.Random(112)
    resumed_s = []
    for _ in range(times):
        screen.type(" ")
        time.sleep(1.0 + chance.uniform(0.0, 0.5))
        resumed_s.append(screen.type(" "))
        time.sleep(LISTEN_S)
    return resumed_s


def engine_errors(home: Path, service: Service, sink: Sink, steady_s: float) -> Errors:
    """Return the errors of `audible_ms` carried forward, as a script would, every 50 ms."""
    engine = HeadlessEngine(home, service.environment | sink.environment, service.incidents[0])
    engine.wait_state(phase="playing", advancing=True)
    began_s = time.monotonic()
    time.sleep(SETTLE_S + steady_s)
    ended_s = time.monotonic()
    engine.quit()
    recording = Recording(sink, began_s, ended_s)
    states = [
        event
        for _, event in engine.events
        if event["event"] == "state" and event["advancing"] and event["as_of_s"] > began_s
    ]
    errors = Errors("engine, `audible_ms` carried forward, from 4 s after the start")
    for state, following in itertools.pairwise(states):
        if state["as_of_s"] < began_s + SETTLE_S:
            continue
        for at_s in np.arange(state["as_of_s"], following["as_of_s"], 0.05):
            reported_ms = state["audible_ms"] + (at_s - state["as_of_s"]) * 1000
            errors.errors_ms += recording.error_ms(float(at_s), reported_ms)
    return errors
