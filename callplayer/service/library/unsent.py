"""What a library with a bucket has outside of it: live calls that have ended and are not sent yet.

A live call is written on the machine that takes it in. When it is over its WAV becomes a FLAC in
the bucket, and the file is removed. While the bucket refuses, the call plays from that machine, and
is sent later. A bucket is swept of what killed imports have left in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callplayer.errors import CallplayerError
from callplayer.recordings.bucket import Bucket
from callplayer.recordings.containers.sound_file import open_sound
from callplayer.recordings.convert import convert
from callplayer.service.library import folder as library_folder
from callplayer.service.library.library import Library

SEND_S = 2.0
SEND_AGAIN_S = 30.0
STRAY_AFTER = timedelta(days=1)
"""No import takes longer between an object and its incident."""

log = logging.getLogger("callplayer.service")


async def keep_sending(library: Library) -> None:
    """Send ended calls to the library's bucket, for as long as the task runs."""
    while True:
        await asyncio.sleep(SEND_S if await send_ended(library) else SEND_AGAIN_S)


async def send_ended(library: Library) -> bool:
    """Send each live call that is over; return whether all could be sent."""
    folder, bucket = library.recordings_folder, library.bucket
    assert folder is not None
    assert bucket is not None
    try:
        for path in sorted(folder.glob("*.wav")):
            with _locked(path) as is_mine:
                if is_mine:
                    await _send(library, bucket, path)
    except (CallplayerError, OSError) as error:
        what = error.what if isinstance(error, CallplayerError) else error.strerror
        log.warning("ended calls wait to be sent: %s", what)
        return False
    return True


def sweep_bucket(library: Library) -> None:
    """Remove the objects that no incident has, of a day ago or earlier; raise BucketError."""
    if library.bucket is None:
        return
    before = datetime.fromtimestamp(library.now_s(), UTC) - STRAY_AFTER
    for name in set(library.bucket.names(before)) - library.names():
        library.bucket.remove(name)


async def _send(library: Library, bucket: Bucket, path: Path) -> None:
    recording = library.get(path.stem)
    if recording is not None and recording.growing:
        return
    if recording is not None and not recording.bucket:
        name = f"{recording.id}.flac"
        await asyncio.to_thread(_put_as_flac, path, bucket, name)
        if not library.keep_in_bucket(recording.id, name):  # removed meanwhile
            await asyncio.to_thread(bucket.remove, name)
        log.info("incident %s is in the bucket", recording.id)
    os.unlink(path)


def _put_as_flac(path: Path, bucket: Bucket, name: str) -> None:
    part = path.with_suffix(library_folder.PART)
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open_sound(path) as sound:
            convert([sound], fd)
        bucket.put(part, name)
    finally:
        os.close(fd)
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Lock a live call's file; give False if who writes it, or another service, has it."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield library_folder.try_lock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)
