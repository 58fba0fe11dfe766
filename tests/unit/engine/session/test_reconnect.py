"""engine/session/reconnect.py: when sound counts as lost or back, and what is asked for then."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from callplayer.engine.cursor.call_state import LOOKS_FOR_S, OBEYS_S, Delays, ResumePoint
from callplayer.engine.room.liveness import BEGINS_S, SILENT_S
from callplayer.engine.room.receive_stats import Counters
from callplayer.engine.session.connection import RoomLimits
from callplayer.engine.session.reconnect import (
    BROKE,
    GONE,
    LEFT,
    LOOKS,
    NEWS_WAIT_S,
    SILENT,
    STATUS_STOPPED,
)
from callplayer.vendor.commands import Resume
from callplayer.vendor.parties import TrackNames
from tests.unit.engine.session.room_rig import LIMITS, RoomRig

DELAYS = Delays(path_ms=100.0)
PLAYED_S = 10.0
LATE_JITTER_S = 0.2
"""What packets that were held up for a second or two leave in the jitter."""
GIVES_UP_SOON = RoomLimits(first_status_s=0.01, give_up_s=0.05)


class Rig(RoomRig):
    """An open call of two parties that has played for PLAYED_S; `now_s` is the rig's clock.

    That clock begins at the real one: when something is lost is read from there.
    """

    def __init__(self, limits: RoomLimits = LIMITS, *, opened: bool = True) -> None:
        super().__init__(limits)
        self.now_s = time.monotonic() - PLAYED_S
        self.delays = DELAYS
        self.call.opened = opened
        self.link.room, self.link.up = self, True
        self._packets: dict[str, int] = {}
        self.jitter_s = 0.0
        self.add_both()
        self.recovery.joined()
        self.report(20_000)
        self.play(PLAYED_S)

    def add(self, track_id: str, party: Any) -> None:
        self.channels.add(track_id, TrackNames(party))
        self.link.flow.add(track_id, self.now_s)
        self.link.sounded = True
        self._packets[track_id] = 0

    def remove(self, track_id: str) -> None:
        """As the engine does."""
        self.channels.remove(track_id)
        if not self.channels.track_ids:
            self.recovery.tracks_gone()
        self.link.remove_track(track_id)

    def play(self, seconds: float, *, sends: str = "ab", step_s: float = 0.25) -> None:
        """Let time pass with looks in it; the tracks of `sends` send."""
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.look(sends)

    def look(self, sends: str = "") -> None:
        for track_id in self.channels.track_ids:
            self._packets[track_id] += 12 if track_id in sends else 0
            counters = Counters(
                packets=self._packets[track_id], last_packet_s=self.now_s, jitter_s=self.jitter_s
            )
            self.link.flow.take(track_id, counters, self.now_s)
        self.recovery.look(self.now_s)

    def report(self, position_ms: int, *, paused: bool = False) -> None:
        """The server sends a status."""
        self.link.flow.take_status(self.now_s)
        self.take_status(position_ms, self.now_s, paused=paused)

    def lose(self) -> None:
        """Nothing comes for as long as it takes to notice."""
        self.play(SILENT_S + 0.25, sends="")
        assert self.call.away

    # --- the room's side --------------------------------------------------------------------------

    async def send(self, payload: bytes) -> None: ...

    def audio_tracks_announced(self) -> int:
        return len(self.channels.track_ids)


async def test_while_all_goes_well_nothing_is_said() -> None:
    rig = Rig()
    assert not rig.said
    assert not rig.call.away
    assert not rig.recovery.watchful
    assert rig.queue.open


async def test_a_server_that_falls_silent_is_left_alone_at_what_was_heard_last() -> None:
    rig = Rig()
    heard_ms = rig.call.shown_ms(rig.now_s, DELAYS)
    rig.play(SILENT_S / 2 + 0.25, sends="")
    assert rig.recovery.watchful
    assert not rig.call.away
    rig.play(SILENT_S / 2, sends="")
    assert rig.said == [SILENT]
    assert rig.call.away
    assert not rig.queue.open
    # What had come was still heard: up to where the server was when the last packet came.
    assert 0 <= rig.call.shown_ms(rig.now_s + 60.0, DELAYS) - heard_ms <= DELAYS.path_ms
    rig.recovery.stop()


async def test_what_was_lost_is_asked_for_again_at_once() -> None:
    rig = Rig()
    rig.lose()
    stood_ms = rig.call.shown_ms(rig.now_s, DELAYS)
    rig.play(0.25)
    assert rig.restored == [ResumePoint(stood_ms, paused=False)]
    assert not rig.call.away
    assert rig.queue.open
    assert rig.recovery.give_up_timer is None


async def test_what_only_came_late_goes_on_where_it_is_once_the_server_says_so() -> None:
    rig = Rig()
    rig.lose()
    stood_ms = rig.call.shown_ms(rig.now_s, DELAYS)
    rig.jitter_s = LATE_JITTER_S
    rig.play(0.25)
    assert not rig.restored  # it may be where we are: a status will show it
    rig.now_s += 0.1
    rig.report(stood_ms + 100)
    rig.look("ab")
    assert rig.restored == [ResumePoint(stood_ms, paused=False, stays=True)]


@pytest.mark.parametrize("reports", [True, False])
async def test_what_came_late_while_the_server_went_on_is_asked_for_again(reports: bool) -> None:
    rig = Rig()
    rig.lose()
    stood_ms = rig.call.shown_ms(rig.now_s, DELAYS)
    rig.jitter_s = LATE_JITTER_S
    rig.play(0.25)
    if reports:
        rig.now_s += 0.1
        rig.report(stood_ms + 5_000)
        rig.look("ab")
    else:
        rig.play(NEWS_WAIT_S - 0.25)
        assert not rig.restored
        rig.play(0.5)
    assert rig.restored == [ResumePoint(stood_ms, paused=False)]


async def test_one_party_that_is_not_back_is_waited_for() -> None:
    rig = Rig()
    rig.lose()
    rig.play(1.0, sends="a")
    assert not rig.restored
    rig.play(0.25)
    assert len(rig.restored) == 1


async def test_one_party_that_falls_silent_is_reported_and_the_other_plays_on() -> None:
    rig = Rig()
    rig.play(SILENT_S + 0.25, sends="b")
    assert rig.call.flow_detail == "No sound comes from the caller."
    rig.play(0.25)
    assert rig.call.flow_detail == ""
    rig.remove("b")
    rig.play(0.25, sends="a")
    assert rig.call.flow_detail == "No sound comes from the call taker."
    assert not rig.call.away
    assert not rig.said


async def test_a_server_that_stops_reporting_its_place_is_reported() -> None:
    rig = Rig()
    for _ in range(5):
        rig.play(0.25)
        rig.report(rig.call.head.confirmed_ms(rig.now_s))
    assert rig.call.flow_detail == ""
    rig.play(4.0)
    assert rig.call.flow_detail == STATUS_STOPPED
    rig.report(rig.call.head.confirmed_ms(rig.now_s))
    rig.play(0.25)
    assert rig.call.flow_detail == ""


async def test_a_paused_server_may_be_silent() -> None:
    rig = Rig()
    rig.report(30_000, paused=True)
    rig.play(2 * BEGINS_S, sends="")
    assert not rig.call.away


async def test_the_sender_of_the_sound_has_left_and_comes_back() -> None:
    rig = Rig()
    rig.remove("a")
    assert not rig.said
    rig.remove("b")
    assert rig.said == [LEFT]
    assert rig.call.away
    rig.play(0.5)
    assert not rig.restored
    for track_id, party in (("c", "caller"), ("d", "callTaker")):
        rig.add(track_id, party)
    rig.play(0.25, sends="cd")
    assert [back.stays for back in rig.restored] == [False]
    assert not rig.link.closed.is_set()


async def test_what_is_not_back_in_time_is_given_up() -> None:
    rig = Rig(replace(LIMITS, give_up_s=0.05))
    rig.lose()
    async with asyncio.timeout(5.0):
        await rig.link.closed.wait()
    assert rig.said == [SILENT, GONE]
    assert not rig.link.up
    rig.play(1.0)
    assert not rig.restored  # a room that was given up is not looked at


async def test_what_is_back_in_time_is_not_given_up() -> None:
    rig = Rig(replace(LIMITS, give_up_s=0.05))
    rig.lose()
    rig.play(0.25)
    await asyncio.sleep(0.1)
    assert not rig.link.closed.is_set()


async def test_the_sdk_loses_its_connection_and_has_it_back() -> None:
    rig = Rig()
    rig.recovery.link_lost()
    assert rig.said == [BROKE]
    assert not rig.queue.open
    rig.play(0.5)  # what still comes in is heard
    assert not rig.call.away
    rig.call.seek(50_000, rig.now_s)
    rig.recovery.link_back()
    assert rig.restored == [ResumePoint(50_000, paused=False)]
    assert rig.queue.open
    assert rig.recovery.give_up_timer is None


async def test_with_its_connection_back_the_sdk_may_still_bring_no_sound() -> None:
    rig = Rig()
    rig.recovery.link_lost()
    rig.lose()
    assert rig.said == [BROKE, BROKE]
    rig.play(0.25)
    assert not rig.restored  # packets of before, perhaps: the connection is not there
    rig.recovery.link_back()
    assert not rig.restored
    assert rig.recovery.give_up_timer is not None
    rig.play(0.25)
    assert len(rig.restored) == 1


@pytest.mark.parametrize("what", ["silence", "the room", "the tracks"])
async def test_before_a_call_is_open_nothing_of_it_is_lost(what: str) -> None:
    rig = Rig(opened=False)
    if what == "silence":
        rig.play(2 * BEGINS_S, sends="")
    elif what == "the room":
        rig.recovery.closed("test")
        assert rig.link.closed.is_set()  # who waits for its sound must know
    else:
        rig.remove("a")
        rig.remove("b")
    assert not rig.call.away
    assert SILENT not in rig.said
    assert LEFT not in rig.said


async def test_a_room_that_is_gone_is_reported_once() -> None:
    rig = Rig()
    rig.recovery.closed("test")
    assert rig.call.away
    assert rig.said[-1] == GONE
    reported = len(rig.said)
    rig.recovery.link_lost()
    rig.recovery.link_back()
    assert len(rig.said) == reported
    assert not rig.restored


# --- absence is judged by what was asked ----------------------------------------------------------


async def test_tracks_that_go_while_the_call_is_paused_are_no_loss() -> None:
    rig = Rig()
    rig.report(30_000, paused=True)
    rig.remove("a")
    rig.remove("b")
    rig.play(20.0)
    assert not rig.call.away
    assert not rig.said
    assert rig.call.flow_detail == ""


async def test_tracks_that_go_for_a_moment_at_a_scrub_are_no_loss() -> None:
    rig = Rig()
    now_s = time.monotonic()  # a loss is dated there
    rig.call.seek(50_000, now_s)
    rig.remove("a")
    rig.remove("b")
    assert not rig.call.away
    rig.add("c", "caller")
    rig.add("d", "callTaker")
    rig.report(50_000)
    rig.play(1.0, sends="cd")
    assert not rig.call.away
    assert not rig.restored  # one scrub stays one scrub


async def test_tracks_that_go_while_what_a_resume_brought_sounds_are_a_loss_at_once() -> None:
    rig = Rig()
    rig.call.apply(Resume(), rig.now_s - OBEYS_S - 0.3, DELAYS)
    rig.remove("a")
    rig.remove("b")
    assert rig.call.away
    assert rig.said == [LEFT]
    rig.recovery.stop()


async def test_senders_that_leave_right_after_a_scrub_are_a_loss_at_once() -> None:
    rig = Rig()
    rig.call.seek(50_000, time.monotonic())
    rig.remove("a")
    rig.remove("b")
    rig.recovery.senders_left()
    assert rig.call.away
    assert rig.said[-1] == LEFT


async def test_senders_that_leave_a_paused_call_are_no_loss_yet() -> None:
    rig = Rig()
    rig.report(30_000, paused=True)
    rig.recovery.senders_left()
    assert not rig.call.away


async def test_tracks_that_stay_away_after_a_scrub_are_lost_in_the_end() -> None:
    rig = Rig()
    rig.call.seek(50_000, rig.now_s)
    rig.remove("a")
    rig.remove("b")
    rig.play(4.0)
    assert not rig.call.away
    rig.play(7.0)
    assert rig.call.away
    assert rig.said == [LEFT]
    rig.recovery.stop()


async def test_a_scrub_that_brings_no_packet_for_5_s_is_looked_for() -> None:
    rig = Rig()
    rig.call.seek(50_000, rig.now_s)
    rig.play(0.75, sends="")
    assert rig.call.flow_detail == ""
    rig.play(4.25, sends="")
    assert rig.call.flow_detail == LOOKS
    assert not rig.call.away
    rig.report(50_000)
    rig.play(0.5)
    assert rig.call.flow_detail == ""
    assert not rig.restored


async def test_what_still_comes_of_the_old_place_does_not_make_a_seek_a_loss() -> None:
    rig = Rig()
    rig.call.seek(50_000, rig.now_s)
    rig.play(0.5)
    rig.report(50_000)
    rig.play(BEGINS_S, sends="")
    assert not rig.call.away
    assert rig.call.flow_detail == LOOKS
    rig.play(0.5)
    assert rig.call.flow_detail == ""
    rig.play(SILENT_S + 0.5, sends="")
    assert rig.said == [SILENT], "later than that it is one"
    rig.recovery.stop()


async def test_a_scrub_that_brings_nothing_at_all_is_a_loss_in_the_end() -> None:
    rig = Rig()
    rig.call.seek(50_000, rig.now_s)
    rig.play(LOOKS_FOR_S + SILENT_S + BEGINS_S, sends="")
    assert rig.call.away
    rig.recovery.stop()


async def test_a_resume_without_a_track_goes_back_to_its_place_once_sound_flows() -> None:
    rig = Rig()
    rig.report(30_000, paused=True)
    rig.remove("a")
    rig.remove("b")
    rig.call.trackless = True
    # This server has confirmed nothing so far: what it plays before it counts as back is not heard.
    place_ms = 30_000 - rig.call.head.habits.unheard_ms
    rig.call.apply(Resume(), rig.now_s, DELAYS)
    assert not rig.call.may_be_heard(rig.now_s)
    rig.call.trackless = False
    rig.report(30_000)
    rig.add("c", "caller")
    rig.add("d", "callTaker")
    rig.play(0.5, sends="cd")
    assert not rig.restored  # packets are played out only a little later
    for track_id in "cd":
        rig.path.take(track_id, Counters(packets=40, emitted=48_000))
    rig.play(0.25, sends="cd")
    assert rig.restored == [ResumePoint(place_ms, paused=False, moved=True)]
    assert 28_500 <= place_ms < 30_000
    rig.play(1.0, sends="cd")
    assert len(rig.restored) == 1


# --- tries that are asked for ------------------------------------------------------------------


async def test_a_try_that_is_asked_for_waits_for_nothing_that_may_come_back_by_itself() -> None:
    rig = RoomRig(GIVES_UP_SOON, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.retry_now()
    assert not rig.link.closed.is_set(), "nothing is lost"
    rig.recovery.link_lost()
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()
    assert BROKE in rig.said
    assert rig.said[-1] == GONE


async def test_nor_does_it_wait_for_the_sender_of_the_sound() -> None:
    rig = RoomRig(GIVES_UP_SOON, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.tracks_gone()
    assert rig.call.away
    rig.recovery.retry_now()
    assert rig.link.closed.is_set()


async def test_what_was_waited_for_before_a_new_room_was_joined_does_not_cost_that_room() -> None:
    """The SDK lost the connection to the new room and had it back, before its sound was there."""
    rig = RoomRig(GIVES_UP_SOON, chance=0.0)
    rig.make_ready()
    await rig.join()
    rig.recovery.closed("test")
    rig.call.join_anew()
    await rig.link.join(rig)
    rig.recovery.link_lost()
    rig.recovery.link_back()
    rig.recovery.joined()
    rig.call.resume_from(time.monotonic(), Delays(), stays=False)
    await asyncio.sleep(4 * GIVES_UP_SOON.give_up_s)
    assert not rig.link.closed.is_set()
