"""Which client a participant id belongs to, and which services there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callplayer.errors import ParticipantTakenError
from callplayer.recordings.facts import IncidentFacts
from callplayer.service.library.claims import GONE_AFTER_S, Claims
from callplayer.service.library.library import Library

TTL_S = 100.0


@pytest.fixture
def library(place, clock):
    with Library.open(place, wall_clock=clock) as library:
        yield library


def take(claims: Claims, client: str, participant: str) -> None:
    with claims.owned(client, "call", participant, TTL_S):
        pass


def test_a_participant_id_is_one_clients_until_its_token_expires(library, clock) -> None:
    claims = library.claims
    take(claims, "one", "desk 7")
    clock.now_s += 50.0
    take(claims, "one", "desk 7")
    clock.now_s += TTL_S - 0.1
    with pytest.raises(ParticipantTakenError):
        take(claims, "two", "desk 7")
    take(claims, "two", "desk 8")
    clock.now_s += 0.1
    take(claims, "two", "desk 7")
    with pytest.raises(ParticipantTakenError):
        take(claims, "one", "desk 7")


def test_a_client_that_got_no_token_owns_no_participant_id(library, clock) -> None:
    claims = library.claims
    with pytest.raises(RuntimeError), claims.owned("two", "call", "desk 7", TTL_S):
        raise RuntimeError
    take(claims, "one", "desk 7")
    clock.now_s += 50.0
    with pytest.raises(RuntimeError), claims.owned("one", "call", "desk 7", TTL_S):
        raise RuntimeError
    clock.now_s += 50.0  # the end of the first claim, which the second did not lengthen
    take(claims, "two", "desk 7")


def test_of_two_services_each_knows_what_the_other_has_while_it_lives(place) -> None:
    with Library.open(place) as this, Library.open(place) as other:
        now_s = this.now_s
        there = "http://10.0.0.2:8911"
        other.instances.beat(there)
        with other.claims.owned("one", "call", "desk 7", TTL_S):
            pass
        live = other.begin_live(
            IncidentFacts(), ("call",), this.recordings_folder / "l.wav", datetime.now(UTC)
        )
        assert this.claims.holder("one", "call", "desk 7") == there
        assert this.instances.owner(live.id) == there
        assert other.claims.holder("one", "call", "desk 7") is None  # its own
        assert other.instances.owner(live.id) is None
        assert this.claims.holder("two", "call", "desk 7") is None
        with pytest.raises(ParticipantTakenError):
            take(this.claims, "two", "desk 7")
        with Library.open(place, wall_clock=lambda: now_s() + GONE_AFTER_S + 1.0) as later:
            assert later.claims.holder("one", "call", "desk 7") is None
        other.instances.leave()
        assert this.claims.holder("one", "call", "desk 7") is None
        take(this.claims, "one", "desk 7")  # a killed service's stream is taken over


def test_the_key_is_one_for_all_services(place) -> None:
    with Library.open(place) as this, Library.open(place) as other:
        assert this.instances.signing_key() == other.instances.signing_key()
        assert len(this.instances.signing_key()) == 32
    with Library.open(None) as one, Library.open(None) as another:
        assert one.instances.signing_key() != another.instances.signing_key()
