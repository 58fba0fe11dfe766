"""Which client a participant id belongs to."""

from __future__ import annotations

import pytest

from callplayer.errors import ParticipantTakenError
from callplayer.service.bots.streams import ParticipantOwners

TTL_S = 100.0


def take(owners: ParticipantOwners, client: str, participant: str, now_s: float) -> None:
    with owners.owned(client, "call", participant, now_s):
        pass


def test_a_participant_id_is_one_clients_until_its_token_expires() -> None:
    owners = ParticipantOwners(TTL_S)
    take(owners, "one", "desk 7", 0.0)
    take(owners, "one", "desk 7", 50.0)
    with pytest.raises(ParticipantTakenError):
        take(owners, "two", "desk 7", 50.0 + TTL_S - 0.1)
    take(owners, "two", "desk 8", 50.0)
    take(owners, "two", "desk 7", 50.0 + TTL_S)
    with pytest.raises(ParticipantTakenError):
        take(owners, "one", "desk 7", 50.0 + TTL_S)


def test_a_client_that_got_no_token_owns_no_participant_id() -> None:
    owners = ParticipantOwners(TTL_S)
    take(owners, "one", "desk 7", 0.0)
    with pytest.raises(RuntimeError), owners.owned("two", "call", "desk 7", TTL_S):
        raise RuntimeError
    take(owners, "one", "desk 7", TTL_S)


def test_the_oldest_owner_is_dropped_beyond_the_limit() -> None:
    owners = ParticipantOwners(TTL_S, most=3)
    for number in range(4):
        take(owners, "one", f"desk {number}", 0.0)
    take(owners, "two", "desk 0", 1.0)
    with pytest.raises(ParticipantTakenError):
        take(owners, "two", "desk 3", 1.0)
