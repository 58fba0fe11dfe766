"""Frames of sound into LiveKit tracks, at a tenth of what the SDK's own way costs.

`AudioSource.capture_frame` makes two messages of each frame, subscribes to all events of all rooms
and waits for one: with ten bots it took twice what Opus does. The native library that it speaks to
copies a frame before it returns, so here each track has one buffer and one request, made once; the
answers are not brought into Python. What this needs of the SDK is not public: where it is not as
expected, frames go the SDK's way.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from callplayer import livekit_ffi
from callplayer.playback.cursor import BLOCK_FRAMES
from callplayer.recordings.samples import SAMPLE_RATE_HZ

FRAME_FRAMES = SAMPLE_RATE_HZ // 100
"""10 ms: WebRTC takes no other length without a queue."""

FRAMES_PER_BLOCK = BLOCK_FRAMES // FRAME_FRAMES
FRAME_S = FRAME_FRAMES / SAMPLE_RATE_HZ

MAX_GOOD_ANSWER_BYTES = 24

log = logging.getLogger("callplayer.service")

Frame = NDArray[np.int16]
Outlet = Callable[[Frame], None]
"""Sends one frame, int16 of shape (480,), into a track."""


def keep_answers_out() -> bool:
    """Have the answers to captures, and the SDK's own log, stay outside of Python.

    Call it once, before the first room. Return whether it could be done.
    """
    try:
        tag = livekit_ffi.event_tag("capture_audio_frame")

        def takes(content: Any, size: int) -> bool:
            return bool(content[0] == tag and size < MAX_GOOD_ANSWER_BYTES)

        livekit_ffi.take_events(takes, logs=False)
    except livekit_ffi.SDK_MISMATCH:
        log.warning("this version of the SDK is not known: bots will cost more")
        return False
    return True


def outlet(source: rtc.AudioSource) -> Outlet:
    """Return the way into the track of `source`, which has no queue."""
    try:
        return direct_outlet(source)
    except livekit_ffi.SDK_MISMATCH:
        return sdk_outlet(source)


def direct_outlet(source: rtc.AudioSource) -> Outlet:
    """Return what hands a frame to the native library itself; raise if that is not as expected."""
    from livekit.rtc._proto import ffi_pb2

    # Giving the interpreter's lock away hundreds of times a turn delays the turn by as many thread
    # switches.
    library = livekit_ffi.pydll()
    ask, drop = library.livekit_ffi_request, library.livekit_ffi_drop_handle
    handle = source._ffi_handle
    buffer = np.zeros(FRAME_FRAMES, dtype=np.int16)
    message = ffi_pb2.FfiRequest()
    message.capture_audio_frame.source_handle = handle.handle
    place = message.capture_audio_frame.buffer
    place.data_ptr = buffer.ctypes.data
    place.num_channels = 1
    place.sample_rate = SAMPLE_RATE_HZ
    place.samples_per_channel = FRAME_FRAMES
    request = message.SerializeToString()
    size = len(request)
    answer_at, answer_size_at = ctypes.pointer(ctypes.c_void_p()), ctypes.pointer(ctypes.c_size_t())

    def send(frame: Frame) -> None:
        if handle.disposed:
            return
        buffer[:] = frame
        given = ask(request, size, answer_at, answer_size_at)
        if not given:
            raise RuntimeError("the SDK refuses a frame")
        drop(given)

    return send


def sdk_outlet(source: rtc.AudioSource) -> Outlet:
    """Return what hands a frame to the SDK, as a task each."""
    sending: set[asyncio.Task[None]] = set()

    def send(frame: Frame) -> None:
        audio = rtc.AudioFrame(frame.tobytes(), SAMPLE_RATE_HZ, 1, FRAME_FRAMES)
        task = asyncio.get_running_loop().create_task(source.capture_frame(audio))
        sending.add(task)
        task.add_done_callback(sending.discard)

    return send
