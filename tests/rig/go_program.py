"""Servers of the tests that are built with Go, once, and kept in the cache."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
import threading
from pathlib import Path

from callplayer.paths import cache_path
from callplayer.service.livekit.go_compiler import fetch_go, find_go

BUILD_TIMEOUT_S = 1200


def go_program(package: str, version: str) -> Path:
    """Return the program, built now if it is not there: that takes a minute or more.

    Not every module can be named to `go install`, so one is made that needs it.
    """
    name = package.rpartition("/")[2]
    folder = cache_path() / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not target.exists():
            print(f"Building {name} {version}; this takes a minute or two, once", flush=True)
            go = find_go(cache_path()) or fetch_go(cache_path(), lambda: None, threading.Event())
            with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as scratch:
                built = Path(scratch) / name
                for arguments in (
                    ["mod", "init", "scratch"],
                    ["get", f"{package}@v{version}"],
                    ["build", "-o", str(built), package],
                ):
                    subprocess.run(
                        [str(go), *arguments],
                        cwd=scratch,
                        check=True,
                        stderr=subprocess.DEVNULL,
                        timeout=BUILD_TIMEOUT_S,
                    )
                built.replace(target)
    return target
