"""`callplayer demo`: a replay service of its own, and the player on one of its calls."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from callplayer import playing
from callplayer.config import load_settings
from callplayer.errors import EXIT_DONE, UsageError
from callplayer.service.child import ServiceChild
from callplayer.service.livekit_server import ensure_binary
from callplayer.service.packages import require_packages

if TYPE_CHECKING:
    from callplayer.engine.messages import Start

DEMO_CALLS = files("callplayer.service") / "demo_calls"
CALLS = ("kitchen-fire.ogg", "fall-on-stairs.ogg")
"""In the order of the list; the first is played."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_SIGNAL_CODES = tuple(128 + number for number in (*_SIGNALS, signal.SIGINT))
"""The exit codes that the player has after a signal."""


@dataclass(frozen=True)
class DemoOptions:
    """What to play and how; `recording` None stands for the calls that come with the package."""

    recording: Path | None = None
    live: bool = False
    paused: bool = False
    headless: bool = False
    no_audio: bool = False
    pick: bool = False
    plain: bool = False
    output_device: str | None = None
    on_device_loss: str | None = None
    livekit_binary: Path | None = None


def run(options: DemoOptions) -> int:
    """Start the service, play, end the service; return the player's exit code.

    SIGTERM and SIGHUP are a way to leave: everything is ended in order, and the code is 0.
    """
    if options.recording is not None and not options.recording.is_file():
        what = f"{options.recording} is no file."
        raise UsageError(what, "Name one recording; `callplayer serve` takes folders.")
    require_packages()
    with _leaving_on_signals(), as_file(DEMO_CALLS) as demo_calls:
        binary = ensure_binary(_progress, options.livekit_binary)
        recordings = [options.recording] if options.recording else [demo_calls / c for c in CALLS]
        with _service(recordings, binary, live=options.live) as incidents:
            exit_code = _play(options, incidents[0])
    return EXIT_DONE if exit_code in _SIGNAL_CODES else exit_code


@contextlib.contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """Leave the block in order on a signal; the player has handlers of its own while it runs."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in _SIGNALS}
    try:
        yield
    except SystemExit as asked:
        if asked.code in _SIGNAL_CODES:
            raise SystemExit(EXIT_DONE) from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore signals: what is in the block ends within seconds, and must be done to its end."""
    numbers = (*_SIGNALS, signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _service(recordings: list[Path], binary: Path, *, live: bool) -> Iterator[tuple[str, ...]]:
    """Run a replay service; give its incidents. This process's environment points to it."""
    child = ServiceChild(recordings, binary, live=live)
    try:
        serving = child.start()
        os.environ.update(
            {
                "CALLPLAYER_API_URL": serving.api_url,
                "CALLPLAYER_STREAM_URL": serving.stream_url,
                "CALLPLAYER_CLIENT_ID": child.client_id,
                "CALLPLAYER_CLIENT_SECRET": child.client_secret.reveal(),
            }
        )
        yield serving.incidents
    finally:
        with _undisturbed():
            child.close()


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _play(options: DemoOptions, incident: str) -> int:
    flags = [
        name
        for name, is_set in (
            ("--paused", options.paused),
            ("--live", options.live and not options.paused),
            ("--no-audio", options.no_audio),
        )
        if is_set
    ]
    sound = {"output_device": options.output_device, "on_device_loss": options.on_device_loss}
    flags += [f"--{name.replace('_', '-')}={value}" for name, value in sound.items() if value]
    settings = load_settings(sound)
    if options.headless:
        start: Start = "paused" if options.paused else "live" if options.live else "play"
        return playing.play_headless(settings, incident, start, no_audio=options.no_audio)
    if options.pick:
        return playing.pick_and_play(settings, flags)
    return playing.play(settings, incident, flags, plain=options.plain)
