"""A private folder for the sound of one run, where no library on disk keeps it.

It is removed at the end. One that a killed service has left, with what callers said in it, is
removed by the next service of the same user: a lock on the folder shows whether it is in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "callplayer-live-"
SPARED_S = 60.0
"""A younger folder may have been made just now, and not be locked yet."""


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Give a new folder, for its owner only, while the block lasts."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(fd)


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.stat(follow_symlinks=False)
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > SPARED_S:
                _remove_if_unused(path)


def _remove_if_unused(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(fd)
