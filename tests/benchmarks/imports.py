"""How fast recordings are imported: CPU time a second of sound, beside the build of BEFORE.

Both builds import the same files in turns, each in a process of its own on one core. The older one
comes out of the git history: without it only today's is measured, and that is said.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[2]
BEFORE = "d510319"
"""The last build that decoded by libsndfile: a file is at least as fast now."""

LEAST_TIMES_REAL_TIME = 100

KINDS = {
    "WAV, 8 kHz": (8_000, "a.wav", "cp {in} {out}"),
    "WAV, 48 kHz": (48_000, "b.wav", "cp {in} {out}"),
    "FLAC, 8 kHz": (8_000, "a.flac", "flac -s {in} -o {out}"),
    "MP3, 44.1 kHz": (44_100, "a.mp3", "lame --quiet -b 64 {in} {out}"),
    "Vorbis, 16 kHz": (16_000, "a.ogg", "oggenc -Q {in} -o {out}"),
    "Opus, 48 kHz": (48_000, "a.opus", "ffmpeg -v error -nostdin -i {in} -c:a libopus {out}"),
    "M4A, 44.1 kHz": (44_100, "a.m4a", "ffmpeg -v error -nostdin -i {in} -c:a aac {out}"),
}
"""By name: sample rate, file, and the command that makes it; all of two channels."""

_BUILDS = {
    "now": ("callplayer.service.library.importer", "ImportJob"),
    "before": ("callplayer.service.imports", "Call"),
}
_CHILD = """
import importlib, json, os, sys, tempfile, time
from pathlib import Path
module, job, times, *files = sys.argv[1:]
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
imports = importlib.import_module(module)
took_s = []
for turn in range(int(times) + 1):  # the first one loads the libraries
    for path in map(Path, files):
        with tempfile.TemporaryDirectory() as folder:
            began_s = time.process_time()
            imports.import_calls(Path(folder), [getattr(imports, job)(sources=(path,))])
            if turn:
                took_s.append(time.process_time() - began_s)
print(json.dumps(took_s))
"""


@dataclass(frozen=True)
class Speed:
    """How many seconds of sound a CPU second imports; `before` is None where it is not had."""

    kind: str
    now: float
    before: float | None

    def row(self) -> tuple[str, str, str, str]:
        """Return what the table shows."""
        if self.before is None:
            return self.kind, f"{self.now:.0f}", "not measured", ""
        return self.kind, f"{self.now:.0f}", f"{self.before:.0f}", f"{self.now / self.before:.2f}"


def measure(minutes: float, times: int) -> list[Speed]:
    """Import each kind of file `times` times by each build, in turns; return the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = _checked_out(folder / "before")
        speeds = []
        for kind, (rate_hz, file, command) in KINDS.items():
            path = _make(folder, rate_hz, file, command, minutes)
            took_s: dict[str, list[float]] = {"now": [], "before": []}
            for _ in range(times):
                took_s["now"] += _import("now", ROOT, path)
                if before is not None:
                    took_s["before"] += _import("before", before, path)
            now, was = (
                minutes * 60 / statistics.median(each) if each else None for each in took_s.values()
            )
            assert now is not None
            speeds.append(Speed(kind, now, was))
        return speeds


def _checked_out(folder: Path) -> Path | None:
    """Return a folder with the build BEFORE; None where the history does not have it."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", BEFORE, "callplayer"], capture_output=True, check=False
    )
    if archive.returncode:
        print(f"The build {BEFORE} is not in this copy's git history: today's alone is measured.\n")
        return None
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


def _make(folder: Path, rate_hz: int, file: str, command: str, minutes: float) -> Path:
    source, path = folder / "source.wav", folder / file
    rng = np.random.default_rng(9)
    frames = round(minutes * 60 * rate_hz)
    seconds = np.arange(frames) / rate_hz
    voices = [np.sin(2 * np.pi * hz * seconds) * np.sin(hz * seconds / 50) for hz in (310, 440)]
    sound = 0.3 * np.stack(voices, 1) + rng.normal(0, 0.01, (frames, 2))
    soundfile.write(source, sound, rate_hz, subtype="PCM_16")
    words = [each.format(**{"in": source, "out": path}) for each in command.split()]
    subprocess.run(words, check=True)
    return path


def _import(build: str, root: Path, path: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *_BUILDS[build], "1", str(path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the build of {build} cannot import {path.name}: {done.stderr}")
    took_s: list[float] = json.loads(done.stdout)
    return took_s
