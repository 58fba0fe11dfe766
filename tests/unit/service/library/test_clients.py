"""Clients: their secrets are kept as hashes, rotate with or without a grace, and end."""

from __future__ import annotations

import pytest

from callplayer.config import Secret
from callplayer.errors import UsageError
from callplayer.service.clients import Client, digest
from callplayer.service.http.auth import Authenticator, Limiter, Rate
from callplayer.service.http.bearer import BearerTokens, ClientCredentials
from callplayer.service.library.clients import Clients
from callplayer.service.library.library import Library
from callplayer.service.library.place import PostgresPlace


@pytest.fixture
def clients(place, clock):
    with Library.open(place, wall_clock=clock) as library:
        yield library.clients


def matches(clients: Clients, client_id: str, secret: str) -> bool:
    return digest(secret) in clients.good_hashes(client_id)


def test_a_secret_is_random_and_kept_nowhere(place, clients):
    secret, other = clients.add("desk"), clients.add("trainer")
    assert len(secret.reveal()) >= 43  # 256 bits
    assert secret != other
    assert matches(clients, "desk", secret.reveal())
    assert not matches(clients, "desk", other.reveal())
    assert not matches(clients, "nobody", secret.reveal())
    assert not matches(clients, "desk", "")
    kept = [] if isinstance(place, PostgresPlace) else place.iterdir()
    for file in kept:
        if file.is_file():
            assert secret.reveal().encode() not in file.read_bytes()


def test_a_rotated_secret_ends_at_once_or_after_its_grace(clients, clock):
    first = clients.add("desk").reveal()
    second = clients.rotate("desk").reveal()
    assert (matches(clients, "desk", first), matches(clients, "desk", second)) == (False, True)
    third = clients.rotate("desk", grace_s=60.0).reveal()
    clock.now_s += 59.9
    assert clients.rows()[0].old_secret_until_s == pytest.approx(clock.now_s + 0.1)
    assert (matches(clients, "desk", second), matches(clients, "desk", third)) == (True, True)
    assert not matches(clients, "desk", first)
    clock.now_s += 0.1
    assert (matches(clients, "desk", second), matches(clients, "desk", third)) == (False, True)
    assert clients.rows()[0].old_secret_until_s is None


def test_another_process_sees_a_change_at_once(place, clients):
    secret = clients.add("desk").reveal()
    with Library.open(place) as other:
        assert matches(other.clients, "desk", secret)
        clients.rotate("desk")
        assert not matches(other.clients, "desk", secret)


def test_a_token_ends_with_the_secret_it_was_got_with(clients, clock):
    access = Authenticator(BearerTokens(), clients=clients)
    first = access.sign_in("desk", clients.add("desk").reveal())
    second = access.sign_in("desk", clients.rotate("desk").reveal())
    assert (access.is_good(first), access.is_good(second)) == (False, True)
    third = access.sign_in("desk", clients.rotate("desk", grace_s=60.0).reveal())
    assert (access.is_good(second), access.is_good(third)) == (True, True)
    clock.now_s += 60.0
    assert (access.is_good(second), access.is_good(third)) == (False, True)
    clients.remove("desk")
    clients.add("desk")
    assert not access.is_good(third)


def test_a_removed_client_is_out_with_its_tokens(clients):
    secret = clients.add("desk", may_listen=False).reveal()
    access = Authenticator(BearerTokens(), clients=clients)
    token = access.sign_in("desk", secret)
    assert token is not None
    assert access.client_of(token) == Client("desk", may_listen=False)
    assert access.is_good(token)
    assert not access.may_listen("desk")
    clients.remove("desk")
    assert not access.is_good(token)
    assert access.sign_in("desk", secret) is None
    clients.add("desk")
    assert access.sign_in("desk", secret) is None
    assert access.may_listen("desk")
    clients.remove("desk")
    assert not access.may_listen("desk")


def test_an_id_of_the_environment_is_that_client_alone(clients):
    secret = clients.add("desk", may_listen=False).reveal()
    fixed = ClientCredentials("desk", Secret("of the environment"))
    access = Authenticator(BearerTokens(), fixed=fixed, clients=clients)
    assert access.sign_in("desk", secret) is None
    token = access.sign_in("desk", "of the environment")
    assert token is not None
    assert access.client_of(token) == Client("desk", may_listen=True)


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "../x", "a\n", "é"])
def test_a_bad_id_is_refused(clients, name):
    with pytest.raises(UsageError, match="no client id"):
        clients.add(name)


def test_an_id_is_there_once_and_must_be_there(clients):
    clients.add("desk")
    with pytest.raises(UsageError, match="already"):
        clients.add("desk")
    for act in (clients.rotate, clients.remove):
        with pytest.raises(UsageError, match="no client other"):
            act("other")


def test_a_limit_lets_a_burst_through_then_a_rate():
    limiter = Limiter(Rate(per_s=2.0, burst=3))
    assert [limiter.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limiter.take("b", 0.0) == 0.0
    assert limiter.take("a", 0.25) == pytest.approx(0.25)
    assert limiter.take("a", 0.5) == 0.0
    assert [limiter.take("a", 1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_a_limit_remembers_so_many_only():
    limiter = Limiter(Rate(per_s=0.001, burst=1), most=2)
    assert [limiter.take(key, 0.0) for key in "abc"] == [0.0, 0.0, 0.0]
    assert limiter.take("a", 0.0) == 0.0  # forgotten
    assert limiter.take("c", 0.0) > 0.0
