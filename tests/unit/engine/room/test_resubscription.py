"""engine/room/resubscription.py: tracks that come back, come back late, or never."""

from __future__ import annotations

import asyncio

from callplayer.engine.room.resubscription import Resubscription, ResubscriptionLimits


class Publication:
    """Is subscribed again at the `back_at`th asking (0: never)."""

    def __init__(self, sid: str, renewal: Resubscription, back_at: int = 1) -> None:
        self.sid = sid
        self.asked: list[bool] = []
        self._renewal = renewal
        self._back_at = back_at

    def set_subscribed(self, subscribed: bool) -> None:
        assert self._renewal.awaits(self.sid)
        self.asked.append(subscribed)
        if subscribed and self.asked.count(True) == self._back_at:
            asyncio.get_running_loop().call_soon(self._renewal.arrived, self.sid)


SOON = ResubscriptionLimits(0.01, 0.01, 0.01, back_s=0.05)


async def test_all_are_given_up_before_any_is_asked_for() -> None:
    renewal = Resubscription(SOON)
    tracks = [Publication(sid, renewal) for sid in "ab"]
    assert await renewal.run(tracks) == ()
    assert [track.asked for track in tracks] == [[False, True]] * 2
    assert not renewal.awaits("a")
    assert not renewal.arrived("a")


async def test_one_that_is_not_back_is_asked_for_once_more_alone() -> None:
    renewal = Resubscription(SOON)
    good, late = Publication("a", renewal), Publication("b", renewal, back_at=2)
    assert await renewal.run([good, late]) == ()
    assert good.asked == [False, True]
    assert late.asked == [False, True, False, True]


async def test_one_that_never_comes_back_is_reported() -> None:
    renewal = Resubscription(SOON)
    assert await renewal.run([Publication("a", renewal), Publication("b", renewal, 0)]) == ("b",)
    assert not renewal.awaits("b")


async def test_one_that_is_unpublished_meanwhile_is_not_waited_for() -> None:
    renewal = Resubscription(SOON)
    gone = Publication("a", renewal, back_at=0)
    running = asyncio.create_task(renewal.run([gone]))
    await asyncio.sleep(0)
    renewal.unpublished("a")
    assert await running == ("a",)
    assert gone.asked == [False, True]
