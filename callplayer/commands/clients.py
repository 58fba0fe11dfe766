"""`callplayer serve clients`: the clients that may sign in."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from callplayer.commands.library_option import add_library, existing_library, library_place
from callplayer.config import Secret
from callplayer.errors import EXIT_DONE, ServiceError, UsageError

if TYPE_CHECKING:
    pass


def add_client_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve clients add` takes."""
    parser.add_argument("client", metavar="ID", help="letters, digits, dots, dashes, underscores")
    parser.add_argument(
        "--no-audio",
        action="store_true",
        help="it may read incidents and transcripts, but not listen",
    )
    _add_secret_file(parser)
    add_library(parser)


def run_add_client(options: argparse.Namespace) -> int:
    """Add a client; write its secret, once."""
    from callplayer.service.library.library import Library

    with (
        _secret_file(options) as file,
        Library.open(library_place(options), durable=True) as library,
    ):
        file.write(library.clients.add(options.client, may_listen=not options.no_audio))
    return EXIT_DONE


def rotate_client_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve clients rotate` takes."""
    parser.add_argument("client", metavar="ID")
    parser.add_argument(
        "--grace",
        type=float,
        default=0.0,
        metavar="S",
        help="let the old secret be good for S more seconds",
    )
    _add_secret_file(parser)
    add_library(parser)


def run_rotate_client(options: argparse.Namespace) -> int:
    """Give a client a new secret; write it, once."""
    from callplayer.service.library.library import Library

    if not 0 <= options.grace <= 30 * 24 * 3600:
        raise UsageError("--grace is 0 to 2592000 s (30 days).", "Give another number.")
    with (
        _secret_file(options) as file,
        Library.open(existing_library(options), durable=True) as library,
    ):
        file.write(library.clients.rotate(options.client, options.grace))
    return EXIT_DONE


def remove_client_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `serve clients remove` takes."""
    parser.add_argument("client", metavar="ID")
    add_library(parser)


def run_remove_client(options: argparse.Namespace) -> int:
    """Remove a client; its tokens end with it."""
    from callplayer.service.library.library import Library

    with Library.open(existing_library(options), durable=True) as library:
        library.clients.remove(options.client)
    return EXIT_DONE


def run_list_clients(options: argparse.Namespace) -> int:
    """List the clients; no secret is known."""
    from datetime import UTC, datetime

    from callplayer.service.library.library import Library

    def when(at_s: float) -> str:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

    with Library.open(existing_library(options)) as library:
        for row in library.clients.rows():
            notes = ["listens" if row.client.may_listen else "no audio"]
            notes += [f"rotated {when(row.rotated_at_s)}"] if row.rotated_at_s else []
            until_s = row.old_secret_until_s
            notes += [f"old secret good until {when(until_s)}"] if until_s else []
            print(f"{row.client.id:<24}  added {when(row.created_at_s)}  {', '.join(notes)}")
    return EXIT_DONE


def _add_secret_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret-file",
        type=Path,
        metavar="FILE",
        help="write the secret to a new private file (default: stdout)",
    )


class _SecretFile:
    """Where a secret goes: a new file that its owner alone can read, or stdout.

    The file is made before there is a secret, so that none is lost because it cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fd: int | None = None
        self._is_written = False

    def __enter__(self) -> _SecretFile:
        if self._path is not None:
            try:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except OSError as error:
                raise UsageError(
                    f"{self._path} cannot be made: {error.strerror}.",
                    "Name a file that is not there.",
                ) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd is not None and self._path is not None:
            os.close(self._fd)
            if not self._is_written:
                self._path.unlink(missing_ok=True)

    def write(self, secret: Secret) -> None:
        line = f"{secret.reveal()}\n"
        if self._fd is None:
            print("This secret is shown once and kept nowhere:", file=sys.stderr, flush=True)
            sys.stdout.write(line)
            sys.stdout.flush()
        else:
            try:
                os.write(self._fd, line.encode())
                os.fsync(self._fd)
            except OSError as error:
                raise ServiceError(
                    f"The secret could not be written: {error.strerror}.", "Rotate it."
                ) from None
        self._is_written = True


def _secret_file(options: argparse.Namespace) -> _SecretFile:
    return _SecretFile(options.secret_file)
