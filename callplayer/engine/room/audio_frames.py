"""Frames out of LiveKit tracks, at a part of what the SDK's own way costs, and sooner.

`rtc.AudioStream` hands every frame from the native library's thread to the event loop, through two
queues: with two parties that wakes the loop 200 times a second, and was half of what playing cost.
Here a frame is read where the native library brings it, on a thread of its own, without a copy.
What this needs of the SDK is not public: where it is not as expected, frames come the SDK's way.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from livekit import rtc

from callplayer import livekit_ffi

LOG = logging.getLogger(__name__)

RATE_HZ = 48_000
FRAME_MS = 10
CHANNELS = 2
"""Mono comes the same in both. A stereo track in one channel would be the mean of both: who speaks
in one of them would lose 6 dB."""

TakeFrame = Callable[[npt.NDArray[np.int16]], None]
"""Takes one frame, int16 at RATE_HZ of shape (frames, CHANNELS), on any thread.

The frame is gone when this returns."""


class Frames(Protocol):
    """A track's frames, while they are read."""

    async def close(self) -> None:
        """Read no more of them."""


class DirectFrames:
    """Frames of one track as the native library brings them."""

    def __init__(self, track: rtc.RemoteAudioTrack, take: TakeFrame) -> None:
        """Begin; raise one of NOT_AS_EXPECTED where this version of the SDK is not known."""
        from livekit.rtc._ffi_client import FfiClient, FfiHandle
        from livekit.rtc._proto import audio_frame_pb2, ffi_pb2

        _take_events_once()
        request = ffi_pb2.FfiRequest()
        wanted = request.new_audio_stream
        wanted.track_handle = track._ffi_handle.handle
        wanted.sample_rate = RATE_HZ
        wanted.num_channels = CHANNELS
        wanted.frame_size_ms = FRAME_MS
        wanted.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
        with _beginning:
            handle = FfiClient.instance.request(request).new_audio_stream.stream.handle.id
            takers[handle] = take
        self._handle = FfiHandle(handle)

    async def close(self) -> None:
        """Read no more; a frame that is under way may still come."""
        if self._handle.handle in takers:
            takers[self._handle.handle] = _take_no_more
        self._handle.dispose()


def _take_no_more(_pcm: npt.NDArray[np.int16]) -> None:
    """Let a frame go that was under way when its track ended."""


takers: dict[int, TakeFrame] = {}
"""What takes the frames of a stream, by its handle, from its beginning until its end has come."""

_beginning = threading.Lock()
"""Held while a stream begins: its first frame may come before its handle is known."""


@functools.cache
def _take_events_once() -> None:
    """Have the native library bring its frames here; what is no frame goes on to the SDK."""
    from livekit.rtc._proto import ffi_pb2

    tag = livekit_ffi.event_tag("audio_stream_event")
    parse = ffi_pb2.FfiEvent.FromString
    drop = livekit_ffi.pydll().livekit_ffi_drop_handle

    def takes(content: Any, size: int) -> bool:
        if content[0] != tag:
            return False
        event = parse(ctypes.string_at(content, size)).audio_stream_event
        take = _taker(event.stream_handle)
        if take is None:
            return False
        if not event.HasField("frame_received"):
            takers.pop(event.stream_handle, None)
            return True
        frame = event.frame_received.frame
        samples = frame.info.num_channels * frame.info.samples_per_channel
        try:
            pcm = (ctypes.c_int16 * samples).from_address(frame.info.data_ptr)
            take(np.frombuffer(memoryview(pcm), dtype=np.int16).reshape(-1, CHANNELS))
        except Exception:
            LOG.exception("a frame was lost")
        finally:
            drop(frame.handle.id)
        return True

    livekit_ffi.take_events(takes, logs=True)


def _taker(handle: int) -> TakeFrame | None:
    take = takers.get(handle)
    if take is None:
        with _beginning:
            take = takers.get(handle)
    return take


class SdkFrames:
    """Frames of one track by the SDK's own stream, on the event loop."""

    def __init__(self, track: rtc.RemoteAudioTrack, take: TakeFrame) -> None:
        self._track, self._take = track, take
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Read no more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _read(self) -> None:
        stream = rtc.AudioStream(
            self._track,
            sample_rate=RATE_HZ,
            num_channels=CHANNELS,
            frame_size_ms=FRAME_MS,
        )
        try:
            async for event in stream:
                pcm = np.frombuffer(event.frame.data, dtype=np.int16)
                self._take(pcm.reshape(-1, CHANNELS))
        finally:
            await stream.aclose()


def read_frames(track: rtc.RemoteAudioTrack, take: TakeFrame) -> Frames:
    """Have `take` called with every frame of `track` from now on."""
    try:
        return DirectFrames(track, take)
    except livekit_ffi.SDK_MISMATCH:
        LOG.warning("this version of the SDK is not known: playing will cost more")
        return SdkFrames(track, take)
