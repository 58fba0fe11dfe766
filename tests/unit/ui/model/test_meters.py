"""Which level stands at which party."""

from __future__ import annotations

from callplayer.ipc.messages import LaneState
from callplayer.ui.model.meters import NONE, SHARED, PartyMeter, meters_of
from callplayer.vendor.parties import PARTIES


def lane(name: str, *carries: str) -> LaneState:
    return LaneState(lane=name, carries=carries)


def test_each_party_has_the_level_of_its_own_lane() -> None:
    lanes = [lane("caller", "caller"), lane("callTaker", "callTaker"), lane("call", *PARTIES)]
    own = {"caller": PartyMeter("caller", "level"), "callTaker": PartyMeter("callTaker", "level")}
    assert meters_of(lanes) == own
    assert meters_of([]) == own


def test_a_mix_has_one_meter_and_says_so() -> None:
    assert meters_of([lane("call", *PARTIES)]) == {
        "caller": PartyMeter("call", "mixed"),
        "callTaker": SHARED,
    }


def test_two_unnamed_sounds_have_a_meter_each_by_number() -> None:
    assert meters_of([lane("call", *PARTIES), lane("call-2", *PARTIES)]) == {
        "caller": PartyMeter("call", "track 1"),
        "callTaker": PartyMeter("call-2", "track 2"),
    }


def test_one_partys_track_beside_a_mix() -> None:
    assert meters_of([lane("caller", "caller"), lane("call", *PARTIES)]) == {
        "caller": PartyMeter("caller", "level"),
        "callTaker": PartyMeter("call", "mixed"),
    }


def test_a_call_of_one_track_and_a_third_party() -> None:
    lanes = [lane("caller", "caller"), lane("other")]
    assert meters_of(lanes)["callTaker"] == NONE
