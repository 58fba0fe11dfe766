"""Whose data messages are believed."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

from livekit import rtc

from callplayer.engine.room.room import Room, RoomListener
from callplayer.vendor.status import MAX_STATUS_BYTES, Status, encode_status

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO
STATUS = encode_status(Status(0, 1000, paused=True, at_end=False, call_over=True))


def _room(**participants: tuple[int, ...]) -> Room:
    room = Room(create_autospec(RoomListener))
    for identity, kinds in participants.items():
        tracks = {str(n): SimpleNamespace(kind=kind) for n, kind in enumerate(kinds)}
        room._room._remote_participants[identity] = SimpleNamespace(track_publications=tracks)  # type: ignore[assignment]
    return room


async def test_once_who_sends_the_sound_has_told_a_status_nobody_else_is_believed() -> None:
    room = _room(bot=(AUDIO,), listener=(), watcher=(VIDEO,))
    assert room._is_believed("bot", STATUS)
    assert not room._is_believed("listener", STATUS)
    assert not room._is_believed("watcher", STATUS)
    assert not room._is_believed("of whom nothing is known", STATUS)
    assert not room._is_believed("", STATUS), "somebody who has just come, not announced yet"
    assert room._is_believed("bot", STATUS)


async def test_a_server_that_speaks_for_itself_is_believed_before_a_listener() -> None:
    room = _room(listener=())
    assert room._is_believed("listener", STATUS)
    assert room._is_believed("", STATUS)
    assert not room._is_believed("listener", STATUS)
    assert room._is_believed("", STATUS)


async def test_what_is_no_status_makes_nobody_the_best() -> None:
    room = _room(teller=(), bot=(AUDIO,))
    assert room._is_believed("teller", STATUS)
    assert room._is_believed("bot", b"{}")
    assert room._is_believed("teller", STATUS)
    assert room._is_believed("bot", STATUS)
    assert not room._is_believed("teller", STATUS)


async def test_what_is_too_long_is_not_read() -> None:
    assert not _room(bot=(AUDIO,))._is_believed("bot", b"x" * (MAX_STATUS_BYTES + 1))


async def test_who_has_left_a_room_hears_no_more_of_it() -> None:
    room = _room(bot=(AUDIO,))
    room._take("bot", STATUS)
    room._listener.on_payload.assert_called_once_with(STATUS)  # type: ignore[attr-defined]
    await room.close()
    room._take("bot", STATUS)
    room._listener.on_payload.assert_called_once()  # type: ignore[attr-defined]
