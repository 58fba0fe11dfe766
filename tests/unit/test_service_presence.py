"""Where a listener's cursor is put back to when it is found to have gone."""

from __future__ import annotations

from callplayer.service.presence import UNNOTICED_S, Heard


def heard_each_s(*, begun_s: float, until_s: float) -> Heard:
    heard = Heard()
    heard.begin(begun_s, 48_000 * int(begun_s))
    for now_s in range(int(begun_s) + 1, int(until_s) + 1):
        heard.note(now_s, 48_000 * now_s)
    return heard


def test_who_leaves_goes_on_where_it_was_last_known_to_be():
    assert heard_each_s(begun_s=10, until_s=60).until(lost=False) == 60 * 48_000


def test_who_is_lost_goes_on_where_the_server_may_have_begun_to_be_wrong():
    assert heard_each_s(begun_s=10, until_s=60).until(lost=True) == (60 - UNNOTICED_S) * 48_000


def test_a_command_was_sent_by_somebody_who_was_there():
    assert heard_each_s(begun_s=57, until_s=60).until(lost=True) == 57 * 48_000
    heard = heard_each_s(begun_s=10, until_s=60)
    heard.begin(60.5, 7)
    assert heard.until(lost=True) == 7


def test_who_never_came_has_heard_nothing():
    assert Heard().until(lost=True) is None
