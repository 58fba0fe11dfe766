"""What hours of a call take in the memory: speech of two parties, as fast as it can be stored.

The first places of it are read again at the end: that takes the decoder, the last do not.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from callplayer.engine.memory.call_memory import CallMemory
from callplayer.engine.memory.reader import MemoryReader
from callplayer.engine.session.recall.upkeep import Upkeep
from tests.rig.pulse import RATE_HZ

SPEECH = Path(__file__).resolve().parents[2] / "callplayer/demo_calls/kitchen-fire.ogg"
NAMES = ("caller", "callTaker")
PIECE = RATE_HZ // 10
CODED_EVERY_S = 30
STEP_S = 7
"""The call is taken a second at a time in such steps, so that no two minutes are the same."""


@dataclass(frozen=True)
class Stored:
    """`grown_mb` is how much larger the process is at most; `store_mb` what the samples take.

    `first_read_ms` are how long 10 ms of the call's first minute and of its last take to be read.
    """

    hours: float
    grown_mb: float
    store_mb: float
    remembered_s: float
    first_read_ms: tuple[float, float]


def measure(hours: float) -> Stored:
    """Store so many hours in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_store, (hours,))


def _store(hours: float) -> Stored:
    lanes, rate_hz = soundfile.read(SPEECH, dtype="int16", always_2d=True)
    assert rate_hz == RATE_HZ
    speech, seconds = lanes[:, 0], len(lanes) // RATE_HZ
    memory = CallMemory()
    upkeep = Upkeep(memory, threading.RLock(), lambda *said: None)
    before_mb = most_mb = _resident_mb()
    for second in range(round(hours * 3600)):
        at = second * STEP_S % seconds * RATE_HZ
        for start in range(0, RATE_HZ, PIECE):
            pcm = speech[at + start : at + start + PIECE]
            for name in NAMES:
                memory.append(name, pcm, second * 1000 + (start + PIECE) * 1000 / RATE_HZ)
        if second % CODED_EVERY_S == 0:
            upkeep.run_once()
            most_mb = max(most_mb, _resident_mb())
    upkeep.run_once()
    remembered_s = sum(end - start for start, end in memory.ranges_ms()) / 1000
    reads_ms = (_read_ms(memory, 30_000.0), _read_ms(memory, hours * 3_600_000 - 30_000.0))
    grown_mb = max(most_mb, _resident_mb()) - before_mb
    return Stored(hours, grown_mb, memory.size_bytes / 1e6, remembered_s, reads_ms)


def _read_ms(memory: CallMemory, place_ms: float) -> float:
    reader, began_s = MemoryReader(memory), time.perf_counter()
    assert reader.seek(place_ms, NAMES)
    sound = reader.read(RATE_HZ // 100)
    took_ms = (time.perf_counter() - began_s) * 1000
    assert all(np.any(samples) for samples in sound.values())
    return took_ms


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def report(stored: Stored) -> None:
    """Print the row."""
    first_ms, last_ms = stored.first_read_ms
    print(
        f"{stored.hours:g} h of two parties: {stored.remembered_s / 3600:.2f} h remembered,"
        f" {stored.grown_mb:.0f} MB more, {stored.store_mb:.0f} of them sound;"
        f" 10 ms of its first minute are read in {first_ms:.0f} ms, of its last in {last_ms:.1f} ms"
    )
