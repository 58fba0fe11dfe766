"""Lanes of sound, by what the tracks carry."""

from __future__ import annotations

from callplayer.engine.audio.track_layout import TrackLayout, left, right
from callplayer.ipc.messages import LaneState
from callplayer.vendor.parties import BOTH, CALL_TAKER, CALLER, NEITHER, TrackNames

CALLER_LANE = LaneState(lane="caller", carries=("caller",))
TAKER_LANE = LaneState(lane="callTaker", carries=("callTaker",))
MIXED = LaneState(lane="call", carries=("caller", "callTaker"))


def layout_of(*names: str) -> TrackLayout:
    layout = TrackLayout()
    for name in names:
        layout.add(name, TrackNames(name))
    return layout


def test_two_parties_are_two_lanes_in_the_order_of_their_volumes() -> None:
    assert layout_of("callTaker", "caller").lanes == (CALLER_LANE, TAKER_LANE)
    conference = layout_of("callTaker", "caller-1", "caller-2").lanes
    assert conference == (LaneState(lane="caller", carries=("caller",), tracks=2), TAKER_LANE)


def test_a_mix_is_one_lane_two_unnamed_tracks_are_two() -> None:
    assert layout_of("x").lanes == (MIXED,)
    assert layout_of("x", "y").lanes == (MIXED, LaneState(lane="call-2", carries=MIXED.carries))


def test_a_mix_and_a_third_party_stand_after_the_parties() -> None:
    layout = layout_of("interpreter", "mixed", "caller", "callTaker")
    assert layout.left_out == {"mixed"}
    assert [each.lane for each in layout.lanes] == ["caller", "callTaker", "other"]
    layout.keep("mixed")
    assert layout.left_out == frozenset()
    lanes = layout.lanes
    assert [each.lane for each in lanes] == ["caller", "callTaker", "other", "call"]
    assert lanes[2].carries == ()


def test_a_party_that_comes_late_takes_its_lane_from_the_mix() -> None:
    layout = layout_of("caller")
    assert layout.lanes == (MIXED,)
    assert layout.seen == NEITHER
    layout.add("callTaker", TrackNames("callTaker"))
    assert layout.lanes == (CALLER_LANE, TAKER_LANE)
    assert layout.seen == BOTH


def test_a_party_whose_track_is_gone_keeps_its_lane_until_another_room() -> None:
    layout = layout_of("caller", "callTaker")
    layout.remove("callTaker")
    assert layout.carries == {"caller": CALLER}
    assert layout.lanes == (
        CALLER_LANE,
        LaneState(lane="callTaker", carries=("callTaker",), tracks=0),
    )
    layout.forget()
    assert layout.lanes == (MIXED,)


def test_the_channels_of_a_stereo_track_are_caller_and_call_taker() -> None:
    layout = layout_of("x")
    assert layout.may_split("x")
    layout.split("x")
    assert layout.carries == {left("x"): CALLER, right("x"): CALL_TAKER}
    assert layout.lanes == (CALLER_LANE, TAKER_LANE)
    layout.remove("x")
    assert layout.carries == {}
    layout.add("x", TrackNames("x"))
    assert layout.carries == {"x": BOTH}


def test_a_stereo_track_of_one_party_is_that_partys_whole() -> None:
    assert not layout_of("caller", "callTaker").may_split("caller")
