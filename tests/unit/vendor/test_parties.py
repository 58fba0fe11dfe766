"""Which parties a track carries, by what its publisher says of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.vendor.parties import (
    BOTH,
    CALL_TAKER,
    CALLER,
    NEITHER,
    TrackNames,
    carriage,
    is_named_mix,
    parties_of,
    party_named,
)

TAKER = TrackNames("call-taker", "taker-1")
"""Another track beside the one that is looked at: alone, a track holds all there is."""


def beside_taker(names: TrackNames) -> frozenset[str]:
    return carriage({"a": names, "b": TAKER})["a"]


def beside_caller(names: TrackNames) -> frozenset[str]:
    return carriage({"a": names, "b": TrackNames("caller", "caller-1")})["a"]


@pytest.mark.parametrize(
    "name",
    ["callTaker", "call_taker", "CALL-TAKER-1", "Call Taker", "calltaker", "call.taker.audio",
     "Dispatcher", "TELECOMMUNICATOR 7", "operator", "agent", "taker", "psap-east", "right",
     "outbound", "Outgoing", "callTakerAudio"],
)  # fmt: skip
def test_the_call_takers_tracks(name: str) -> None:
    assert beside_caller(TrackNames(name)) == CALL_TAKER
    assert beside_caller(TrackNames("audio", name)) == CALL_TAKER


@pytest.mark.parametrize(
    "name",
    ["caller", "CALLER", "Caller 2", "caller2", "incident-9-caller", "the_caller", "callerAudio",
     "left", "inbound", "incoming_track"],
)  # fmt: skip
def test_the_callers_tracks(name: str) -> None:
    assert beside_taker(TrackNames(name)) == CALLER
    assert beside_taker(TrackNames("audio", name)) == CALLER


@pytest.mark.parametrize(
    "name", ["", "audio", "microphone", "calls", "recalled", "callership", "bot-7", "alefth"]
)
def test_what_names_neither_may_hold_both(name: str) -> None:
    assert beside_taker(TrackNames(name)) == BOTH


@pytest.mark.parametrize("name", ["mixed", "caller+callTaker", "Caller and call taker", "stereo"])
def test_both_named_is_both(name: str) -> None:
    assert beside_taker(TrackNames(name)) == BOTH


@pytest.mark.parametrize("name", ["interpreter", "EMS", "fire-3"])
def test_a_third_partys_track_holds_neither_of_the_two(name: str) -> None:
    tracks = {"a": TrackNames("caller"), "b": TAKER, "c": TrackNames(name)}
    assert carriage(tracks) == {"a": CALLER, "b": CALL_TAKER, "c": NEITHER}
    assert carriage({"c": TrackNames(name)})["c"] == BOTH  # it is all that there is


@pytest.mark.parametrize(
    ("metadata", "carries"),
    [
        ({"callerType": "caller"}, CALLER),
        ({"caller_type": "CALLER"}, CALLER),
        ({"role": "dispatcher"}, CALL_TAKER),
        ({"participant": {"party": "call taker"}}, CALL_TAKER),
        ({"channel": "left"}, CALLER),
        ({"caller_phone_number": "+15555550142"}, BOTH),
        ({"caller_phone_number": "the caller"}, BOTH),
        ({"note": "caller"}, BOTH),
        ({"role": 7, "party": None, "side": ["left"]}, BOTH),
        ({"role": "caller", "track": "callTaker"}, BOTH),
    ],
)
def test_metadata_and_attributes_name_a_party_by_known_keys_only(
    metadata: dict[str, object], carries: frozenset[str]
) -> None:
    other = TAKER if carries != CALL_TAKER else TrackNames("caller", "c")
    names = TrackNames("audio", "bot", json.dumps(metadata))
    assert carriage({"a": names, "b": other})["a"] == carries
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    if texts:
        names = TrackNames("audio", "bot", "", texts)
        assert carriage({"a": names, "b": other})["a"] == carries


def test_metadata_may_be_a_bare_word() -> None:
    assert beside_taker(TrackNames("audio", "bot", "caller")) == CALLER


@pytest.mark.parametrize("metadata", ["{", "[1,", "{}", "[]", "null", '"caller', "[" * 5000])
def test_metadata_that_names_no_party_does_no_harm(metadata: str) -> None:
    carries = beside_taker(TrackNames("audio", "bot", metadata))
    assert carries in (BOTH, CALLER)


def test_name_goes_before_identity_before_metadata() -> None:
    assert beside_taker(TrackNames("caller", "call-taker", "call-taker")) == CALLER
    assert beside_caller(TrackNames("microphone", "call-taker", "caller")) == CALL_TAKER
    named = TrackNames("audio", "PA_7", '{"role": "call taker"}', participant_name="Caller")
    assert beside_taker(named) == CALLER
    assert beside_taker(replace(named, identity="caller-1", participant_name="agent")) == CALLER


@pytest.mark.parametrize(
    ("name", "identity", "mix"),
    [
        ("mixed", "", True), ("call-mix", "", True), ("audio", "mixdown-1", True),
        ("caller", "mix", False), ("both", "", False), ("conference", "", False), ("", "", False),
    ],
)  # fmt: skip
def test_a_mix_is_what_calls_itself_one(name: str, identity: str, mix: bool) -> None:
    assert is_named_mix(TrackNames(name, identity)) is mix


@pytest.mark.parametrize("name", ["caller", "callTaker", "mixed", "audio", "agent"])
def test_a_single_track_is_all_sound_whatever_it_is_called(name: str) -> None:
    assert carriage({"a": TrackNames(name)}) == {"a": BOTH}


def test_while_one_party_has_no_track_the_others_may_hold_it() -> None:
    callers = {"a": TrackNames("caller-1", "x"), "b": TrackNames("caller-2", "y")}
    assert carriage(callers) == {"a": BOTH, "b": BOTH}
    conference = callers | {"c": TrackNames("callTaker", "z")}
    assert carriage(conference) == {"a": CALLER, "b": CALLER, "c": CALL_TAKER}


def test_a_party_whose_track_is_gone_for_a_moment_is_not_in_the_others() -> None:
    assert carriage({"a": TrackNames("caller")}, seen=BOTH) == {"a": CALLER}


def test_two_unnamed_tracks_may_both_hold_both() -> None:
    assert carriage({"a": TrackNames("audio"), "b": TrackNames("audio")}) == {"a": BOTH, "b": BOTH}


def test_one_identity_does_not_distinguish_its_tracks() -> None:
    bot = [TrackNames(name, "agent-AJ_7") for name in ("one", "two")]
    assert carriage({"a": bot[0], "b": bot[1]}) == {"a": BOTH, "b": BOTH}
    named = [TrackNames(name, "agent-AJ_7") for name in ("caller", "callTaker")]
    assert carriage({"a": named[0], "b": named[1]}) == {"a": CALLER, "b": CALL_TAKER}


def test_a_mix_beside_single_tracks_may_hold_both() -> None:
    tracks = {"a": TrackNames("caller"), "b": TAKER, "c": TrackNames("mixed", "m")}
    assert carriage(tracks) == {"a": CALLER, "b": CALL_TAKER, "c": BOTH}


@given(st.dictionaries(st.text(max_size=3), st.lists(st.text(max_size=80), min_size=3, max_size=3)))
@settings(max_examples=100, deadline=None)
def test_any_names_leave_each_party_somewhere(reported: dict[str, list[str]]) -> None:
    carries = carriage({key: TrackNames(*names) for key, names in reported.items()})
    assert set(carries) == set(reported)
    assert not carries or NEITHER.union(*carries.values()) == BOTH


def test_names_without_end_cost_nothing() -> None:
    assert beside_taker(TrackNames("call" + "-" * 3_000_000 + "taker")) == BOTH
    assert party_named("call" + "-" * 3_000_000 + "taker") is None


@pytest.mark.parametrize(
    ("name", "party"),
    [("Caller", "caller"), ("CallTaker", "callTaker"), ("Dispatcher 2", "callTaker"),
     ("left", None), ("Right", None), ("caller and call taker", None), ("interpreter", None),
     ("", None)],
)  # fmt: skip
def test_speakers_are_named_by_roles_not_by_sides(name: str, party: str | None) -> None:
    assert party_named(name) == party


def test_call_stands_for_both() -> None:
    assert parties_of("call") == ("caller", "callTaker")
    assert parties_of("caller") == ("caller",)
