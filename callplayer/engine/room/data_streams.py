"""Data streams of a room, of text or bytes, on any topic: a server may send statuses by them.

The SDK has one handler for each topic and none for all of them, so its tables of handlers are
replaced by ones that know every topic. Where the SDK has no such table, the topics in TOPICS count.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from livekit import rtc

from callplayer.engine.room.received_data import ReceivedData
from callplayer.vendor.status import MAX_STATUS_BYTES

LOG = logging.getLogger(__name__)

MOST_OPEN = 16
READ_TIMEOUT_S = 5.0
TOPICS = ("", "status", "lk.status")

OPTIONS = rtc.room.DataStreamOptions(max_payload_byte_length=MAX_STATUS_BYTES)
"""The SDK ends a stream that is longer."""

Reader = rtc.TextStreamReader | rtc.ByteStreamReader


class _EveryTopic(dict[str, Any]):
    """A table that has one handler for every topic."""

    def __init__(self, handler: Callable[[str], Any]) -> None:
        super().__init__()
        self._handler = handler

    def get(self, topic: str, _default: Any = None) -> Any:
        return self._handler(topic)


class DataStreams:
    """Reads a room's data streams and delivers each one whole.

    A text comes as UTF-8.
    """

    def __init__(self, room: rtc.Room, deliver: Callable[[ReceivedData], None]) -> None:
        self._deliver = deliver
        self._reading: set[asyncio.Task[None]] = set()
        for kind in ("text", "byte"):
            table = f"_{kind}_stream_handlers"
            if isinstance(getattr(room, table, None), dict):
                setattr(room, table, _EveryTopic(lambda _topic: self._handler()))
                continue
            register = getattr(room, f"register_{kind}_stream_handler")
            for topic in TOPICS:
                register(topic, self._open)

    def close(self) -> None:
        """Read no further."""
        for task in self._reading:
            task.cancel()

    def _handler(self) -> Callable[[Reader, str], None] | None:
        """Return what opens a stream; None, so that the SDK drops it, if too many are open."""
        return self._open if len(self._reading) < MOST_OPEN else None

    def _open(self, reader: Reader, sender: str) -> None:
        task = asyncio.create_task(self._read(reader, sender))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: Reader, sender: str) -> None:
        content = bytearray()
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                async for chunk in reader:
                    content += chunk.encode("utf-8", "replace") if isinstance(chunk, str) else chunk
                    if len(content) > MAX_STATUS_BYTES:
                        return
        except (TimeoutError, ConnectionError) as error:  # the SDK's StreamError is one
            LOG.info("a data stream was ignored: %s", type(error).__name__)
            return
        finally:
            await reader.aclose()
        self._deliver(ReceivedData(sender, bytes(content)))
