"""When a swollen jitter buffer is replaced, and what waits for that."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.engine.room.receive_stats import ReceivePath
from callplayer.engine.room.swelling import APART_S, SETTLES_S, SWOLLEN_MS, BufferReading
from callplayer.engine.session.renewal import SILENCE_S, STOOD_STILL_S, BufferRenewal
from callplayer.ipc import messages as m
from callplayer.vendor.commands import Command, Pause, Resume, Scrub
from callplayer.vendor.status import Status

REST_MS = 30.0
DELAYS = Delays(path_ms=80.0, turnover_ms=80.0)


class Rig:
    """A recorded call that plays at 20 s; its tracks are back once `renewed` is set."""

    def __init__(self, *, swollen: bool = True, **status: Any) -> None:
        self.now_s = time.monotonic()
        self.asked: list[m.Request] = []
        self.renewed = asyncio.Event()
        self.call = PlaybackState()
        self.call.opened = True
        self.report(20_000, **status)
        self.renewal = BufferRenewal(
            self.call,
            ReceivePath(),
            room=lambda: self,
            obey=self.asked.append,  # type: ignore[arg-type,return-value]
        )
        for ago_s, held_ms in ((1.0, REST_MS), (0.0, REST_MS + (SWOLLEN_MS + 1) * swollen)):
            at_s = self.now_s + SETTLES_S + APART_S - ago_s
            self.renewal.swelling.update(BufferReading(at_s, held_ms, 0.0, 0.0, 0), playing=True)

    async def renew_subscriptions(self) -> None:
        await self.renewed.wait()

    def report(self, position_ms: int, **status: Any) -> None:
        word = {"duration": 90_000, "paused": False, "at_end": False, "call_over": True} | status
        self.call.take_status(Status(position=position_ms, **word), self.now_s, DELAYS)

    def may_use_silence(self, lasted_s: float = 2 * SILENCE_S) -> bool:
        return self.renewal.may_use_silence(self.now_s, self.now_s - lasted_s)

    def ask(self, request: m.Request) -> list[Command]:
        """Return what the call would send for a request, but for what is held back."""
        commands = self.call.apply(request, self.now_s, DELAYS)
        self.renewal.begin_at(commands)
        return [command for command in commands if not self.renewal.holds(command)]

    async def come_back(self) -> None:
        self.renewed.set()
        while self.renewal.runs:
            await asyncio.sleep(0)


async def test_a_silence_of_a_recorded_call_may_be_used() -> None:
    assert Rig().may_use_silence()


async def test_a_gap_between_two_words_is_no_silence() -> None:
    assert not Rig().may_use_silence(lasted_s=SILENCE_S / 2)


async def test_a_buffer_at_rest_stays() -> None:
    assert not Rig(swollen=False).may_use_silence()


@pytest.mark.parametrize(
    "status",
    [{"call_over": False}, {"paused": True}, {"at_end": True}],
    ids=lambda each: str(*each),
)
async def test_a_call_that_is_live_or_rests_is_left_alone(status: dict[str, bool]) -> None:
    assert not Rig(**status).may_use_silence()


async def test_a_server_that_lands_elsewhere_is_left_alone() -> None:
    rig = Rig()
    rig.call.apply(Scrub(63_000), rig.now_s, DELAYS)
    rig.report(60_000)
    assert rig.call.head.open_seek is None
    assert not rig.may_use_silence()


async def test_what_would_play_unheard_waits_for_the_tracks() -> None:
    rig = Rig()
    assert rig.ask(Scrub(60_000)) == []
    assert rig.renewal.runs
    assert not rig.call.may_be_heard(rig.now_s)
    await rig.come_back()
    assert rig.asked == [Scrub(60_000)]


async def test_a_pause_goes_out_at_once_and_the_resume_after_it_waits() -> None:
    rig = Rig()
    place, pause = rig.ask(Pause())
    assert isinstance(place, Scrub)
    assert pause == Pause()
    assert not rig.renewal.holds(Pause())
    rig.call.apply(Resume(), rig.now_s, DELAYS)
    assert rig.renewal.holds(Resume())
    await rig.come_back()
    assert rig.asked[-1] == Resume()


async def test_a_call_that_has_been_paused_since_stays_so() -> None:
    rig = Rig()
    rig.ask(Scrub(60_000))
    rig.ask(Pause())
    await rig.come_back()
    assert Resume() not in rig.asked


async def test_no_other_renewal_follows_at_once() -> None:
    rig = Rig()
    rig.ask(Scrub(60_000))
    await rig.come_back()
    rig.ask(Scrub(70_000))
    assert not rig.renewal.runs


async def test_a_process_that_stood_still_has_new_buffers_at_its_next_pause() -> None:
    rig = Rig(swollen=False)
    now_s = time.monotonic()
    rig.renewal.tick(now_s + STOOD_STILL_S * 0.9)
    assert not rig.renewal.swelling.wants_renewal(now_s + STOOD_STILL_S)
    rig.renewal.tick(now_s + 3.4)
    rig.ask(Pause())
    assert rig.renewal.runs
    await rig.come_back()
    assert not rig.renewal.swelling.wants_renewal(time.monotonic())
