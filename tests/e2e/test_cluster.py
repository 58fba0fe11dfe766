"""Two services behind one address: a call survives either, and PostgreSQL's absence."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import jwt
import pytest

from tests.cluster.calls import Calls
from tests.cluster.rig import Cluster, cluster
from tests.rig.processes import soon

pytestmark = pytest.mark.plays

CALL_S = 240.0


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), CALL_S) as running:
        yield running


@pytest.fixture(scope="module")
def calls(parts: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    playing = Calls(tmp_path_factory.mktemp("players"), parts.environment, parts.incident, 2)
    try:
        playing.wait_playing()
        yield playing
    finally:
        playing.close()


def test_a_token_and_a_stream_of_one_service_are_known_to_the_other(parts: Cluster) -> None:
    here, there = (service.api_url for service in parts.services.values())
    headers = parts.headers(here)
    rooms = set()
    for url in (here, there, here):
        answer = parts.open_stream(url, headers, "desk 7")
        assert answer.status_code == 200, answer.text
        claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
        rooms.add(claims["video"]["room"])
    assert len(rooms) == 1


def test_while_the_database_is_away_calls_go_on_and_new_ones_wait(
    parts: Cluster, calls: Calls
) -> None:
    url = f"{parts.environment['CALLPLAYER_API_URL']}/v1/incident_events"
    headers = parts.headers(parts.environment["CALLPLAYER_API_URL"])

    def away() -> None:
        parts.postgres.kill()
        answers = [httpx.get(service.api_url + "/v1/incident_events", headers=headers)
                   for service in parts.services.values()]  # fmt: skip
        time.sleep(1.0)
        parts.postgres.start()
        for answer in answers:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["detail"] == "the library does not answer; ask again"

    outcome = calls.through("database", away)
    assert (outcome.broke_off, outcome.back) == (0, 2), outcome
    assert soon(lambda: httpx.get(url, headers=headers).status_code == 200)


def test_the_calls_of_a_killed_service_go_on_at_their_place_on_the_other(
    parts: Cluster, calls: Calls
) -> None:
    def kill() -> None:
        parts.services["a"].process.kill()

    outcome = calls.through("service", kill)
    assert outcome.back == 2, outcome
    assert outcome.broke_off >= 1
    assert outcome.off_ms is not None
    assert abs(outcome.off_ms) <= 1000.0
