"""Where a listener's cursor is put back to when it is found to have gone, and for how long."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from callplayer.service.bots.presence import (
    UNNOTICED_S,
    ListenerPresence,
    PositionHistory,
    Sign,
)
from callplayer.service.http.operations import OPEN_STREAM
from callplayer.service.options import ServeOptions

RATE_HZ = 48_000


def heard_each_s(*, begun_s: float, until_s: float, answers: bool = False) -> PositionHistory:
    heard = PositionHistory()
    heard.begin(begun_s, RATE_HZ * int(begun_s))
    for now_s in range(int(begun_s) + 1, int(until_s) + 1):
        if answers:
            answer(heard, now_s - 0.5)
        heard.note(now_s, RATE_HZ * now_s)
    return heard


def answer(heard: PositionHistory, at_s: float) -> None:
    heard.sign(Sign(at_s, int(RATE_HZ * at_s), is_answer=True))
    heard.confirm(heard.take_signs())


def test_a_listener_that_leaves_goes_on_where_it_was_last_known_to_be():
    assert heard_each_s(begun_s=10, until_s=60).last_confirmed(lost=False) == 60 * RATE_HZ
    assert (
        heard_each_s(begun_s=10, until_s=60, answers=True).last_confirmed(lost=False)
        == 60 * RATE_HZ
    )


def test_a_lost_listener_goes_on_where_the_server_may_have_begun_to_be_wrong():
    assert (
        heard_each_s(begun_s=10, until_s=60).last_confirmed(lost=True)
        == (60 - UNNOTICED_S) * RATE_HZ
    )


def test_a_lost_listener_that_answers_goes_on_where_it_last_did():
    heard = heard_each_s(begun_s=10, until_s=60, answers=True)
    for now_s in range(61, 75):
        heard.note(now_s, RATE_HZ * now_s)
    assert heard.last_confirmed(lost=True) == 59.5 * RATE_HZ


def test_a_command_shows_that_its_sender_was_there():
    heard = heard_each_s(begun_s=10, until_s=60)
    heard.sign(Sign(60.5, 7))
    assert (
        heard.last_confirmed(lost=True) == (60 - UNNOTICED_S) * RATE_HZ
    )  # as long as the listener is not known
    heard.confirm(heard.take_signs())
    assert heard.last_confirmed(lost=True) == heard.last_confirmed(lost=False) == 7


def test_no_place_before_a_scrub_counts():
    heard = heard_each_s(begun_s=57, until_s=60, answers=True)
    heard.sign(Sign(60.1, 99, is_answer=True))
    before = heard.take_signs()
    heard.sign(Sign(60.2, 98))
    heard.begin(60.5, 7)
    heard.confirm(before)
    heard.confirm(heard.take_signs())
    assert heard.last_confirmed(lost=True) == heard.last_confirmed(lost=False) == 7


def test_a_sign_is_confirmed_once():
    heard = heard_each_s(begun_s=10, until_s=60)
    heard.sign(Sign(60.5, 7))
    assert len(heard.take_signs()) == 1
    assert heard.take_signs() == ()


def test_a_listener_that_never_came_has_heard_nothing():
    heard = PositionHistory()
    heard.sign(Sign(1.0, 7))
    assert heard.take_signs() == ()
    assert heard.last_confirmed(lost=True) is None


class Roster:
    """The participants as the room server lists them."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}

    async def sessions(self) -> dict[str, str]:
        return self.there

    async def announce(self) -> None:
        pass


async def test_a_listener_that_leaves_has_gone_though_the_server_lost_its_list():
    """A Redis that comes back empty knows neither bot nor listener of a room that goes on."""
    roster, went = Roster(), []
    room: Any = SimpleNamespace(local_participant=SimpleNamespace(identity="bot"))
    presence = ListenerPresence(
        room, roster, "desk", place=lambda: 7, came=lambda: None, went=went.append
    )

    def left(session: str) -> None:
        leaver: Any = SimpleNamespace(identity="desk", sid=session, disconnect_reason=0)
        presence.disconnected(leaver)

    roster.there = {"bot": "b", "desk": "second"}
    await presence.refresh()
    roster.there = {}
    left("first")
    await presence.refresh()
    assert presence.is_here
    left("second")
    await presence.refresh()
    assert not presence.is_here
    assert went == [7]


def test_a_service_waits_for_a_minute():
    assert ServeOptions((Path("call.wav"),)).idle_s == 60.0
    assert "60 s after the last listener" in OPEN_STREAM.description
