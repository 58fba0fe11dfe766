"""The sources of live calls, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING

from callplayer.errors import CallplayerError
from callplayer.recordings.recording import find_recordings
from callplayer.service.library.unsent import keep_sending, send_ended
from callplayer.service.live.live_calls import LiveCalls, recover
from callplayer.service.live.options import LiveSources
from callplayer.service.live.pcm import parse_format
from callplayer.service.live.recorded_call import play_file
from callplayer.service.live.stdin import follow_stdin
from callplayer.service.live.temp_folder import own_folder
from callplayer.service.live.watch_folder import Watcher

if TYPE_CHECKING:
    from callplayer.service.library.library import Library

log = logging.getLogger("callplayer.service")


@contextlib.asynccontextmanager
async def live_calls(sources: LiveSources, library: Library) -> AsyncIterator[LiveCalls]:
    """Run the sources while the block lasts (an ingest room needs more: see `ingest`).

    Calls that were cut off by a kill are ended first. The sound lies in the library's folder, or
    else in one that is removed at the end.
    """
    recover(library)
    with contextlib.ExitStack() as stack:
        folder = library.recordings_folder
        if folder is None and sources:
            folder = stack.enter_context(own_folder())
        calls = LiveCalls(library, folder)
        tasks = [asyncio.create_task(_run_logged(source)) for source in _started(sources, calls)]
        sending = None if library.bucket is None else asyncio.create_task(keep_sending(library))
        await asyncio.sleep(0)  # what begins with the service has begun
        try:
            yield calls
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                await send_ended(library)


def _started(sources: LiveSources, calls: LiveCalls) -> list[Coroutine[object, object, None]]:
    started: list[Coroutine[object, object, None]] = []
    if sources.files:
        recordings = find_recordings(sources.files).values()
        started += [play_file(recording.path, calls) for recording in recordings]
    if sources.watched is not None:
        started.append(Watcher(sources.watched, calls, sources.end_after_s).run())
    if sources.stdin is not None:
        form = parse_format(sources.stdin)
        started.append(follow_stdin(form, calls))
    return started


async def _run_logged(source: Coroutine[object, object, None]) -> None:
    """Run a source; if it breaks off, the log says so and the service goes on."""
    try:
        await source
    except CallplayerError as error:
        log.error("a live source broke off: %s %s", error.what, error.hint)
    except Exception:
        log.exception("a live source broke off")
