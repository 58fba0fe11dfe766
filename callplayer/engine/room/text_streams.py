"""Text streams of a room, whatever their topic: a server may send its statuses by them.

The SDK has one handler for each topic and none for all of them, so its table of handlers is
replaced by one that knows every topic. Where the SDK has no such table, the topics in TOPICS count.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from livekit import rtc

from callplayer.vendor.status import MAX_STATUS_BYTES

LOG = logging.getLogger(__name__)

MOST_OPEN = 16
READ_TIMEOUT_S = 5.0
TOPICS = ("", "status", "lk.status")

OPTIONS = rtc.room.DataStreamOptions(max_payload_byte_length=MAX_STATUS_BYTES)
"""The SDK ends a stream that is longer."""


class _EveryTopic(dict[str, Any]):
    """A table that has one handler for every topic."""

    def __init__(self, handler: Callable[[str], Any]) -> None:
        super().__init__()
        self._handler = handler

    def get(self, topic: str, _default: Any = None) -> Any:
        return self._handler(topic)


class TextStreams:
    """Reads a room's text streams and delivers each one whole, as (sender's identity, UTF-8)."""

    def __init__(self, room: rtc.Room, deliver: Callable[[str, bytes], None]) -> None:
        self._deliver = deliver
        self._reading: set[asyncio.Task[None]] = set()
        if isinstance(getattr(room, "_text_stream_handlers", None), dict):
            room._text_stream_handlers = _EveryTopic(lambda _topic: self._handler())
        else:
            for topic in TOPICS:
                room.register_text_stream_handler(topic, self._open)

    def close(self) -> None:
        """Read no further."""
        for task in self._reading:
            task.cancel()

    def _handler(self) -> Callable[[Any, str], None] | None:
        """Return what opens a stream; None, so that the SDK drops it, if too many are open."""
        return self._open if len(self._reading) < MOST_OPEN else None

    def _open(self, reader: rtc.TextStreamReader, sender: str) -> None:
        task = asyncio.create_task(self._read(reader, sender))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, sender: str) -> None:
        text, size = list[bytes](), 0
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                async for chunk in reader:
                    text.append(chunk.encode("utf-8", "replace"))
                    size += len(text[-1])
                    if size > MAX_STATUS_BYTES:
                        return
        except (TimeoutError, ConnectionError) as error:  # the SDK's StreamError is one
            LOG.info("a text stream was ignored: %s", type(error).__name__)
            return
        finally:
            await reader.aclose()
        self._deliver(sender, b"".join(text))
