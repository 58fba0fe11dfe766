"""Where files lie, and files and folders that are for their owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

import platformdirs


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by a file of mode 0600, its folder made with 0700; raise OSError.

    What was there before stays as it was until the new content is on the disk.
    """
    with private_file(path) as stream:
        stream.write(content)


@contextmanager
def private_file(path: Path) -> Iterator[BufferedRandom]:
    """Yield what is to be written to `path`, as `write_private` writes it: whole or not at all."""
    make_private_folder(path.parent)
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise


@contextmanager
def nameless_file() -> Iterator[int]:
    """Yield a file in memory that has no name in any file system, where the system has such."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("sound", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        yield fd
    finally:
        os.close(fd)


APP_NAME = "callplayer"


def config_path() -> Path:
    """Return where config.toml is looked for when no `--config` names one."""
    return platformdirs.user_config_path(APP_NAME) / "config.toml"


def log_path(name: str = "callplayer.log") -> Path:
    """Return a log file's path; its folder may not exist yet."""
    return platformdirs.user_log_path(APP_NAME) / name


def cache_path() -> Path:
    """Return the folder for what can be made again, such as the livekit-server binary."""
    return platformdirs.user_cache_path(APP_NAME)


def data_path() -> Path:
    """Return the folder for what is kept, such as the library of the replay service."""
    return platformdirs.user_data_path(APP_NAME)


def make_private_folder(folder: Path) -> None:
    """Make a folder with mode 0700, and those above it that are missing as well; raise OSError."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
