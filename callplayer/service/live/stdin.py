"""PCM on the standard input: one live call, for as long as it comes."""

from __future__ import annotations

import asyncio
import os
import threading

from callplayer.service.live.live_calls import LiveCalls, parties_of
from callplayer.service.live.pcm import PcmDecoder, PcmFormat

READ_BYTES = 65_536
MAX_QUEUED = 4


async def follow_stdin(form: PcmFormat, calls: LiveCalls, fd: int = 0) -> None:
    """Make a live call of what comes on `fd`, and return when that ends.

    Raise ServiceError if the call cannot be kept.
    """
    decoder = PcmDecoder(form)
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(MAX_QUEUED)
    _start_reading(fd, chunks, room)
    async with calls.call(parties_of(form.channels)) as call:
        while not call.is_full:
            content = await chunks.get()
            room.release()
            call.append(decoder.decode(content, last=not content))
            if not content:
                return


def _start_reading(fd: int, chunks: asyncio.Queue[bytes], room: threading.Semaphore) -> None:
    """Read `fd` in a thread of its own, which may outlive the service."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        content = b"x"
        while content:
            room.acquire()
            try:
                content = os.read(fd, READ_BYTES)
            except OSError:
                content = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, content)
            except RuntimeError:  # the loop has ended, and with it the call
                return

    threading.Thread(target=read, name="live-stdin", daemon=True).start()
