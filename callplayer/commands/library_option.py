"""What the commands under `callplayer serve` share: which library they are about."""

from __future__ import annotations

import argparse
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.paths import data_path
from callplayer.recordings.bucket import SCHEME, check_bucket
from callplayer.service.library.place import LibraryPlace, PostgresPlace, check_dsn, is_postgres


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add `--library`, and where the sound of one in PostgreSQL is."""
    parser.add_argument(
        "--library",
        metavar="PLACE",
        help="the library: a folder, or postgresql://USER@HOST/DATABASE"
        f" (default: {data_path() / 'library'})",
    )
    parser.add_argument(
        "--recordings",
        dest="recordings_at",
        metavar="WHERE",
        help="the sound of a library in PostgreSQL: a folder that all its services share, or"
        " s3://BUCKET/PREFIX",
    )


def library_place(options: argparse.Namespace) -> LibraryPlace:
    """Return where the library is; it may not be there yet. Raise UsageError if it cannot be."""
    return _place(options.library, options.recordings_at, "--recordings")


def _place(named: str | None, recordings: str | None, flag: str) -> LibraryPlace:
    if named is None or not is_postgres(named):
        if recordings is not None:
            raise UsageError(
                f"{flag} is for a library in PostgreSQL.",
                "A library in a folder keeps its sound there: leave it out.",
            )
        return data_path() / "library" if named is None else Path(named)
    if recordings is None:
        raise UsageError(
            "A library in PostgreSQL has its sound elsewhere.",
            f"Give {flag} WHERE, a folder that all its services reach, or s3://BUCKET/PREFIX.",
        )
    is_bucket = recordings.startswith(SCHEME)
    return PostgresPlace(
        check_dsn(named), check_bucket(recordings) if is_bucket else Path(recordings)
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add where a library is brought to."""
    parser.add_argument(
        "--to", required=True, metavar="PLACE", help="the new and empty library, as in --library"
    )
    parser.add_argument(
        "--to-recordings", metavar="WHERE", help="where its sound is, if it is in PostgreSQL"
    )


def target_place(options: argparse.Namespace) -> LibraryPlace:
    """Return where the library is brought to; raise UsageError if it cannot be there."""
    return _place(options.to, options.to_recordings, "--to-recordings")


def existing_library(options: argparse.Namespace) -> LibraryPlace:
    """Return where the library is; raise UsageError if its folder is not there."""
    place = library_place(options)
    if isinstance(place, Path) and not place.is_dir():
        raise UsageError(
            f"There is no library {place}.", "`callplayer serve import FILE` makes one."
        )
    return place
