"""Data messages at a bounded rate, taken where the SDK's own thread hears of them.

The SDK's way wakes the loop for each message, and the sound's frames wait in the same line: some
thousands a second fill a core. Here the first messages of each turn are handed over as they come.
Of those beyond, the newest status of each sender counts, and the rest is freed at once. What this
needs of the SDK is not public: where it is not as expected, messages go the SDK's way.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc

from callplayer import livekit_ffi
from callplayer.engine.room.received_data import ReceivedData
from callplayer.vendor.status import MAX_STATUS_BYTES

LOG = logging.getLogger(__name__)

TURN_S = 0.05
MOST_A_TURN = 20
MOST_SENDERS = 16

UNUSED = frozenset(
    {
        "chat_message",
        "transcription_received",
        "stream_header_received",
        "stream_chunk_received",
        "stream_trailer_received",
    }
)
"""Events of a room that a player has no use for: a sender of thousands is not heard."""

Deliver = Callable[[ReceivedData], None]


class RateWindow:
    """Counts messages: MOST_A_TURN in each turn of TURN_S go through. Times in s, monotonic.

    Of those that do not, the newest status of each sender is kept.
    """

    def __init__(self) -> None:
        self._began_s = float("-inf")
        self._count = 0
        self._newest: dict[str, ReceivedData] = {}
        self._held_back = 0

    def admit(self, now_s: float) -> bool:
        """Count a message; return whether it may go on its way."""
        if now_s - self._began_s >= TURN_S:
            self._began_s, self._count = now_s, 0
        self._count += 1
        return self._count <= MOST_A_TURN

    def defer(self, data: ReceivedData) -> None:
        """Keep a message if it is a status, in place of an older one of the same sender."""
        self._held_back += 1
        if data.sender not in self._newest and len(self._newest) >= MOST_SENDERS:
            return
        if data.statuses:
            self._newest[data.sender] = data

    def supersede(self, data: ReceivedData) -> None:
        """A message goes through: if it is a status, an older one of the same sender is void."""
        if data.sender in self._newest and data.statuses:
            del self._newest[data.sender]

    def take(self) -> tuple[dict[str, ReceivedData], int]:
        """Return what was kept, and of how many messages; keep it no more."""
        newest, self._newest = self._newest, {}
        held_back, self._held_back = self._held_back, 0
        return newest, held_back


def throttle_data(room: rtc.Room, deliver: Deliver) -> bool:
    """Have a connected room's messages delivered on the running loop; return whether that works."""
    try:
        drop = livekit_ffi.pydll().livekit_ffi_drop_handle
        livekit_ffi.filter_events(
            room, lambda handle, loop, passes: DataThrottle(handle, loop, passes, drop, deliver)
        )
    except livekit_ffi.SDK_MISMATCH:
        LOG.warning("this version of the SDK is not known: a flood of messages is not held back")
        return False
    return True


class DataThrottle:
    """Decides on each event for a room's queue; called on the SDK's threads, one at a time."""

    def __init__(
        self,
        room_handle: int,
        loop: asyncio.AbstractEventLoop,
        passes: Callable[[Any], bool],
        drop: Callable[[int], object],
        deliver: Deliver,
    ) -> None:
        self._room_handle = room_handle
        self._loop = loop
        self._passes = passes
        self._drop = drop
        self._deliver = deliver
        self._turns, self._streams = RateWindow(), RateWindow()
        self._is_due = False
        # Held while a message gets its place in the loop's line: a status must not come after one
        # that was sent later.
        self._order = threading.Lock()

    def __call__(self, event: Any) -> bool:
        if event.WhichOneof("message") != "room_event":
            return self._passes(event)
        news = event.room_event
        kind = news.WhichOneof("message")
        if news.room_handle != self._room_handle:
            return kind not in UNUSED
        if kind in ("text_stream_opened", "byte_stream_opened"):
            return self._admit_stream(getattr(news, kind))
        if kind != "data_packet_received":
            return kind not in UNUSED
        packet = news.data_packet_received
        if packet.WhichOneof("value") == "user":
            self._take(packet)
        return False

    def _admit_stream(self, opened: Any) -> bool:
        """Return whether a data stream is one that the turn has room for; drop it if not."""
        if self._streams.admit(time.monotonic()):
            return True
        self._drop(opened.reader.handle.id)
        return False

    def _take(self, packet: Any) -> None:
        content = packet.user.data
        size = content.data.data_len
        payload = ctypes.string_at(content.data.data_ptr, size) if size <= MAX_STATUS_BYTES else b""
        self._drop(content.handle.id)
        data = ReceivedData(packet.participant_identity, payload)
        with self._order:
            if self._turns.admit(time.monotonic()):
                self._turns.supersede(data)
                self._loop.call_soon_threadsafe(self._deliver, data)
                return
            self._turns.defer(data)
            if not self._is_due:
                self._is_due = True
                self._loop.call_soon_threadsafe(self._loop.call_later, TURN_S, self._take_newest)

    def _take_newest(self) -> None:
        with self._order:
            self._is_due = False
            # Behind all that was let through before it.
            self._loop.call_soon(self._deliver_newest, *self._turns.take())

    def _deliver_newest(self, newest: dict[str, ReceivedData], held_back: int) -> None:
        LOG.info("%d messages of a turn were too many; the newest status counts", held_back)
        for data in newest.values():
            self._deliver(data)
