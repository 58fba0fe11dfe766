"""`callplayer bookmarks`: print the bookmarks of a call."""

from __future__ import annotations

import argparse
import sys

from callplayer.commands.incident_or_file import add_kind, id_of, recording_of
from callplayer.errors import EXIT_DONE


def bookmarks_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `bookmarks` takes."""
    parser.add_argument(
        "incident", metavar="INCIDENT|FILE", help="an incident's id, or a sound file"
    )
    add_kind(parser)
    parser.add_argument("--format", choices=("md", "json", "csv"), default="md", help="default: md")


def run_bookmarks(options: argparse.Namespace) -> int:
    """Print a call's bookmarks in the chosen format."""
    from callplayer.bookmarks import bookmarks_path, export, read_bookmarks

    recording = recording_of(options)
    incident = options.incident if recording is None else id_of(recording)
    kept = read_bookmarks(bookmarks_path(incident))
    sys.stdout.write(export(incident, kept, options.format))
    return EXIT_DONE
