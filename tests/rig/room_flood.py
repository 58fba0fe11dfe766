"""More data messages a second than the SDK's `publish_data` can send, into a real room.

The SDK waits for each message's answer and brings it into Python. Here one request is made once and
given to the native library again and again; the answers, which nobody waits for, stay outside.
"""

from __future__ import annotations

import asyncio
import ctypes
import random
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from livekit import rtc

STEP_S = 0.005
SIZE_BYTES = 160

JUNK = (
    b'{"kind":"status","position":NaN,"duration":1,"paused":false}',
    b'{"kind":"status","position":1e400,"duration":-1e400,"paused":false,"atEnd":false}',
    b'{"kind":"status","position":-5,"duration":"x","paused":0}',
    b'{"kind":"status"',
    b"[" * SIZE_BYTES,
    b"\xff\xfe\x00\x1b]0;EVIL\x07\x9b31m",
    b'{"kind":"evil","text":"\x1b[2J"}',
    b"",
)

_kept: list[Any] = []  # what the native library calls must never be freed


class Flood(msgspec.Struct, kw_only=True):
    """So many messages a second, for so long: statuses that are true, ones that lie, or junk.

    `by_stranger`: from a participant of the room who is not the server side.
    """

    rate_per_s: int
    seconds: float
    kind: Literal["status", "junk", "lies"] = "status"
    by_stranger: bool = False


LIE = (
    b'{"kind":"status","position":1234,"duration":9999,"paused":true,"atEnd":false,"callOver":true}'
)


async def flood(room: rtc.Room, asked: Flood, status: Callable[[], bytes]) -> int:
    """Send what is asked for; return how many messages were given to the SDK."""
    _keep_answers_out()
    send = _sender(room)
    chance = random.Random(911)
    began_s, sent = time.monotonic(), 0
    while (now_s := time.monotonic()) - began_s < asked.seconds:
        due = int((now_s - began_s) * asked.rate_per_s)
        content = status() if asked.kind == "status" else LIE
        for _ in range(due - sent):
            send(chance.choice(JUNK) if asked.kind == "junk" else content)
        sent = max(sent, due)
        await asyncio.sleep(STEP_S)
    return sent


def _sender(room: rtc.Room) -> Callable[[bytes], None]:
    from livekit.rtc._ffi_client import FfiClient
    from livekit.rtc._proto import ffi_pb2

    library = ctypes.PyDLL(FfiClient.instance._ffi_lib._name)
    ask, drop = library.livekit_ffi_request, library.livekit_ffi_drop_handle
    ask.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
    ask.restype = ctypes.c_uint64
    drop.argtypes = [ctypes.c_uint64]
    buffer = ctypes.create_string_buffer(SIZE_BYTES)
    message = ffi_pb2.FfiRequest()
    publish = message.publish_data
    publish.local_participant_handle = room.local_participant._ffi_handle.handle
    publish.data_ptr = ctypes.addressof(buffer)
    publish.data_len = SIZE_BYTES
    publish.reliable = True
    publish.topic = ""
    request = message.SerializeToString()
    answer_at, size_at = ctypes.pointer(ctypes.c_void_p()), ctypes.pointer(ctypes.c_size_t())

    def send(content: bytes) -> None:
        # Spaces after a JSON text are nothing: all messages have one size, and one request.
        buffer.raw = content[:SIZE_BYTES].ljust(SIZE_BYTES)
        drop(ask(request, len(request), answer_at, size_at))

    return send


def _keep_answers_out() -> None:
    from livekit.rtc import _ffi_client as ffi
    from livekit.rtc._proto import ffi_pb2
    from livekit.rtc.version import __version__

    fields = ffi_pb2.FfiEvent.DESCRIPTOR.fields_by_name
    tags = {_tag(fields[name].number) for name in ("publish_data", "capture_audio_frame")}

    @ffi.ffi_cb_fnc  # type: ignore[untyped-decorator]
    def take(content: Any, size: int) -> None:
        if (content[0], content[1]) in tags or (content[0],) in tags:
            return
        ffi.ffi_event_callback(content, size)

    _kept.append(take)
    library = ffi.FfiClient.instance._ffi_lib
    library.livekit_ffi_initialize(take, False, b"python", __version__.encode())


def _tag(number: int) -> tuple[int, ...]:
    """Return the first bytes of a message whose only field is a message of this number."""
    tag = number << 3 | 2
    return (tag,) if tag < 128 else (tag & 127 | 128, tag >> 7)
