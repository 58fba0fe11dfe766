"""`callplayer serve import`, `list` and `remove`: what is in the library."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.commands.library_option import (
    add_library,
    add_target,
    existing_library,
    library_place,
    target_place,
)
from callplayer.errors import EXIT_DONE, UsageError
from callplayer.text import duration_text, plain_text

if TYPE_CHECKING:
    from callplayer.recordings.convert import Layout
    from callplayer.recordings.facts import CallerLocation
    from callplayer.recordings.recording import Recording
    from callplayer.service.library.importer import ImportJob


def import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve import` takes."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="sound files; docs/recordings.md lists the formats",
    )
    add_library(parser)
    parser.add_argument(
        "--join",
        action="store_true",
        help="make one call of two files: the caller's, the call taker's",
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out the files that cannot be imported, and name them",
    )
    parser.add_argument("--swap", action="store_true", help="the caller is on the right, or second")
    parser.add_argument(
        "--channels",
        metavar="N[,M]",
        help="of more than two channels, the caller's and the call taker's; one: a mixed track",
    )
    parser.add_argument(
        "--rate",
        type=int,
        metavar="HZ",
        help="the sample rate of a .vox file, such as 8000; it is not in the file",
    )
    one = parser.add_argument_group(
        "facts of one call (NAME.json beside the file says what no flag says)"
    )
    one.add_argument(
        "--words",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="its transcript: JSON, STM, RTTM, VTT or SRT; give it twice for words and RTTM turns",
    )
    one.add_argument(
        "--started-at",
        metavar="TIME",
        help="when it began, such as 2026-03-14T02:47:09Z; without a zone, in this machine's",
    )
    one.add_argument("--phone", metavar="NUMBER", help="the caller's number, such as +15555550142")
    one.add_argument("--lat", type=float, metavar="DEGREES", help="latitude of the caller")
    one.add_argument("--lng", type=float, metavar="DEGREES", help="longitude of the caller")
    one.add_argument("--caller", metavar="NAME", help="the caller's name in the transcript")
    one.add_argument("--call-taker", metavar="NAME", help="the call taker's name in the transcript")


def run_import(options: argparse.Namespace) -> int:
    """Import calls into the library, all or none; print their ids."""
    from callplayer.recordings.recording import one_of_each
    from callplayer.service.library.importer import Reports, import_calls
    from callplayer.service.packages import require_packages

    require_packages()

    def begin(call: ImportJob) -> None:
        if sys.stderr.isatty():
            print(f"importing {', '.join(map(str, call.sources))}", file=sys.stderr, flush=True)

    if not options.join:
        options.files = one_of_each(options.files, _warn)
    calls, reports = _calls(options), Reports(begin, _warn)
    place = library_place(options)
    for recording in import_calls(place, calls, reports, skip_bad=options.skip_bad):
        print(_row(recording))
    return EXIT_DONE


def _warn(line: str) -> None:
    print(f"callplayer: {plain_text(line, 400)}", file=sys.stderr, flush=True)


def _layout(options: argparse.Namespace) -> Layout:
    from callplayer.recordings.convert import Layout

    try:
        channels = tuple(int(each) for each in (options.channels or "").split(",") if each)
    except ValueError:
        raise UsageError(
            "--channels takes one number or two.", "Write it as --channels 1,3."
        ) from None
    if options.rate is not None and not 1_000 <= options.rate <= 192_000:
        raise UsageError(f"{options.rate} is no sample rate.", "Give --rate 8000, or 6000.")
    return Layout(swap=options.swap, channels=channels, rate_hz=options.rate)


def _calls(options: argparse.Namespace) -> list[ImportJob]:
    from callplayer.recordings.facts import check_started_at
    from callplayer.service.library.importer import ImportJob, check_phone

    files = options.files
    groups = [tuple(files)] if options.join else [(file,) for file in files]
    if options.join and len(files) != 2:
        raise UsageError(
            "--join takes two files: the caller, the call taker.", "Name them in that order."
        )
    layout = _layout(options)
    call = ImportJob(
        sources=groups[0],
        layout=layout,
        words=tuple(options.words),
        started_at=None
        if options.started_at is None
        else check_started_at(options.started_at, _warn),
        phone=None if options.phone is None else check_phone(options.phone),
        location=_location(options),
        names={
            **({options.caller: "Caller"} if options.caller else {}),
            **({options.call_taker: "CallTaker"} if options.call_taker else {}),
        },
    )
    if len(groups) > 1 and call != ImportJob(sources=groups[0], layout=layout):
        raise UsageError(
            "Words, time, phone and place are those of one call, and several files are named.",
            "Import one at a time, or add --join if two files are one call.",
        )
    return [replace(call, sources=group) for group in groups]


def _location(options: argparse.Namespace) -> CallerLocation | None:
    from callplayer.service.library.importer import check_location

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
    from callplayer.service.library.library import Library

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
    from callplayer.service.library.library import Library

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


def move_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve move` takes."""
    add_library(parser)
    add_target(parser)


def run_move(options: argparse.Namespace) -> int:
    """Bring the library to another place; print how many incidents it has there."""
    from callplayer.service.library.move import move

    source, target = existing_library(options), target_place(options)
    count = move(source, target)
    print(f"{count} incidents and all clients are in {target}; {source} is as it was")
    return EXIT_DONE


def _row(recording: Recording) -> str:
    when = recording.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    phone = plain_text(recording.facts.caller_phone_number, 16)
    kind = "live" if recording.growing else duration_text(recording.duration_s)
    row = f"{recording.id}  {when}  {phone:<16}  {kind:<8}"
    return f"{row}  {plain_text(recording.facts.talkgroup, 40)}".rstrip()
