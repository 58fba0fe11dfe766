"""PCM on the standard input: one live call, for as long as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

from callplayer.service.sources.calls import LiveCalls, parties_of
from callplayer.service.sources.pcm import PcmDecoder, PcmFormat

READ_BYTES = 65_536


async def follow_stdin(form: PcmFormat, calls: LiveCalls, fd: int = 0) -> None:
    """Make a live call of what comes on `fd`, and return when that ends.

    Raise ServiceError if the call cannot be kept.
    """
    decoder = PcmDecoder(form)
    chunks = _chunks(fd)
    async with calls.call(parties_of(form.channels)) as call:
        while not call.is_full:
            content = await chunks.get()
            call.append(decoder.decode(content, last=not content))
            if not content:
                return


def _chunks(fd: int) -> asyncio.Queue[bytes]:
    """Read `fd` in a thread of its own, which nobody has to wait for at the end."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue(4)

    def read() -> None:
        content = b"x"
        # The loop may end at any moment: nobody takes what comes then.
        with contextlib.suppress(RuntimeError, asyncio.CancelledError):
            while content:
                try:
                    content = os.read(fd, READ_BYTES)
                except OSError:
                    content = b""
                asyncio.run_coroutine_threadsafe(chunks.put(content), loop).result()

    threading.Thread(target=read, name="live-stdin", daemon=True).start()
    return chunks
