"""What the LiveKit SDK has and does not make public: its native library and its line of events.

Engine and service go past the SDK's own queues where these cost too much. All that they need for it
stands here, for a version of the SDK that has it otherwise: then one of NOT_AS_EXPECTED is raised,
and the caller goes the SDK's way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit import rtc

SDK_MISMATCH = (
    ImportError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    AssertionError,
    ctypes.ArgumentError,
)

WIRE_TYPE_BYTES = 2
LAST_TAG_OF_ONE_BYTE = 127

Takes = Callable[[Any, int], bool]
"""Is given an event's bytes (a pointer and how many); returns whether it has taken the event."""

Passes = Callable[[Any], bool]
"""Is given an event; returns whether to put it into a queue."""

log = logging.getLogger(__name__)

_kept: list[Any] = []  # what the native library calls must never be freed


left_behind: set[asyncio.Task[None]] = set()
"""Each waits to leave a room that is no longer wanted."""


async def join_room(room: rtc.Room, url: str, token: str, options: rtc.RoomOptions) -> None:
    """Connect a room as the SDK does; one that is not waited for any more is left once it is there.

    To cancel the SDK's own `connect` is fatal: some 15 s later it ends this process.
    """
    joining = asyncio.create_task(room.connect(url, token, options))
    try:
        await asyncio.shield(joining)
    except asyncio.CancelledError:
        task = asyncio.create_task(_leave_once_joined(room, joining))
        left_behind.add(task)
        task.add_done_callback(left_behind.discard)
        raise


async def _leave_once_joined(room: rtc.Room, joining: asyncio.Task[None]) -> None:
    """Leave a room that the native library goes on joining: it tries for half a minute."""
    from livekit import rtc

    with contextlib.suppress(rtc.ConnectError):
        await joining
        log.info("a room that took too long to join is left")
        await room.disconnect()


def event_tag(name: str) -> int:
    """Return the first byte of all events of a kind; raise KeyError if no one byte names it."""
    from livekit.rtc._proto import ffi_pb2

    field = ffi_pb2.FfiEvent.DESCRIPTOR.fields_by_name[name]
    tag = int(field.number) << 3 | WIRE_TYPE_BYTES
    if tag > LAST_TAG_OF_ONE_BYTE:
        raise KeyError("a tag of more than one byte")
    return tag


def take_events(takes: Takes, *, logs: bool) -> None:
    """Have events brought to `takes`, on the native library's threads; the SDK gets what is left.

    `logs` are events, too. A taker added later comes first.

    Python makes a thread's state anew for each call from a thread that is not its own, with 16 kB
    for its frames, and frees both: that costs more than a taker does. So these threads, which live
    as long as the library, keep theirs.
    """
    from livekit.rtc import _ffi_client as sdk
    from livekit.rtc.version import __version__

    pass_on = _kept[-1] if _kept else sdk.ffi_event_callback

    keep_state, threads = ctypes.pythonapi.PyGILState_Ensure, set[int]()

    @sdk.ffi_cb_fnc  # type: ignore[untyped-decorator]
    def bring(content: Any, size: int) -> None:
        thread = threading.get_ident()
        if thread not in threads:
            threads.add(thread)
            keep_state()
        if not takes(content, size):
            pass_on(content, size)

    _kept.append(bring)
    library = sdk.FfiClient.instance._ffi_lib
    library.livekit_ffi_initialize(bring, logs, b"python", __version__.encode())


def pydll() -> ctypes.PyDLL:
    """Return the native library for calls that take microseconds and wait for nothing.

    PyDLL keeps the interpreter's lock: giving it away costs more than such a call, and the thread
    that gets it may keep it for long.
    """
    from livekit.rtc._ffi_client import FfiClient

    library = ctypes.PyDLL(FfiClient.instance._ffi_lib._name)
    ask, drop = library.livekit_ffi_request, library.livekit_ffi_drop_handle
    ask.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
    ask.restype = ctypes.c_uint64
    drop.argtypes, drop.restype = [ctypes.c_uint64], ctypes.c_bool
    return library


ANSWERS = frozenset({"publish_data", "perform_rpc"})
"""Events that the asking call takes from a queue of its own."""


def keep_others_out(room: rtc.Room) -> None:
    """Have a connected room's queue get the room's own events, and no answers to requests.

    The SDK puts the events of all rooms of a process into each room's queue, and wakes the loop for
    every one.
    """

    def make(handle: int, _loop: asyncio.AbstractEventLoop, passes: Passes) -> Passes:
        def takes(event: Any) -> bool:
            kind = event.WhichOneof("message")
            if kind == "room_event":
                return bool(event.room_event.room_handle == handle)
            return kind not in ANSWERS and passes(event)

        return takes

    filter_events(room, make)


def filter_events(
    room: rtc.Room, make: Callable[[int, asyncio.AbstractEventLoop, Passes], Passes]
) -> None:
    """Put a filter before a connected room's queue; it is called on the native library's threads.

    `make` is given the room's handle, its loop and the filter there was.
    """
    from livekit.rtc._ffi_client import FfiClient

    line = FfiClient.instance.queue
    with line._lock:
        for at, (queue, loop, passes) in enumerate(line._subscribers):
            if queue is room._ffi_queue and passes is not None and room._ffi_handle is not None:
                passes_now = make(room._ffi_handle.handle, loop, passes)
                line._subscribers[at] = (queue, loop, passes_now)
                return
    raise AttributeError("the room's own queue is not among the subscribers")
