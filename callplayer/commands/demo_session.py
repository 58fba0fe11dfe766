"""The demo: a replay service of its own, and the player on one of its calls.

Where livekit-server is not built yet a terminal plays the recording itself meanwhile; without a
terminal the demo waits for the build. It always prints what it plays, and from where.
"""

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

from callplayer.commands import play
from callplayer.commands.demo_room import BackgroundRoom, environment_of
from callplayer.config import load_settings
from callplayer.errors import EXIT_DONE, ServiceError, UsageError
from callplayer.progress import to_stderr
from callplayer.recordings.named_file import incident_id
from callplayer.service.launcher import ServiceChild
from callplayer.service.livekit.binary import ensure_binary, find_binary
from callplayer.service.packages import require_packages

if TYPE_CHECKING:
    from callplayer.ipc.messages import Start

DEMO_CALLS = files("callplayer") / "demo_calls"
CALLS = ("kitchen-fire.ogg", "fall-on-stairs.ogg")
"""In the order of the list; the first is played."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
_SIGNAL_CODES = tuple(128 + number for number in (*_SIGNALS, signal.SIGINT))
"""The exit codes that the player has after a signal."""


@dataclass(frozen=True)
class DemoOptions:
    """What to play and how; `recording` None stands for the calls that come with the package.

    `livekit`: over LiveKit or not at all. `unattended`: there is no terminal, so plain lines go to
    the call's end, and that is the demo's end.
    """

    recording: Path | None = None
    live: bool = False
    paused: bool = False
    headless: bool = False
    no_audio: bool = False
    pick: bool = False
    plain: bool = False
    unattended: bool = False
    livekit: bool = False
    output_device: str | None = None
    on_device_loss: str | None = None
    livekit_binary: Path | None = None

    @property
    def plays_meanwhile(self) -> bool:
        """Whether the recording is played from its file while livekit-server is being built."""
        return not (self.needs_livekit or self.headless or self.unattended)

    @property
    def needs_livekit(self) -> bool:
        """Whether a recording that is played from its file would not do."""
        return self.livekit or self.live or self.pick


def run(options: DemoOptions) -> int:
    """Start the service, play, end the service; return the player's exit code.

    SIGTERM and SIGHUP are a way to leave: everything is ended in order, and the code is 0.
    """
    if options.recording is not None and not options.recording.is_file():
        what = f"{options.recording} is no file."
        raise UsageError(what, "Name one recording; `callplayer serve` takes folders.")
    if options.unattended and not options.headless:
        _say("There is no terminal here: the call is written in plain lines, to its end.")
    with _leaving_on_signals(), as_file(DEMO_CALLS) as demo_calls:
        recordings = [options.recording] if options.recording else [demo_calls / c for c in CALLS]
        exit_code = _run(options, recordings)
    return EXIT_DONE if exit_code in _SIGNAL_CODES else exit_code


def _run(options: DemoOptions, recordings: list[Path]) -> int:
    recording = recordings[0]
    try:
        require_packages()
    except ServiceError as error:
        return _play_from_file(options, recording, error)
    binary = find_binary(options.livekit_binary)
    if binary is None and options.plays_meanwhile:
        return _play_meanwhile(options, recordings)
    try:
        binary = binary or _built()
    except ServiceError as error:
        return _play_from_file(options, recording, error)
    _say("[3/3] starting a replay service and livekit-server on this machine")
    with _service(recordings, binary, live=options.live) as incidents:
        if options.unattended:
            _say(f"[3/3] playing {recording.name} over LiveKit")
        return _play(options, incidents[0])


def _play_from_file(options: DemoOptions, recording: Path, reason: ServiceError) -> int:
    """Play without a room, for `reason`; raise that where only a room will do."""
    if options.needs_livekit or options.livekit_binary is not None:
        raise reason
    _say(f"callplayer: {reason.what}\n  {reason.hint}")
    _say(f"[3/3] playing {recording.name} from its file, without a server")
    return _play(options, incident_id(recording.name), recording)


def _play_meanwhile(options: DemoOptions, recordings: list[Path]) -> int:
    """Play the recording itself at once, and offer the real room as soon as there is one."""
    recording = recordings[0]
    _say(f"[3/3] playing {recording.name} from its file; the real room is built meanwhile")
    room = BackgroundRoom(recordings, _engine_flags(options))
    room.start()
    try:
        return _play(options, incident_id(recording.name), recording, room)
    finally:
        error = room.error
        with _undisturbed():
            room.close()
        if error is not None:  # the screen had room for a part of it
            _say(f"callplayer: There was no real room. {error.what}\n  {error.hint}")


def _built() -> Path:
    line = to_stderr()
    try:
        return ensure_binary(lambda stage, text: line(stage, f"[2/3] {text}"))
    finally:
        line.close()


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
        os.environ.update(environment_of(child, serving))
        yield serving.incidents
    finally:
        with _undisturbed():
            child.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _engine_flags(options: DemoOptions) -> list[str]:
    flags = [
        name
        for name, is_set in (
            ("--paused", options.paused),
            ("--live", options.live and not options.paused),
            ("--no-audio", options.no_audio),
            ("--silent-without-device", True),
        )
        if is_set
    ]
    for name, value in _sound(options).items():
        flags += [f"--{name.replace('_', '-')}={value}"] if value else []
    return flags


def _sound(options: DemoOptions) -> dict[str, str | None]:
    return {"output_device": options.output_device, "on_device_loss": options.on_device_loss}


def _play(
    options: DemoOptions,
    incident: str,
    recording: Path | None = None,
    successor: BackgroundRoom | None = None,
) -> int:
    """Play an incident of the service, or a recording without one; return the exit code."""
    flags, settings = _engine_flags(options), load_settings(_sound(options))
    if options.headless:
        start: Start = "paused" if options.paused else "live" if options.live else "play"
        return play.play_headless(
            settings,
            incident,
            start,
            no_audio=options.no_audio,
            silent_without_device=True,
            recording=recording,
        )
    if options.pick:
        return play.pick_and_play(settings, flags)
    return play.play(
        settings,
        incident,
        flags,
        plain=options.plain,
        ends_with_call=options.unattended,
        recording=recording,
        successor=successor,
    )
