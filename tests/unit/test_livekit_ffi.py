"""What is needed of the SDK and not public; and what is done where it is not there."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import rtc

from callplayer import livekit_ffi
from callplayer.engine.room import audio_frames, data_throttle


def test_the_first_byte_gives_the_kind_of_an_event() -> None:
    from livekit.rtc._proto.ffi_pb2 import FfiEvent

    event = FfiEvent()
    event.audio_stream_event.stream_handle = 7
    event.audio_stream_event.eos.SetInParent()
    assert event.SerializeToString()[0] == livekit_ffi.event_tag("audio_stream_event")


@pytest.mark.parametrize("name", ["panic", "no_such_event"])
def test_a_kind_that_no_one_byte_gives_is_not_as_expected(name: str) -> None:
    with pytest.raises(KeyError):
        livekit_ffi.event_tag(name)


def test_the_native_librarys_calls_are_there() -> None:
    library = livekit_ffi.pydll()
    assert library.livekit_ffi_request.restype is ctypes.c_uint64
    assert not library.livekit_ffi_drop_handle(0)


async def test_a_room_whose_queue_is_not_found_is_left_to_the_sdk(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert not data_throttle.throttle_data(rtc.Room(), lambda _, __: None)
    assert "not held back" in caplog.text


class _SdkFrames:
    def __init__(self, track: Any, take: Any) -> None:
        self.track = track


@pytest.mark.parametrize("lacks", ["a tag of one byte", "the request", "an answer"])
async def test_where_frames_cannot_be_had_directly_they_come_the_sdks_way(
    lacks: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from livekit.rtc._ffi_client import FfiClient

    def fails(*_: Any) -> Any:
        raise AssertionError if lacks == "an answer" else KeyError(lacks)

    def starts() -> None:
        if lacks == "a tag of one byte":
            livekit_ffi.event_tag("panic")

    monkeypatch.setattr(audio_frames, "_take_events_once", starts)
    monkeypatch.setattr(audio_frames, "SdkFrames", _SdkFrames)
    monkeypatch.setattr(FfiClient, "request", fails)
    track: Any = type("Track", (), {"_ffi_handle": type("Handle", (), {"handle": 7})})
    with caplog.at_level(logging.WARNING):
        read = audio_frames.read_frames(track, lambda _: None)
    assert isinstance(read, _SdkFrames)
    assert "will cost more" in caplog.text
    assert not audio_frames.takers
    await asyncio.sleep(0)


class SlowRoom:
    """A room that is joined when `there` is set."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.was_cancelled = self.was_left = False

    async def connect(self, *_: object) -> None:
        try:
            await self.there.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    async def disconnect(self) -> None:
        self.was_left = True


async def test_a_connect_that_is_not_waited_for_is_not_cancelled_and_its_room_is_left() -> None:
    room: Any = SlowRoom()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await livekit_ffi.join_room(room, "ws://x", "token", rtc.RoomOptions())
    await asyncio.sleep(0)
    assert livekit_ffi.left_behind
    assert not room.was_left
    room.there.set()
    while livekit_ffi.left_behind:
        await asyncio.sleep(0)
    assert (room.was_cancelled, room.was_left) == (False, True)


async def test_a_room_hears_its_own_events_and_no_answers() -> None:
    from livekit.rtc._ffi_client import FfiClient
    from livekit.rtc._proto.ffi_pb2 import FfiEvent

    line = FfiClient.instance.queue
    queue = line.subscribe(asyncio.get_running_loop(), lambda _: True)
    room: Any = SimpleNamespace(_ffi_queue=queue, _ffi_handle=SimpleNamespace(handle=7))
    try:
        livekit_ffi.keep_others_out(room)
        events = [FfiEvent() for _ in range(5)]
        for event, handle in zip(events, (7, 8), strict=False):
            event.room_event.room_handle = handle
        events[2].publish_data.async_id = 1
        events[3].perform_rpc.async_id = 2
        events[4].publish_track.async_id = 3
        for event in events:
            line.put(event)
        await asyncio.sleep(0)
        assert [queue.get_nowait() for _ in range(queue.qsize())] == [events[0], events[4]]
    finally:
        line.unsubscribe(queue)


async def test_a_native_thread_keeps_its_python_state_from_one_event_to_the_next() -> None:
    """What is kept by thread would be gone otherwise, and making it costs more than a frame."""
    mine = threading.local()
    counted = [0]
    tag = livekit_ffi.event_tag("capture_audio_frame")

    def takes(content: Any, _size: int) -> bool:
        if content[0] == tag:
            mine.events = getattr(mine, "events", 0) + 1
            counted[0] = max(counted[0], mine.events)
        return False

    livekit_ffi.take_events(takes, logs=True)
    source = rtc.AudioSource(48_000, 1, queue_size_ms=0)
    async with asyncio.timeout(5):
        for _ in range(10):
            await source.capture_frame(rtc.AudioFrame.create(48_000, 1, 480))
    await source.aclose()
    assert counted[0] >= 5
