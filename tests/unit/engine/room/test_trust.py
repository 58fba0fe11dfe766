"""engine/room/trust.py: whose data messages are read."""

from __future__ import annotations

from callplayer.engine.room.received_data import ReceivedData
from callplayer.engine.room.trust import SenderTrust, Standing
from callplayer.vendor.status import MAX_STATUS_BYTES, Status, encode_status

STATUS = ReceivedData("", encode_status(Status(0, 1000, paused=True, at_end=False, call_over=True)))
LISTENER, UNNAMED, SENDS_SOUND = Standing


def test_once_the_sender_of_the_sound_has_sent_a_status_no_other_is_read() -> None:
    trust = SenderTrust()
    assert trust.admits(STATUS, SENDS_SOUND)
    assert not trust.admits(STATUS, LISTENER)
    assert not trust.admits(STATUS, UNNAMED), "a participant that has just come, unannounced"
    assert trust.admits(STATUS, SENDS_SOUND)


def test_a_server_that_sends_for_itself_goes_before_a_listener() -> None:
    trust = SenderTrust()
    assert trust.admits(STATUS, LISTENER)
    assert trust.admits(STATUS, UNNAMED)
    assert not trust.admits(STATUS, LISTENER)
    assert trust.admits(STATUS, UNNAMED)


def test_what_is_no_status_raises_no_standing() -> None:
    trust = SenderTrust()
    assert trust.admits(STATUS, LISTENER)
    assert not trust.admits(ReceivedData("", b"{}"), SENDS_SOUND)
    assert trust.admits(STATUS, LISTENER)
    assert trust.admits(STATUS, SENDS_SOUND)
    assert not trust.admits(STATUS, LISTENER)


def test_what_is_too_long_is_not_read() -> None:
    long = ReceivedData("", STATUS.payload.ljust(MAX_STATUS_BYTES + 1))
    assert not SenderTrust().admits(long, SENDS_SOUND)
