"""The HTTP API without a room server: sign-in, tokens and their expiry, errors, paging, caps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from callplayer.config import Secret
from callplayer.errors import ServiceError
from callplayer.service import tokens
from callplayer.service.api import MAX_BODY_BYTES, Api
from callplayer.service.library import Library
from callplayer.service.recordings import Recording, incident_id
from callplayer.service.streams import TooManyStreamsError
from callplayer.service.tokens import BearerTokens, ClientCredentials
from callplayer.wire import StreamGrant, parse_incident, parse_incident_page, parse_stream_grant

SIGN_IN = {
    "client_id": "desk",
    "client_secret": "right",
    "grant_type": "client_credentials",
    "scope": "incident_events",
}
NAMES = [f"{number}.wav" for number in range(101)]


class FakeStreams:
    """Records what was asked; `error` is raised instead when set."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool, str | None]] = []
        self.error: Exception | None = None

    async def open(self, incident_id, *, autoplay, participant_id=None):
        self.asked.append((incident_id, autoplay, participant_id))
        if self.error:
            raise self.error
        return StreamGrant("jwt", "ws://127.0.0.1:1")


class Rig:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self.streams = FakeStreams()
        first = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)
        recordings = [
            Recording(
                id=incident_id(name),
                path=Path(name),
                parties=("call",),
                duration_s=60.0,
                created_at=first + timedelta(hours=number),
                live_from_s=990.0 if name == "7.wav" else None,
            )
            for number, name in enumerate(NAMES)
        ]
        library = Library.open(None)
        for recording in recordings:
            library.add(recording)
        api = Api(
            ClientCredentials("desk", Secret("right")),
            BearerTokens(ttl_s=7200.0),
            library,
            self.streams,
            clock=lambda: self.now_s,
        )
        transport = httpx.ASGITransport(api.app(), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service")

    async def sign_in(self) -> None:
        answer = await self.client.post("/oauth/token", json=SIGN_IN)
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@pytest.fixture
async def rig():
    rig = Rig()
    async with rig.client:
        yield rig


async def test_sign_in_answers_as_the_contract_says(rig):
    answer = await rig.client.post("/oauth/token", json=SIGN_IN)
    assert answer.status_code == 200
    told = answer.json()
    assert told["token_type"] == "Bearer"
    assert told["expires_in"] == 7200
    assert len(told["access_token"]) >= 32
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "everything"}, 400, "invalid_scope"),
        ({"client_id": 7}, 400, "invalid_request"),
        ({"client_secret": None}, 400, "invalid_request"),
    ],
)
async def test_sign_in_errors_are_those_of_oauth(rig, changes, status, error):
    answer = await rig.client.post("/oauth/token", json=SIGN_IN | changes)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert "right" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 10_000])
async def test_a_body_that_is_no_json_object_is_an_invalid_request(rig, body):
    answer = await rig.client.post("/oauth/token", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_body_that_is_too_large_is_not_read(rig):
    answer = await rig.client.post("/oauth/token", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic x", "bearer  "])
async def test_without_a_good_token_all_is_401(rig, header):
    if header is not None:
        rig.client.headers["Authorization"] = header
    some = incident_id("1.wav")
    for method, path in (
        ("GET", "/v1/incident_events"),
        ("GET", f"/v1/incident_events/{some}"),
        ("POST", f"/v1/incident_events/{some}/stream_token"),
    ):
        answer = await rig.client.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert not rig.streams.asked


async def test_a_token_expires(rig):
    await rig.sign_in()
    rig.now_s += 7199.0
    assert (await rig.client.get("/v1/incident_events")).status_code == 200
    rig.now_s += 1.0
    assert (await rig.client.get("/v1/incident_events")).status_code == 401


async def test_the_list_is_newest_first_and_paged(rig):
    await rig.sign_in()
    first = parse_incident_page((await rig.client.get("/v1/incident_events")).content)
    assert (len(first.incidents), first.next_page) == (100, "2")
    assert first.incidents[0].id == incident_id("100.wav")
    answer = await rig.client.get("/v1/incident_events", params={"page": first.next_page})
    last = parse_incident_page(answer.content)
    assert [incident.id for incident in last.incidents] == [incident_id("0.wav")]
    assert last.next_page is None


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 50])
async def test_a_page_that_is_no_number_is_422(rig, page):
    await rig.sign_in()
    answer = await rig.client.get("/v1/incident_events", params={"page": page})
    assert answer.status_code == 422


async def test_one_incident_in_the_vendors_words(rig):
    await rig.sign_in()
    answer = await rig.client.get(f"/v1/incident_events/{incident_id('0.wav')}")
    told = answer.json()
    assert told["created_at"] == "2026-03-14 02:47:09 UTC"
    assert told["audio_call_ended_at"] == "2026-03-14 02:48:09 UTC"
    assert told["is_audio_live"] is False
    assert parse_incident(answer.content).id == incident_id("0.wav")


async def test_a_live_call_ends_by_the_clock(rig):
    await rig.sign_in()
    path = f"/v1/incident_events/{incident_id('7.wav')}"
    told = (await rig.client.get(path)).json()
    assert (told["is_audio_live"], told["audio_call_ended_at"]) == (True, None)
    rig.now_s = 1051.0
    told = (await rig.client.get(path)).json()
    assert told["is_audio_live"] is False
    assert told["audio_call_ended_at"]


async def test_an_unknown_incident_is_404(rig):
    await rig.sign_in()
    for path in ("/v1/incident_events/x", "/v1/incident_events/..%2f", "/v2", "/"):
        answer = await rig.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
    answer = await rig.client.post("/v1/incident_events/x/stream_token")
    assert answer.status_code == 404


async def test_a_stream_token_is_asked_for_with_autoplay_and_a_participant(rig):
    await rig.sign_in()
    some = incident_id("1.wav")
    path = f"/v1/incident_events/{some}/stream_token"
    for body in ({}, {"autoplay": False}, {"participant_id": "desk 7", "autoplay": True}):
        answer = await rig.client.post(path, json=body)
        assert parse_stream_grant(answer.content) == StreamGrant("jwt", "ws://127.0.0.1:1")
        assert answer.headers["cache-control"] == "no-store"
    assert (await rig.client.post(path)).status_code == 200
    assert rig.streams.asked == [
        (some, True, None),
        (some, False, None),
        (some, True, "desk 7"),
        (some, True, None),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"autoplay": "yes"},
        {"autoplay": 1},
        {"participant_id": ""},
        {"participant_id": "a\nb"},
        {"participant_id": "x" * 129},
        {"participant_id": 7},
        [],
    ],
)
async def test_a_wrong_stream_request_is_422(rig, body):
    await rig.sign_in()
    path = f"/v1/incident_events/{incident_id('1.wav')}/stream_token"
    answer = await rig.client.post(path, content=json.dumps(body))
    assert answer.status_code == 422
    assert not rig.streams.asked


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooManyStreamsError("many", "wait"), 429),
        (ServiceError("the secret inside"), 503),
        (RuntimeError("the secret inside"), 500),
    ],
)
async def test_a_stream_that_cannot_be_opened_is_a_problem(rig, error, status):
    await rig.sign_in()
    rig.streams.error = error
    path = f"/v1/incident_events/{incident_id('1.wav')}/stream_token"
    answer = await rig.client.post(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_the_wrong_method_is_405(rig):
    assert (await rig.client.get("/oauth/token")).status_code == 405


def test_old_tokens_end_early_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(tokens, "MAX_BEARER_TOKENS", 3)
    bearer = BearerTokens(ttl_s=10.0)
    given = [bearer.issue(0.0) for _ in range(5)]
    assert [bearer.is_good(token, 1.0) for token in given] == [False, False, True, True, True]


def test_the_secret_shows_nowhere():
    assert "right" not in repr(ClientCredentials("desk", Secret("right")))
    assert "jwt" not in repr(StreamGrant("jwt", None))
