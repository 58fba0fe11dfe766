"""An incident's id or a recording's path: which of the two a command line names."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from callplayer.text import plain_text


def add_kind(parser: argparse.ArgumentParser) -> None:
    """Add the flags that settle which of the two is meant."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--file", action="store_true", help="play a file, whatever its name looks like"
    )
    kind.add_argument(
        "--incident",
        action="store_true",
        dest="is_id",
        help="play an incident, whatever its id looks like",
    )


def recording_of(options: argparse.Namespace) -> Path | None:
    """Return the recording's path, None where an incident is named.

    What holds a path separator or ends as a sound file does is a file: `./call`, `call.wav`.
    """
    word = options.incident
    if word is None or options.is_id:
        return None
    if not options.file and os.sep not in word and (os.altsep or os.sep) not in word:
        if "." not in word:
            return None
        from callplayer.recordings.containers.formats import SUFFIXES

        if Path(word).suffix.lower() not in SUFFIXES:
            return None
    return Path(word)


def id_of(recording: Path) -> str:
    """Return the id that `callplayer serve` would give a recording."""
    from callplayer.recordings.named_file import incident_id

    return incident_id(recording.name)


def note_file_of_that_name(incident: str) -> None:
    """Say on stderr how a file is played whose name stands where an incident's id does."""
    try:
        is_file = Path(incident).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return
    if is_file:
        name = plain_text(incident, 400)
        what = f"{name} is taken for an incident's id, not for the file of that name."
        print(f"callplayer: {what}\n  `callplayer ./{name}` plays the file.", file=sys.stderr)
