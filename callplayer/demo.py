"""`callplayer demo`: a replay service of its own, and the player on one of its calls."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from callplayer import playing
from callplayer.config import load_settings, log_path
from callplayer.errors import ServiceError, UsageError
from callplayer.service.livekit_server import ensure_binary
from callplayer.service.packages import require_packages

if TYPE_CHECKING:
    from callplayer.engine.messages import Start

READY_TIMEOUT_S = 30.0
MAX_READY_BYTES = 100_000
DEMO_CALLS = files("callplayer.service") / "demo_calls"
CALLS = ("kitchen-fire.ogg", "fall-on-stairs.ogg")
"""In the order of the list; the first is played."""


@dataclass(frozen=True)
class DemoOptions:
    """What to play and how; `recording` None stands for the calls that come with the package."""

    recording: Path | None = None
    live: bool = False
    paused: bool = False
    headless: bool = False
    no_audio: bool = False
    pick: bool = False
    output_device: str | None = None
    livekit_binary: Path | None = None


@dataclass(frozen=True)
class _Service:
    api_url: str
    stream_url: str
    incidents: tuple[str, ...]


def run(options: DemoOptions) -> int:
    """Start the service, play, end the service; return the player's exit code."""
    if options.recording is not None and not options.recording.is_file():
        raise UsageError(f"There is no file {options.recording}.", "Check its name.")
    require_packages()
    binary = ensure_binary(_progress, options.livekit_binary)
    with as_file(DEMO_CALLS) as demo_calls:
        recordings = [options.recording] if options.recording else [demo_calls / c for c in CALLS]
        with _service(recordings, binary, live=options.live) as service:
            return _play(options, service)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _play(options: DemoOptions, service: _Service) -> int:
    flags = [
        name
        for name, is_set in (
            ("--paused", options.paused),
            ("--live", options.live and not options.paused),
            ("--no-audio", options.no_audio),
        )
        if is_set
    ]
    if options.output_device:
        flags.append(f"--output-device={options.output_device}")
    incident = service.incidents[0]
    settings = load_settings({"output_device": options.output_device})
    if options.headless:
        start: Start = "paused" if options.paused else "live" if options.live else "play"
        return playing.play_headless(settings, incident, start, no_audio=options.no_audio)
    if options.pick:
        return playing.pick_and_play(settings, flags)
    return playing.play(incident, flags)


@contextlib.contextmanager
def _service(recordings: list[Path], binary: Path, *, live: bool) -> Iterator[_Service]:
    """Run a replay service in a process of its own, with credentials nobody else knows.

    While it runs this process's environment points to it. It ends when its stdin does, so not even
    a killed demo leaves it behind.
    """
    credentials = {"ID": secrets.token_hex(8), "SECRET": secrets.token_urlsafe(32)}
    argv = [
        sys.executable, "-P", "-m", "callplayer", "serve", "--port=0", "--exit-with-stdin",
        f"--livekit-server={binary}", *(["--live"] * live), "--", *map(str, recordings),
    ]  # fmt: skip
    environment = os.environ | {
        f"CALLPLAYER_SERVE_CLIENT_{name}": value for name, value in credentials.items()
    }
    with _open_log() as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        service = _wait_until_ready(process)
        os.environ.update(
            {f"CALLPLAYER_CLIENT_{name}": value for name, value in credentials.items()}
            | {"CALLPLAYER_API_URL": service.api_url, "CALLPLAYER_STREAM_URL": service.stream_url}
        )
        yield service
    finally:
        _end(process)


def _open_log() -> IO[bytes]:
    path = log_path("service.log")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _wait_until_ready(process: subprocess.Popen[bytes]) -> _Service:
    line = _read_line(process, time.monotonic() + READY_TIMEOUT_S)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        told = json.loads(line)
        if told["ready"]:
            incidents = tuple(str(incident) for incident in told["incidents"])
            if incidents:
                return _Service(str(told["api_url"]), str(told["stream_url"]), incidents)
            raise ServiceError("There is no call to play.", "Name a recording of your own.")
        raise ServiceError(str(told["what"]), str(told["hint"]))
    raise ServiceError("The replay service did not start.", f"{log_path('service.log')} says why.")


def _read_line(process: subprocess.Popen[bytes], deadline_s: float) -> bytes:
    assert process.stdout is not None
    line = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in line and len(line) < MAX_READY_BYTES:
            if not selector.select(deadline_s - time.monotonic()):
                break
            chunk = os.read(process.stdout.fileno(), 65_536)
            if not chunk:
                break
            line += chunk
    return bytes(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    for act in (None, process.terminate, process.kill):
        if act is not None:
            act()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5.0)
            return
