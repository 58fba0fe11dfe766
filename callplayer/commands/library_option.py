"""What the commands under `callplayer serve` share: which library they are about."""

from __future__ import annotations

import argparse
from pathlib import Path

from callplayer.errors import UsageError
from callplayer.paths import data_path


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add `--library`."""
    parser.add_argument(
        "--library",
        type=Path,
        metavar="DIR",
        help=f"the library's folder (default: {data_path() / 'library'})",
    )


def library_folder(options: argparse.Namespace) -> Path:
    """Return the library's folder, which may not be there yet."""
    return options.library or data_path() / "library"


def existing_library(options: argparse.Namespace) -> Path:
    """Return the library's folder; raise UsageError if it is not there."""
    folder = library_folder(options)
    if not folder.is_dir():
        raise UsageError(
            f"There is no library {folder}.", "`callplayer serve import FILE` makes one."
        )
    return folder
