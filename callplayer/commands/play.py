"""`callplayer play`: open a call headless, on the screen or in plain lines.

The engine process starts first: the screen takes longer to load.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.commands.incident_or_file import (
    add_kind,
    id_of,
    note_file_of_that_name,
    recording_of,
)
from callplayer.commands.settings_flags import (
    add_playing,
    add_settings,
    engine_flags,
    require_terminal,
    settings_of,
    wants_plain,
)
from callplayer.config import Settings
from callplayer.errors import EXIT_DONE, UsageError
from callplayer.paths import log_path

if TYPE_CHECKING:
    from callplayer.ipc.messages import Start
    from callplayer.ipc.successor import Successor
    from callplayer.ui.options import PlayerResult


def play_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `play` takes."""
    parser.add_argument(
        "incident",
        nargs="?",
        metavar="INCIDENT|FILE",
        help="an incident's id, or a sound file; with neither you pick an incident from a list",
    )
    add_kind(parser)
    add_playing(parser)
    parser.add_argument(
        "--wait-for-device",
        action="store_true",
        help="without a sound device, wait until one comes",
    )
    parser.add_argument(
        "--silent-without-device",
        action="store_true",
        help="without a sound device, play silently until one comes",
    )
    add_settings(parser)


def run_play(options: argparse.Namespace) -> int:
    """Play an incident or a recording, or let the user pick; return the exit code."""
    settings = settings_of(options)
    start: Start = "paused" if options.paused else "live" if options.live else "play"
    recording = recording_of(options)
    if recording is not None and options.live:
        raise UsageError(
            "A file is a call of the past: it has no live end.",
            "Leave --live out; `callplayer serve --live FILE` serves it as if it went on now.",
        )
    if options.headless:
        if options.incident is None:
            raise UsageError(
                "Headless mode needs an incident's id or a file.",
                "Add one: `callplayer ID --headless`.",
            )
        return play_headless(
            settings,
            options.incident,
            start,
            no_audio=options.no_audio,
            wait_for_device=options.wait_for_device,
            silent_without_device=options.silent_without_device,
            recording=recording,
        )
    flags = engine_flags(options)
    if options.incident is not None:
        if recording is None and not options.is_id:
            note_file_of_that_name(options.incident)
        return play(
            settings,
            options.incident if recording is None else id_of(recording),
            flags,
            plain=wants_plain(options),
            recording=recording,
        )
    require_terminal()
    return pick_and_play(settings, flags)


def pick_and_play(settings: Settings, flags: Sequence[str]) -> int:
    """Let the user pick incidents and play them, until they leave; return the exit code."""
    from callplayer.commands.incidents import PickerIncidents, first_page
    from callplayer.ui.app import run_picker
    from callplayer.ui.settings import screen_settings

    screen = screen_settings(settings.screen)
    notice: tuple[str, str] | None = None
    while True:
        # Fetched before the screen is up: refused credentials are an error like any other.
        incidents = PickerIncidents(settings, asyncio.run(first_page(settings)))
        chosen = run_picker(incidents.fetch, log_path(), screen, notice, pages=incidents)
        if chosen is None:
            return EXIT_DONE
        result = play_call(settings, chosen, flags, can_go_back=True)
        if not result.back:
            return report_result(result)
        notice = (result.message, result.hint) if result.message else None


def play_headless(
    settings: Settings,
    incident: str,
    start: Start,
    *,
    no_audio: bool,
    wait_for_device: bool = False,
    silent_without_device: bool = False,
    recording: Path | None = None,
) -> int:
    """Be the engine of one incident, on this process's stdin and stdout; return the exit code.

    With `recording`, play that file without a server; `incident` counts for nothing then.
    """
    from callplayer.engine.headless import run_headless
    from callplayer.engine.session.options import EngineOptions

    options = EngineOptions(
        incident, start, no_audio, wait_for_device, silent_without_device, recording
    )
    return run_headless(settings, options)


def engine_argv(
    incident: str, flags: Sequence[str], recording: Path | None = None
) -> tuple[str, ...]:
    """Return the command line of an engine process. Nothing secret is in it.

    It says whether an incident or a file is meant: an id may come from the network, and must never
    be taken for a path.
    """
    kind, word = ("--incident", incident) if recording is None else ("--file", str(recording))
    return (
        sys.executable, "-P", "-m", "callplayer", "play", "--headless", *flags, kind, "--", word
    )  # fmt: skip


def play(
    settings: Settings,
    incident: str,
    flags: Sequence[str],
    *,
    plain: bool = False,
    ends_with_call: bool = False,
    recording: Path | None = None,
    successor: Successor | None = None,
) -> int:
    """Play one incident on the screen, or in `plain` lines; return the exit code.

    With `ends_with_call` plain mode leaves at the call's end. With `recording`, play that file
    without a server; its bookmarks are kept under `incident`. Raise UsageError if it cannot be
    played, as far as a first look shows. Once a `successor` is ready, `R` moves the call there.
    """
    if recording is not None:
        from callplayer.recordings.named_file import check_file

        check_file(recording)
    return report_result(
        play_call(
            settings,
            incident,
            flags,
            plain=plain,
            ends_with_call=ends_with_call,
            recording=recording,
            successor=successor,
        )
    )


def play_call(
    settings: Settings,
    incident: str,
    flags: Sequence[str],
    *,
    can_go_back: bool = False,
    plain: bool = False,
    ends_with_call: bool = False,
    recording: Path | None = None,
    successor: Successor | None = None,
) -> PlayerResult:
    """Play one incident as `play` does; return how it ended.

    With `can_go_back` a key leads back to the list of incidents.
    """
    from callplayer.ipc.process import start_engine
    from callplayer.ui.settings import screen_settings

    screen = screen_settings(settings.screen)
    argv = engine_argv(incident, flags, recording)
    process = start_engine(argv, log_path())
    from callplayer.bookmarks import bookmarks_path, citation_path
    from callplayer.resume_points import resume_points_path
    from callplayer.ui.app import run_plain, run_player
    from callplayer.ui.options import PlayerOptions

    run = run_plain if plain else run_player
    return run(
        PlayerOptions(
            argv,
            incident,
            log_path(),
            engine=process,
            settings=screen,
            keys=settings.keys,
            bookmarks_path=bookmarks_path(incident),
            resume_points_path=resume_points_path(),
            citation_path=citation_path(),
            can_go_back=can_go_back,
            ends_with_call=ends_with_call,
            successor=successor,
        )
    )


def report_result(result: PlayerResult) -> int:
    """Print on stderr why the player failed, if it did; return the exit code."""
    if result.exit_code != EXIT_DONE and result.message:
        print(f"callplayer: {result.message}\n  {result.hint}", file=sys.stderr)
    return result.exit_code
