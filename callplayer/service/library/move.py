"""A library brought from one place to another, whole or not at all; the old one stays as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.bucket import BucketError
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
        copied = stack.enter_context(_whole_or_none(new))
        new.add_all(_entries(old, new, copied), lambda: new.clients.take_over(old.clients))
        return new.count()[0]


def _entries(
    old: Library, new: Library, copied: list[Path]
) -> Iterator[tuple[Recording, Sequence[Word]]]:
    page: int | None = 1
    while page is not None:
        found = old.list(page=page)
        for recording in found.recordings:
            yield _copy(recording, old, new, copied), old.words(recording.id)
        page = found.next_page


def _copy(recording: Recording, old: Library, new: Library, copied: list[Path]) -> Recording:
    """Copy the sound of one call and bring it to the disk; return the recording as it is there."""
    base, folder, path = old.recordings_folder, new.recordings_folder, recording.path
    assert base is not None
    assert folder is not None
    if recording.bucket:
        is_kept = new.bucket is not None and new.bucket.url == recording.bucket
    else:
        is_inside = path.is_relative_to(base)
        is_kept = not is_inside or (new.bucket is None and base.samefile(folder))
    if is_kept:
        return recording
    there = folder / path.name
    part = there.with_suffix(library_folder.PART)
    copied.append(part)
    with part.open("xb") as target:
        os.fchmod(target.fileno(), 0o600)
        if recording.bucket:
            assert old.bucket is not None
            old.bucket.read_into(path.name, target.fileno())
        else:
            with path.open("rb") as source:
                shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    copied.append(there)
    if new.bucket is None:
        part.rename(there)
        return replace(recording, path=there, bucket="")
    new.bucket.put(part, path.name)
    part.unlink()
    return replace(recording, path=Path(path.name), bucket=new.bucket.url)


@contextlib.contextmanager
def _whole_or_none(new: Library) -> Iterator[list[Path]]:
    copied: list[Path] = []
    try:
        yield copied
    except BaseException as error:
        for path in copied:
            path.unlink(missing_ok=True)
            if new.bucket is not None:
                with contextlib.suppress(BucketError):
                    new.bucket.remove(path.name)
        if isinstance(error, OSError):
            raise ServiceError(
                f"{error.filename or 'The sound'} cannot be copied: {error.strerror}.",
                "Check free space, and that each recording of the library is there.",
            ) from error
        raise
