"""Builds livekit-server from its Go modules, and reports how far that is."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from callplayer.config import without_settings
from callplayer.errors import ServiceError
from callplayer.progress import elapsed_text
from callplayer.service.livekit import go_compiler
from callplayer.service.livekit.go_compiler import find_go, go_folders, run_to_end

VERSION = "1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
INSTALL_BY_HAND = f"Install Go, then run: go install {MODULE}"

FLAGS = ("-ldflags=-s -w", "-gcflags=all=-dwarf=false")
"""Nothing here debugs the server: without DWARF it is built sooner and is a third smaller."""

ENVIRONMENT = {"CGO_ENABLED": "0", "GOGC": "400"}
"""No part of it needs C, so no C compiler has to be here. A compiler that lives for a second or two
does better to collect its garbage rarely."""

ALL_BYTES = 1_200_000_000
PACKAGE_BYTES = 800_000
BINARY_BYTES = 150_000_000
"""What it takes on the disk: modules and all; one compiled package; the program while it is linked.
Measured: 361 MB of modules, 653 MB for 789 packages."""

REPORT_EVERY_S = 0.5
STALE_S = 3600.0

Stage = Literal["fetching Go", "fetching modules", "compiling", "linking"]


@dataclass(frozen=True)
class BuildProgress:
    """How far a build is: `done` things of `total` (None: not known) in `stage`, after `elapsed_s`.

    Of "fetching modules" `done` counts modules, of "compiling" the packages that were begun;
    `total` are those that the cache of earlier builds does not hold.
    """

    stage: Stage
    done: int = 0
    total: int | None = None
    elapsed_s: float = 0.0

    @property
    def text(self) -> str:
        """Return it as a line, without the name of the program that is built."""
        counts = {
            "fetching Go": "",
            "fetching modules": f", {self.done:,} so far" if self.done else "",
            "compiling": f", {self.done:,} of {self.total or 0:,} packages",
            "linking": "",
        }
        what = self.stage.replace("compiling", "compiling livekit-server")
        what = what.replace("linking", "linking livekit-server")
        return f"{what}{counts[self.stage]}, {elapsed_text(self.elapsed_s)}"

    @property
    def short_text(self) -> str:
        """Return it in a few words, for a place that has no room for more."""
        count = f" {self.done:,}" if self.done else ""
        if self.stage == "compiling":
            count = f" {self.done:,} of {self.total or 0:,}"
        return f"{self.stage}{count}, {elapsed_text(self.elapsed_s)}"


class _BuildReporter:
    """Counts a build's lines, and reports no oftener than every `every_s`."""

    def __init__(self, report: Callable[[BuildProgress], None], every_s: float) -> None:
        self._report = report
        self._every_s = every_s
        self._started_s = time.monotonic()
        self._reported_s = float("-inf")
        self._now = BuildProgress("fetching modules")

    def begin(self, stage: Stage, total: int | None = None) -> None:
        self._now = BuildProgress(stage, 0, total)
        self._reported_s = float("-inf")
        self.tick()

    def count(self) -> None:
        self._now = BuildProgress(self._now.stage, self._now.done + 1, self._now.total)
        if self._now.stage == "compiling" and self._now.done == self._now.total:
            self.begin("linking")

    def tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._reported_s >= self._every_s:
            self._reported_s = now_s
            at = self._now
            self._report(BuildProgress(at.stage, at.done, at.total, now_s - self._started_s))


def check_can_build(folder: Path) -> None:
    """Raise ServiceError if it is known beforehand that livekit-server cannot be built here.

    That is without Go and a way to fetch it, or without room on the disk. `folder` is where what is
    built is kept. Takes some tens of ms.
    """
    go = find_go(folder)
    if go is None:
        go_compiler.fetch_command(folder)
        _check_room(folder, go_compiler.PACKAGE_BYTES + ALL_BYTES)
        return
    folders = go_folders(go)
    modules = folders.get("GOMODCACHE", folder)
    if not (modules / "github.com" / "livekit" / f"livekit-server@v{VERSION}").is_dir():
        _check_room(folders.get("GOCACHE", folder), ALL_BYTES)


def build(
    target: Path,
    folder: Path,
    report: Callable[[BuildProgress], None],
    cancelled: threading.Event | None = None,
    *,
    every_s: float = REPORT_EVERY_S,
) -> None:
    """Build livekit-server and put it at `target`, whole or not at all.

    `folder` is where a Go compiler is kept if one has to be fetched. `report` is called every
    `every_s`. What a build that breaks off has compiled stays in Go's own cache, which the next
    one goes on from. Raise ServiceError with the line to type, or go_compiler.Cancelled.
    """
    cancelled = cancelled or threading.Event()
    check_can_build(folder)
    reporter = _BuildReporter(report, every_s)
    go = find_go(folder)
    if go is None:
        reporter.begin("fetching Go")
        go = go_compiler.fetch_go(folder, reporter.tick, cancelled)
    reporter.begin("fetching modules")
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
        environment = {**without_settings(os.environ), **ENVIRONMENT}
        environment |= {"GOBIN": scratch, "GOTMPDIR": scratch}
        # A cross-compiling GOOS or GOARCH makes `go install` refuse a GOBIN.
        for name in ("GOOS", "GOARCH"):
            environment.pop(name, None)
        packages = 0

        def plan(line: str) -> None:
            nonlocal packages
            packages += "/compile -o $WORK" in line
            if line.startswith("go: downloading"):
                reporter.count()

        def follow(line: str) -> None:
            if line and not line.startswith(("go: ", "#", "\t")):
                reporter.count()

        try:
            command = [str(go), "install", *FLAGS]
            go_install = partial(run_to_end, "go install", tick=reporter.tick, cancelled=cancelled)
            go_install([*command, "-n", MODULE], environment, plan)
            folders = go_folders(go)
            room_bytes = packages * PACKAGE_BYTES + BINARY_BYTES
            _check_room(folders.get("GOCACHE", target.parent), room_bytes)
            reporter.begin("compiling" if packages else "linking", packages)
            go_install([*command, "-v", MODULE], environment, follow)
        except ServiceError as error:
            raise ServiceError(error.what, f"{error.hint} Or: {INSTALL_BY_HAND}") from error
        (Path(scratch) / "server").replace(target)


def _check_room(folder: Path, wanted_bytes: int) -> None:
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < wanted_bytes:
        raise ServiceError(
            f"Building livekit-server takes {wanted_bytes / 1e9:.1f} GB of disk, and "
            f"{free_bytes / 1e9:.1f} GB are free at {there}.",
            "Free some, and run again.",
        )


def _sweep(folder: Path) -> None:
    """Remove what a build that was killed has left."""
    for scratch in folder.glob("build-*"):
        if time.time() - scratch.stat().st_mtime > STALE_S:
            shutil.rmtree(scratch, ignore_errors=True)
