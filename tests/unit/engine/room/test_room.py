"""engine/room/room.py: whose data goes on to the listener."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

from livekit import rtc

from callplayer.engine.room.room import Room, RoomListener
from callplayer.vendor.status import Status, StatusUpdate, encode_status

STATUS = encode_status(Status(0, 1000, paused=True, at_end=False, call_over=True))
UPDATES = (StatusUpdate(0, 1000, True, False, True),)
EARLIER = (StatusUpdate(position=1),)


class SdkRoom(rtc.Room):
    """The SDK's room with participants and data that the test brings."""

    def __init__(self, **participants: tuple[int, ...]) -> None:
        super().__init__()
        self._remote_participants = {
            identity: SimpleNamespace(
                identity=identity,
                track_publications={
                    str(n): SimpleNamespace(kind=kind) for n, kind in enumerate(kinds)
                },
            )
            for identity, kinds in participants.items()
        }  # type: ignore[assignment]

    def bring(self, sender: str, payload: bytes = STATUS) -> None:
        participant = self.remote_participants.get(sender)
        packet = rtc.DataPacket(payload, rtc.DataPacketKind.KIND_RELIABLE, participant)
        self.emit("data_received", packet)


async def test_a_participant_with_an_audio_track_goes_before_all_others() -> None:
    sdk = SdkRoom(bot=(rtc.TrackKind.KIND_AUDIO,), listener=(), watcher=(rtc.TrackKind.KIND_VIDEO,))
    listener = create_autospec(RoomListener)
    Room(listener, sdk)
    sdk.bring("listener", b'{"kind":"status","position":1}')
    sdk.bring("listener", b"1")
    sdk.bring("bot")
    for other in ("listener", "watcher", ""):
        sdk.bring(other)
    assert [updates for (updates,), _ in listener.on_statuses.call_args_list] == [EARLIER, UPDATES]


async def test_a_room_that_was_left_brings_nothing_any_more() -> None:
    sdk, listener = SdkRoom(), create_autospec(RoomListener)
    room = Room(listener, sdk)
    sdk.bring("")
    listener.on_statuses.assert_called_once_with(UPDATES)
    await room.close()
    sdk.bring("")
    listener.on_statuses.assert_called_once()
