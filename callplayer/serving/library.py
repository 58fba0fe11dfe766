"""`callplayer serve import`, `list` and `remove`: what is in the library."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.errors import EXIT_DONE, UsageError
from callplayer.serving.shared import add_library, existing_library, library_folder
from callplayer.text import plain_text

if TYPE_CHECKING:
    from callplayer.recordings.recording import CallerLocation, Recording
    from callplayer.service.imports import Call


def import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve import` takes."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="WAV, FLAC, OGG, MP3 or M4A"
    )
    add_library(parser)
    parser.add_argument(
        "--join", action="store_true", help="two files are one call: the caller, the call taker"
    )
    one = parser.add_argument_group("of one call (what is left out: from NAME.json beside it)")
    one.add_argument(
        "--words",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="its words: JSON, STM, RTTM, VTT or SRT; twice: words, and RTTM turns",
    )
    one.add_argument("--started-at", metavar="TIME", help="such as 2026-03-14T02:47:09Z")
    one.add_argument("--phone", metavar="NUMBER", help="the caller's, such as +15555550142")
    one.add_argument("--lat", type=float, metavar="DEGREES", help="where the caller is")
    one.add_argument("--lng", type=float, metavar="DEGREES")
    one.add_argument("--caller", metavar="NAME", help="the caller's name in the words")
    one.add_argument("--call-taker", metavar="NAME", help="the call taker's")


def run_import(options: argparse.Namespace) -> int:
    """Import calls into the library, all or none; tell their ids."""
    from callplayer.service.imports import import_calls
    from callplayer.service.packages import require_packages

    require_packages()

    def told(call: Call) -> None:
        if sys.stderr.isatty():
            print(f"importing {', '.join(map(str, call.sources))}", file=sys.stderr, flush=True)

    for recording in import_calls(library_folder(options), _calls(options), told):
        print(_row(recording))
    return EXIT_DONE


def _calls(options: argparse.Namespace) -> list[Call]:
    from callplayer.service.imports import Call, check_phone, check_started_at

    files = options.files
    groups = [tuple(files)] if options.join else [(file,) for file in files]
    if options.join and len(files) != 2:
        raise UsageError(
            "--join takes two files: the caller, the call taker.", "Name them in that order."
        )
    call = Call(
        sources=groups[0],
        words=tuple(options.words),
        started_at=None if options.started_at is None else check_started_at(options.started_at),
        phone=None if options.phone is None else check_phone(options.phone),
        location=_location(options),
        names={
            **({options.caller: "Caller"} if options.caller else {}),
            **({options.call_taker: "CallTaker"} if options.call_taker else {}),
        },
    )
    if len(groups) > 1 and call != Call(sources=groups[0]):
        raise UsageError(
            "Words, time, phone and place are those of one call, and several files are named.",
            "Import one at a time, or add --join if two files are one call.",
        )
    return [replace(call, sources=group) for group in groups]


def _location(options: argparse.Namespace) -> CallerLocation | None:
    from callplayer.service.imports import check_location

    if options.lat is None and options.lng is None:
        return None
    if options.lat is None or options.lng is None:
        raise UsageError("A place has --lat and --lng.", "Give both.")
    return check_location(options.lat, options.lng)


def library_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve list` takes."""
    add_library(parser)


def run_list(options: argparse.Namespace) -> int:
    """List the incidents of the library, newest first."""
    from callplayer.service.library import Library

    with Library.open(existing_library(options)) as library:
        page: int | None = 1
        while page is not None:
            found = library.list(page=page)
            for recording in found.recordings:
                print(_row(recording))
            page = found.next_page
    return EXIT_DONE


def remove_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve remove` takes."""
    parser.add_argument("incidents", nargs="+", metavar="INCIDENT", help="its id")
    add_library(parser)


def run_remove(options: argparse.Namespace) -> int:
    """Remove incidents with their sound and words; none if one of them cannot be removed."""
    from callplayer.service.library import Library

    with Library.open(existing_library(options), durable=True) as library:
        for incident in options.incidents:
            recording = library.get(incident)
            if recording is None:
                raise UsageError(
                    f"There is no incident {plain_text(incident, 80)}.",
                    "`callplayer serve list` shows them.",
                )
            if recording.growing:
                raise UsageError(
                    f"Incident {incident} is live.", "Remove it when the call is over."
                )
        for incident in dict.fromkeys(options.incidents):
            library.remove(incident)
    return EXIT_DONE


def _row(recording: Recording) -> str:
    when = recording.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    minutes, seconds = divmod(round(recording.duration_s), 60)
    phone = plain_text(recording.facts.caller_phone_number, 16)
    kind = "live" if recording.growing else f"{minutes}:{seconds:02}"
    return f"{recording.id}  {when}  {phone:<16}  {kind}"
