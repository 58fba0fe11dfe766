"""More data messages a second than the SDK's `publish_data` can send, into a real room.

The SDK waits for each message's answer and brings it into Python. Here one request is made once and
given to the native library again and again; the answers, which are not awaited, stay outside.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from livekit import rtc

from callplayer import livekit_ffi

STEP_S = 0.005
SIZE_BYTES = 160
MOST_WAITING = 2_000

JUNK = (
    b'{"kind":"status","position":NaN,"duration":Infinity,"paused":null}',
    b'{"kind":"status","position":1e400,"duration":-1e400,"paused":false,"atEnd":false}',
    b'{"kind":"status","position":-5,"duration":"x","paused":0}',
    b'{"kind":"status"',
    b"[" * SIZE_BYTES,
    b"\xff\xfe\x00\x1b]0;EVIL\x07\x9b31m",
    b'{"kind":"evil","text":"\x1b[2J"}',
    b"",
)

_sent = [0]  # messages that have left, over all of this process's rooms


class Flood(msgspec.Struct, kw_only=True):
    """So many messages a second, for so long: statuses that are true, ones that lie, or junk.

    `by_stranger`: from a participant of the room who is not the server side. `to_nobody`: addressed
    to a participant that is not there, so that all is as with a flood but for who has to read it.
    """

    rate_per_s: int
    seconds: float
    kind: Literal["status", "junk", "lies"] = "status"
    by_stranger: bool = False
    to_nobody: bool = False


LIE = (
    b'{"kind":"status","position":1234,"duration":9999,"paused":true,"atEnd":false,"callOver":true}'
)


async def flood(room: rtc.Room, asked: Flood, status: Callable[[], bytes]) -> int:
    """Send what is asked for, as fast as it leaves; return how many messages have left in time."""
    send = sender(room, ["nobody"] if asked.to_nobody else [])
    chance = random.Random(911)
    before = _sent[0]
    began_s, given = time.monotonic(), 0
    while (now_s := time.monotonic()) - began_s < asked.seconds:
        due = int((now_s - began_s) * asked.rate_per_s)
        waiting = given - (_sent[0] - before)
        content = status() if asked.kind == "status" else LIE
        for _ in range(min(due - given, MOST_WAITING - waiting)):
            send(chance.choice(JUNK) if asked.kind == "junk" else content)
            given += 1
        await asyncio.sleep(STEP_S)
    return _sent[0] - before


def sender(room: rtc.Room, to: Sequence[str] = ()) -> Callable[[bytes], None]:
    """Return what sends a message of SIZE_BYTES at most into a room, and waits for nothing."""
    from livekit.rtc._proto import ffi_pb2

    _keep_answers_out()
    library = livekit_ffi.pydll()
    ask, drop = library.livekit_ffi_request, library.livekit_ffi_drop_handle
    buffer = ctypes.create_string_buffer(SIZE_BYTES)
    message = ffi_pb2.FfiRequest()
    publish = message.publish_data
    publish.local_participant_handle = room.local_participant._ffi_handle.handle
    publish.data_ptr = ctypes.addressof(buffer)
    publish.data_len = SIZE_BYTES
    publish.reliable = True
    publish.topic = ""
    publish.destination_identities.extend(to)
    request = message.SerializeToString()
    answer_at, size_at = ctypes.pointer(ctypes.c_void_p()), ctypes.pointer(ctypes.c_size_t())

    def send(content: bytes) -> None:
        # Spaces after a JSON text are nothing: all messages have one size, and one request.
        buffer.raw = content[:SIZE_BYTES].ljust(SIZE_BYTES)
        drop(ask(request, len(request), answer_at, size_at))

    return send


@functools.cache
def _keep_answers_out() -> None:
    from livekit.rtc._proto import ffi_pb2

    fields = ffi_pb2.FfiEvent.DESCRIPTOR.fields_by_name
    published = _tag(fields["publish_data"].number)
    captured = _tag(fields["capture_audio_frame"].number)

    def takes(content: Any, size: int) -> bool:
        is_published = (content[0], content[1])[: len(published)] == published
        _sent[0] += is_published
        return bool(is_published or content[0] == captured[0])

    livekit_ffi.take_events(takes, logs=False)


def _tag(number: int) -> tuple[int, ...]:
    """Return the first bytes of a message whose only field is a message of this number."""
    tag = number << 3 | 2
    return (tag,) if tag < 128 else (tag & 127 | 128, tag >> 7)
