"""A library brought from one place to another, whole or not at all; the old one stays as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.recording import Recording
from callplayer.service.library import folder as library_folder
from callplayer.service.library.library import Library
from callplayer.service.library.place import LibraryPlace
from callplayer.vendor.transcript import Word


def move(source: LibraryPlace, target: LibraryPlace) -> int:
    """Bring incidents, words, sound and clients to an empty library; return how many incidents.

    Sound that lies outside of the source's own folder stays there. Raise UsageError if `target`
    is not empty or a call is live, ServiceError if it cannot be done.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, Path):
            stack.enter_context(library_folder.serving(source))
        old = stack.enter_context(Library.open(source))
        new = stack.enter_context(Library.open(target, durable=True))
        if new.count()[0] or new.clients.rows():
            raise UsageError(f"The library {target} is not empty.", "Name a new one with --to.")
        if old.count()[1]:
            raise UsageError("A call of the library is live.", "Try again when it is over.")
        copied: list[Path] = []
        stack.enter_context(_whole_or_none(copied))
        new.add_all(_entries(old, new, copied), lambda: new.clients.take_over(old.clients))
        return new.count()[0]


def _entries(
    old: Library, new: Library, copied: list[Path]
) -> Iterator[tuple[Recording, Sequence[Word]]]:
    page: int | None = 1
    while page is not None:
        found = old.list(page=page)
        for recording in found.recordings:
            path = _copy(recording.path, old.recordings_folder, new.recordings_folder, copied)
            yield replace(recording, path=path), old.words(recording.id)
        page = found.next_page


def _copy(path: Path, old: Path | None, new: Path | None, copied: list[Path]) -> Path:
    """Copy one file of sound and bring it to the disk; return where it is."""
    assert old is not None
    assert new is not None
    if not path.is_relative_to(old) or old.samefile(new):
        return path
    there = new / path.name
    part = there.with_suffix(library_folder.PART)
    with path.open("rb") as source, part.open("xb") as target:
        os.fchmod(target.fileno(), 0o600)
        copied.append(part)
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    part.rename(there)
    copied.append(there)
    return there


@contextlib.contextmanager
def _whole_or_none(copied: list[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        for path in copied:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ServiceError(
                f"{error.filename or 'The sound'} cannot be copied: {error.strerror}.",
                "Check free space, and that each recording of the library is there.",
            ) from error
        raise
