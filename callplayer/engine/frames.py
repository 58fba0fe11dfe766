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
import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from livekit import rtc

LOG = logging.getLogger(__name__)

RATE_HZ = 48_000
FRAME_MS = 10
WIRE_TYPE_BYTES = 2

TakeFrame = Callable[[npt.NDArray[np.int16]], None]
"""Takes one frame of mono sound at RATE_HZ, on any thread; it is gone when this returns."""


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

        if not _kept:
            _kept.append(_take_events())
        request = ffi_pb2.FfiRequest()
        wanted = request.new_audio_stream
        wanted.track_handle = track._ffi_handle.handle
        wanted.sample_rate = RATE_HZ
        wanted.num_channels = 1
        wanted.frame_size_ms = FRAME_MS
        wanted.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
        handle = FfiClient.instance.request(request).new_audio_stream.stream.handle.id
        _takers[handle] = take
        self._handle = FfiHandle(handle)

    async def close(self) -> None:
        """Read no more; a frame that is under way may still come."""
        _takers[self._handle.handle] = _take_no_more
        self._handle.dispose()


def _take_no_more(_pcm: npt.NDArray[np.int16]) -> None:
    """Let a frame go that was under way when its track ended."""


_takers: dict[int, TakeFrame] = {}
_kept: list[Any] = []  # what the native library calls must never be freed


def _take_events() -> Any:
    """Have the native library bring its events here; what is no frame goes on to the SDK."""
    from livekit.rtc import _ffi_client as sdk
    from livekit.rtc._proto import ffi_pb2
    from livekit.rtc.version import __version__

    library, pass_on = sdk.FfiClient.instance._ffi_lib, sdk.ffi_event_callback
    parse, drop = ffi_pb2.FfiEvent.FromString, library.livekit_ffi_drop_handle
    field = ffi_pb2.FfiEvent.DESCRIPTOR.fields_by_name["audio_stream_event"]
    tag = int(field.number) << 3 | WIRE_TYPE_BYTES

    @sdk.ffi_cb_fnc  # type: ignore[untyped-decorator]
    def bring(content: Any, size: int) -> None:
        if content[0] != tag:
            pass_on(content, size)
            return
        event = parse(ctypes.string_at(content, size)).audio_stream_event
        take = _takers.get(event.stream_handle)
        if take is None:
            pass_on(content, size)
            return
        if not event.HasField("frame_received"):
            return
        frame = event.frame_received.frame
        samples = frame.info.num_channels * frame.info.samples_per_channel
        try:
            pcm = (ctypes.c_int16 * samples).from_address(frame.info.data_ptr)
            take(np.frombuffer(memoryview(pcm), dtype=np.int16))
        except Exception:
            LOG.exception("a frame was lost")
        finally:
            drop(frame.handle.id)

    library.livekit_ffi_initialize(bring, True, b"python", __version__.encode())
    return bring


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
            self._track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=FRAME_MS
        )
        try:
            async for event in stream:
                self._take(np.frombuffer(event.frame.data, dtype=np.int16))
        finally:
            await stream.aclose()


NOT_AS_EXPECTED = (ImportError, AttributeError, KeyError, TypeError, ctypes.ArgumentError)


def read_frames(track: rtc.RemoteAudioTrack, take: TakeFrame) -> Frames:
    """Have `take` called with every frame of `track` from now on."""
    try:
        return DirectFrames(track, take)
    except NOT_AS_EXPECTED:
        LOG.warning("this version of the SDK is not known: playing will cost more")
        return SdkFrames(track, take)
