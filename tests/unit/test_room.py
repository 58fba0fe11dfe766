"""Whose data messages are believed."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

from livekit import rtc

from callplayer.engine.room import Room, RoomListener

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO


def _participant(*kinds: int) -> SimpleNamespace:
    tracks = {str(n): SimpleNamespace(kind=kind) for n, kind in enumerate(kinds)}
    return SimpleNamespace(track_publications=tracks)


async def test_who_sends_the_sound_is_believed_and_another_listener_is_not() -> None:
    room = Room(create_autospec(RoomListener))
    assert room._is_server_side(_participant(AUDIO))
    assert not room._is_server_side(_participant())
    assert not room._is_server_side(_participant(VIDEO))
    assert room._is_server_side(None)


async def test_a_server_that_only_tells_is_believed_until_one_that_plays_speaks() -> None:
    room = Room(create_autospec(RoomListener))
    assert room._is_server_side(_participant())
    assert room._is_server_side(_participant())
    assert room._is_server_side(None)
    assert not room._is_server_side(_participant())
