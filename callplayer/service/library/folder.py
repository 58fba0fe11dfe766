"""The folder of a library on disk: what is in it, which service has it now, and sweeping it.

`library.sqlite3`, and `recordings/`: `<id>.flac` of imports, `<id>.wav` of live calls, `*.part` of
imports that are under way. A library in PostgreSQL has the folder of recordings only. A file that
belongs to no incident is never listed; a process that was killed has left it, and the next sweep
removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from callplayer.errors import ServiceError
from callplayer.paths import make_private_folder
from callplayer.recordings.bucket import Bucket, BucketError
from callplayer.recordings.recording import Recording

DATABASE = "library.sqlite3"
RECORDINGS = "recordings"
PART = ".part"
_SERVING = ".serving"
_IMPORTING = ".importing"

log = logging.getLogger("callplayer.service")


def make(folder: Path) -> None:
    """Make the folder with an empty database in it, for its owner only. Raise OSError."""
    make_private_folder(folder)
    recordings = folder / RECORDINGS
    recordings.mkdir(mode=0o700, exist_ok=True)
    recordings.chmod(0o700)
    # SQLite gives its -wal and -shm files the mode of the database.
    with _opened(folder / DATABASE) as fd:
        os.fchmod(fd, 0o600)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[None]:
    """Serve the library while the block lasts; raise ServiceError if another service does."""
    with _opened(folder / _SERVING) as fd:
        if not try_lock(fd, fcntl.LOCK_EX):
            raise ServiceError(
                f"Another service serves the library {folder}.",
                "End it, or choose another folder with --library.",
            )
        yield


@contextlib.contextmanager
def importing(recordings: Path) -> Iterator[None]:
    """Keep sweeps of the folder of the sound out while the block lasts."""
    with _opened(recordings / _IMPORTING) as fd:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield


def sweep(
    recordings: Path, known_paths: Callable[[], frozenset[Path]], *, live_too: bool = False
) -> int:
    """Remove what killed imports have left; return how many files. Nothing while one is under way.

    `known_paths` returns the files of the library's incidents. With `live_too` the files of live
    calls as well, which is for a service that begins.
    """
    with _opened(recordings / _IMPORTING) as fd:
        if not try_lock(fd, fcntl.LOCK_EX):
            return 0
        known = known_paths()
        suffixes = {PART, ".flac", *([".wav"] if live_too else [])}
        left = [
            path for path in recordings.iterdir() if path.suffix in suffixes and path not in known
        ]
        for path in left:
            path.unlink()
        return len(left)


def remove_sound(recording: Recording, folder: Path | None, bucket: Bucket | None) -> None:
    """Remove the sound of an incident that is gone, if it lies in the library's own place.

    What cannot be removed now is named, and left to a sweep.
    """
    if folder is not None and recording.path.is_relative_to(folder):
        try:
            recording.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays until the next import: %s", recording.path, error.strerror)
    elif recording.bucket and bucket is not None:
        try:
            bucket.remove(recording.path.name)
        except BucketError as error:
            log.warning("%s stays until an import a day later: %s", recording.path, error.what)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def try_lock(fd: int, kind: int) -> bool:
    """Lock an open file, `kind` as of flock, if that can be at once; return whether it could."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
