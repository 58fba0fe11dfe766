"""Whose data messages are believed."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

from livekit import rtc

from callplayer.engine.room import Room, RoomListener
from callplayer.wire import MAX_STATUS_BYTES, Status, encode_status

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO
STATUS = encode_status(Status(0, 1000, paused=True, at_end=False, call_over=True))


def _participant(*kinds: int) -> SimpleNamespace:
    tracks = {str(n): SimpleNamespace(kind=kind) for n, kind in enumerate(kinds)}
    return SimpleNamespace(track_publications=tracks)


async def test_who_sends_the_sound_is_believed_and_another_listener_is_not() -> None:
    room = Room(create_autospec(RoomListener))
    assert room._is_believed(STATUS, _participant(AUDIO))
    assert not room._is_believed(STATUS, _participant())
    assert not room._is_believed(STATUS, _participant(VIDEO))
    assert not room._is_believed(STATUS, None)  # it may be a listener that has just come
    assert room._is_believed(STATUS, _participant(VIDEO, AUDIO))


async def test_anybody_is_believed_until_somebody_better_tells_a_status() -> None:
    room = Room(create_autospec(RoomListener))
    assert room._is_believed(STATUS, _participant())
    assert room._is_believed(STATUS, None)
    assert not room._is_believed(STATUS, _participant())
    assert room._is_believed(b"{}", _participant(AUDIO))  # who sends sound tells something else
    assert room._is_believed(STATUS, None)
    assert room._is_believed(STATUS, _participant(AUDIO))
    assert not room._is_believed(STATUS, None)


async def test_what_is_too_long_is_not_read() -> None:
    room = Room(create_autospec(RoomListener))
    assert not room._is_believed(b"x" * (MAX_STATUS_BYTES + 1), _participant(AUDIO))
