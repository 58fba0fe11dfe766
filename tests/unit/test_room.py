"""Whose data messages are believed."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

from livekit import rtc

from callplayer.engine.room import Room, RoomListener

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO


def _room(**participants: tuple[int, ...]) -> Room:
    room = Room(create_autospec(RoomListener))
    for identity, kinds in participants.items():
        tracks = {str(n): SimpleNamespace(kind=kind) for n, kind in enumerate(kinds)}
        room._room._remote_participants[identity] = SimpleNamespace(track_publications=tracks)  # type: ignore[assignment]
    return room


async def test_once_who_sends_the_sound_has_spoken_nobody_else_is_believed() -> None:
    room = _room(bot=(AUDIO,), listener=(), watcher=(VIDEO,))
    assert room._is_server_side("bot")
    assert not room._is_server_side("listener")
    assert not room._is_server_side("watcher")
    assert not room._is_server_side("of whom nothing is known")
    assert not room._is_server_side(""), "somebody who has just come, and is not announced yet"
    assert room._is_server_side("bot")


async def test_a_server_that_speaks_for_itself_is_believed_before_a_listener() -> None:
    room = _room(listener=())
    assert room._is_server_side("")
    assert not room._is_server_side("listener")
    assert room._is_server_side("")


async def test_a_server_that_only_tells_is_believed_until_one_that_plays_speaks() -> None:
    room = _room(teller=(), bot=(AUDIO,))
    assert room._is_server_side("teller")
    assert room._is_server_side("teller")
    assert room._is_server_side("bot")
    assert not room._is_server_side("teller")
