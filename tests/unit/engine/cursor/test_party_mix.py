"""Volumes, mutes and solos: at the server or in the own mix, by what the tracks carry."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callplayer.engine.cursor.party_mix import HANDOVER_S, MUTE_DB, PartyMix
from callplayer.ipc import messages as m
from callplayer.vendor.commands import SetGain
from callplayer.vendor.parties import BOTH, CALL_TAKER, CALLER, NEITHER, PARTIES, Carries, Party

TWO: dict[str, Carries] = {"a": CALLER, "b": CALL_TAKER}
MIXED: dict[str, Carries] = {"m": BOTH}
UNNAMED: dict[str, Carries] = {"x": BOTH, "y": BOTH}
NOW_S = 100.0


def mix_of(carries: dict[str, Carries]) -> PartyMix:
    mix = PartyMix()
    assert mix.take_tracks(carries, NOW_S) == []
    return mix


@pytest.mark.parametrize("carries", [{}, TWO, MIXED, UNNAMED])
@pytest.mark.parametrize("party", PARTIES)
def test_a_volume_goes_out_for_its_party_on_every_layout(
    carries: dict[str, Carries], party: Party
) -> None:
    mix = mix_of(carries)
    assert mix.apply(m.SetPartyGain(-12.0, party)) == [SetGain(-12.0, party)]
    assert mix.apply(m.AdjustGain(1.0, party)) == [SetGain(-11.0, party)]
    assert mix.apply(m.AdjustGain(100.0, party)) == [SetGain(20.0, party)]


def test_call_is_both_parties_each_from_its_own_volume() -> None:
    mix = mix_of(MIXED)
    mix.apply(m.SetPartyGain(-6.0, "caller"))
    assert mix.apply(m.AdjustGain(1.0, "call")) == [
        SetGain(-5.0, "caller"),
        SetGain(1.0, "callTaker"),
    ]


def test_a_party_with_tracks_of_its_own_is_muted_in_the_own_mix_at_once() -> None:
    mix = mix_of(TWO)
    assert mix.apply(m.Mute("caller")) == []
    assert mix.silenced_parts(NOW_S) == {"a"}
    assert not mix.is_muted_at_server("caller")
    assert mix.apply(m.Unmute("caller")) == []
    assert mix.silenced_parts(NOW_S) == frozenset()


@pytest.mark.parametrize("carries", [MIXED, UNNAMED, {"a": CALLER, "x": BOTH}])
def test_a_party_that_shares_a_track_is_muted_at_the_server(carries: dict[str, Carries]) -> None:
    mix = mix_of(carries)
    mix.apply(m.SetPartyGain(-3.5, "caller"))
    assert mix.apply(m.Mute("caller")) == [SetGain(MUTE_DB, "caller")]
    assert mix.state("caller", -20.0).muted_at_server
    assert mix.apply(m.Unmute("caller")) == [SetGain(-3.5, "caller")]
    assert not mix.state("caller", -20.0).muted_at_server


def test_solo_mutes_the_other_at_the_server_too() -> None:
    mix = mix_of(MIXED)
    assert mix.apply(m.Solo("caller")) == [SetGain(MUTE_DB, "callTaker")]
    assert mix.apply(m.Mute("caller")) == [SetGain(MUTE_DB, "caller")]
    assert mix.silenced_parts(NOW_S) == {"m"}  # nothing that is to be heard is left in it
    assert mix.apply(m.Unmute("caller")) == [SetGain(0.0, "caller")]
    assert mix.apply(m.Unsolo("caller")) == [SetGain(0.0, "callTaker")]


def test_a_volume_that_is_changed_while_muted_at_the_server_is_a_wish() -> None:
    mix = mix_of(MIXED)
    mix.apply(m.Mute("caller"))
    assert mix.apply(m.SetPartyGain(4.0, "caller")) == []
    assert mix.state("caller", 0.0).gain_db == 4.0
    assert mix.apply(m.Unmute("caller")) == [SetGain(4.0, "caller")]


def test_a_mute_is_asked_for_again_with_each_track_that_comes_or_goes() -> None:
    mix = mix_of(MIXED)
    mix.apply(m.Mute("caller"))
    assert mix.take_tracks(MIXED | {"n": BOTH}, NOW_S) == [SetGain(MUTE_DB, "caller")]
    assert mix.take_tracks(MIXED, NOW_S) == [SetGain(MUTE_DB, "caller")]


def test_a_volume_is_asked_for_again_with_each_track_that_comes() -> None:
    """A server may have it with the sender of a track that has been replaced."""
    mix = mix_of(TWO)
    mix.apply(m.SetPartyGain(5.0, "callTaker"))
    assert mix.take_tracks({"a": CALLER}, NOW_S) == []
    assert mix.take_tracks({"a": CALLER, "b2": CALL_TAKER}, NOW_S) == [SetGain(5.0, "callTaker")]
    assert mix.take_tracks({"a": CALL_TAKER, "b2": CALLER}, NOW_S) == []


def test_a_mute_is_handed_over_to_the_own_mix_and_back() -> None:
    mix = mix_of(MIXED)
    mix.apply(m.SetPartyGain(-7.25, "caller"))
    mix.apply(m.Mute("caller"))
    assert mix.take_tracks(TWO, NOW_S) == [
        SetGain(-7.25, "caller")
    ]  # silent here before it is loud there
    assert mix.silenced_parts(NOW_S) == {"a"}
    assert mix.take_tracks(MIXED, NOW_S) == [SetGain(MUTE_DB, "caller")]
    assert mix.apply(m.Unmute("caller")) == [SetGain(-7.25, "caller")]


def test_a_mute_that_goes_over_to_the_server_is_never_heard_on_the_way() -> None:
    mix = mix_of(TWO)
    mix.apply(m.Mute("caller"))
    renamed: dict[str, Carries] = {"a": BOTH, "b": BOTH}
    assert mix.take_tracks(renamed, NOW_S) == [SetGain(MUTE_DB, "caller")]
    assert mix.silenced_parts(NOW_S) == {"a"}
    mix.take_tracks(renamed, NOW_S + HANDOVER_S / 2)
    assert mix.silenced_parts(NOW_S + HANDOVER_S * 0.9) == {"a"}
    assert mix.silenced_parts(NOW_S + HANDOVER_S) == frozenset()


def test_an_unmute_ends_the_handover_at_once() -> None:
    mix = mix_of(TWO)
    mix.apply(m.Mute("caller"))
    mix.take_tracks({"a": BOTH, "b": BOTH}, NOW_S)
    assert mix.apply(m.Unmute("caller")) == [SetGain(0.0, "caller")]
    assert mix.silenced_parts(NOW_S) == frozenset()


def test_parties_that_change_places_take_their_mutes_along() -> None:
    mix = mix_of(TWO)
    mix.apply(m.Mute("caller"))
    assert mix.take_tracks({"a": CALL_TAKER, "b": CALLER}, NOW_S) == []
    assert mix.silenced_parts(NOW_S) == {"b"}


def test_tracks_that_are_gone_for_a_moment_change_nothing() -> None:
    mix = mix_of(TWO)
    mix.apply(m.Mute("caller"))
    assert mix.take_tracks({"b": CALL_TAKER}, NOW_S) == []
    assert mix.take_tracks({}, NOW_S) == []
    assert mix.take_tracks({"c": CALLER}, NOW_S) == []
    assert mix.silenced_parts(NOW_S) == {"c"}


def test_a_third_party_is_heard_whoever_is_muted() -> None:
    mix = mix_of(TWO | {"i": NEITHER})
    mix.apply(m.Mute("call"))
    assert mix.silenced_parts(NOW_S) == {"a", "b"}


def test_what_is_asked_before_there_is_a_room_is_restored_once() -> None:
    mix = PartyMix()
    mix.apply(m.SetPartyGain(3.0, "caller"))
    mix.apply(m.SetPartyGain(-3.0, "caller"))
    mix.apply(m.Mute("callTaker"))
    mix.take_tracks(MIXED, NOW_S)
    assert mix.to_restore() == [SetGain(-3.0, "caller"), SetGain(MUTE_DB, "callTaker")]
    assert PartyMix().to_restore() == []


def test_a_volume_that_was_turned_down_for_a_mute_is_restored_though_never_set() -> None:
    mix = mix_of(MIXED)
    mix.apply(m.Mute("caller"))
    mix.apply(m.Unmute("caller"))
    assert mix.to_restore() == [SetGain(0.0, "caller")]


REQUESTS = st.one_of(
    st.builds(m.SetPartyGain, st.floats(-60, 30), st.sampled_from(["caller", "callTaker", "call"])),
    *(
        st.builds(kind, st.sampled_from(["caller", "callTaker", "call"]))
        for kind in (m.Mute, m.Unmute, m.Solo, m.Unsolo)
    ),
)
LAYOUTS = st.sampled_from([{}, TWO, MIXED, UNNAMED, {"a": CALLER, "x": BOTH}, {"b": CALL_TAKER}])


@example([m.Mute("call"), MIXED, TWO, m.Unmute("caller"), {}, MIXED])
@given(st.lists(REQUESTS | LAYOUTS, max_size=30))
def test_the_server_has_what_it_was_sent_whatever_happens(
    steps: list[m.SetPartyGain | dict[str, Carries]],
) -> None:
    """After each step the last volume sent to the server is the one that is to be in force."""
    mix = PartyMix()
    server: dict[Literal["caller", "callTaker"], float] = dict.fromkeys(PARTIES, 0.0)
    for step in steps:
        reported = mix.take_tracks(step, NOW_S) if isinstance(step, dict) else mix.apply(step)
        for command in reported:
            server[command.callerType] = command.gain
        for party in PARTIES:
            muted = mix.is_muted_at_server(party)
            assert server[party] == (MUTE_DB if muted else mix.gains_db[party])
            # Whoever is silenced is so in one of the two ways, and no other is.
            holding = {part for part, carries in mix.carries.items() if party in carries}
            if holding and mix.is_silenced(party):
                assert muted or holding <= mix.silenced_parts(NOW_S)
            if holding and not mix.is_silenced(party):
                assert not muted
                assert not holding & mix.silenced_parts(NOW_S)
