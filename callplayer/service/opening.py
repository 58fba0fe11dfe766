"""The library of a service: one on disk, or one in memory of the files that were named."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from callplayer.recordings.recording import find_recordings
from callplayer.recordings.words import CallTimes, words_beside
from callplayer.service import library_folder
from callplayer.service.library import Library
from callplayer.service.serve_options import ServeOptions


@contextlib.contextmanager
def open_library(
    options: ServeOptions, live_from_s: float | None
) -> Iterator[tuple[Library, tuple[str, ...]]]:
    """Give the library, for this service alone, and the ids of its incidents.

    Of files all ids, in their order; of a folder those of the first page. Raise UsageError for a
    file that cannot be served, ServiceError for a folder that cannot be used.
    """
    with contextlib.ExitStack() as stack:
        library = stack.enter_context(Library.open(options.library))
        if options.library is not None:
            stack.enter_context(library_folder.serving(options.library))
            library_folder.sweep(options.library, library.paths, live_too=True)
            yield library, tuple(recording.id for recording in library.list().recordings)
            return
        found = {}
        if options.recordings or not options.live_sources:
            found = find_recordings(
                options.recordings, live_from_s=live_from_s, strict=options.strict
            )
        library.add_all(
            [
                (each, words_beside(each.path, CallTimes(each.created_at, each.duration_s)))
                for each in found.values()
            ]
        )
        yield library, tuple(found)
