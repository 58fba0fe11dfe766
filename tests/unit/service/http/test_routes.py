"""The HTTP API without a room server: sign-in, tokens and their expiry, errors, paging, caps."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client.parser import text_string_to_metric_families
from starlette.exceptions import HTTPException
from starlette.requests import Request

from callplayer.config import Secret
from callplayer.errors import (
    DrainingError,
    ServiceError,
    SoundNotReadyError,
    TooManyStreamsError,
)
from callplayer.recordings.named_file import incident_id
from callplayer.recordings.recording import Recording
from callplayer.service.bots.metrics import BotMetrics
from callplayer.service.bots.stats import StreamStats
from callplayer.service.catalog import LibraryError
from callplayer.service.http.auth import Authenticator
from callplayer.service.http.bearer import BearerTokens, ClientCredentials, Holder
from callplayer.service.http.metrics import Metrics
from callplayer.service.http.openapi import document
from callplayer.service.http.problems import MAX_BODY_BYTES, read_body
from callplayer.service.http.routes import Api
from callplayer.service.http.server import http_server, listen, url_of
from callplayer.service.library.library import Library
from callplayer.service.livekit.tokens import DEFAULT_STREAM_TTL_S
from callplayer.vendor.http import StreamGrant, parse_incident, parse_stream_grant
from callplayer.vendor.paging import has_ended, next_requests, parse_incident_page
from tests.rig.openapi_check import OpenApiCheck

SIGN_IN = {
    "client_id": "desk",
    "client_secret": "right",
    "grant_type": "client_credentials",
    "scope": "incident_events",
}
NAMES = [f"{number}.wav" for number in range(101)]


class FakeStreams:
    """Records what was asked; `error` is raised instead when set."""

    def __init__(self, claims) -> None:
        self._claims = claims
        self.asked: list[tuple[str, bool, str | None]] = []
        self.clients: list[str] = []
        self.error: Exception | None = None
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.wanted: list[bool] = []

    async def open(self, recording, *, autoplay, participant_id=None, client_id="", is_wanted):
        self.asked.append((recording.id, autoplay, participant_id))
        self.clients.append(client_id)
        await self.may_open.wait()
        self.wanted.append(await is_wanted())
        if participant_id is None:
            return self._grant()
        owner = (client_id, recording.id, participant_id)
        with self._claims.owned(*owner, DEFAULT_STREAM_TTL_S):
            return self._grant()

    def _grant(self):
        if self.error:
            raise self.error
        return StreamGrant("jwt", "ws://127.0.0.1:1")


class Rig:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self.checks = {"library": True}
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
        library = Library.open(None, wall_clock=lambda: self.now_s)
        for recording in recordings:
            library.add(recording)
        access = Authenticator(
            BearerTokens(ttl_s=7200.0),
            fixed=ClientCredentials("desk", Secret("right")),
            clients=library.clients,
            clock=lambda: self.now_s,
        )
        self.library = library
        self.streams = FakeStreams(library.claims)
        self.metrics = Metrics()
        api = Api(
            access,
            library,
            self.streams,
            clock=lambda: self.now_s,
            metrics=self.metrics,
            health=self.health,
        )
        self.app = api.app()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.document = OpenApiCheck(document("http://service"))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service")
        self.client.event_hooks["response"] = [self.check]

    async def check(self, answer: httpx.Response) -> None:
        """Hold every answer of these tests against the OpenAPI document."""
        await answer.aread()
        if answer.status_code != 405 and self.document.knows(answer.request.url.path):
            self.document.check(answer)

    async def health(self) -> dict[str, bool]:
        return self.checks

    async def sign_in(self, **changes: str) -> None:
        answer = await self.client.post("/oauth/token", json=SIGN_IN | changes)
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@pytest.fixture
async def rig():
    rig = Rig()
    async with rig.client:
        yield rig
    rig.library.close()


async def test_sign_in_answers_as_the_contract_says(rig):
    answer = await rig.client.post("/oauth/token", json=SIGN_IN)
    assert answer.status_code == 200
    reported = answer.json()
    assert reported["token_type"] == "Bearer"
    assert reported["expires_in"] == 7200
    assert len(reported["access_token"]) >= 32
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
    assert (len(first.incidents), next(next_requests(first, 1, 100))) == (100, "?page=2")
    assert first.incidents[0].id == incident_id("100.wav")
    answer = await rig.client.get("/v1/incident_events", params={"page": "2"})
    last = parse_incident_page(answer.content)
    assert [incident.id for incident in last.incidents] == [incident_id("0.wav")]
    assert has_ended(last, 101)


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "9" * 50, "1" * 5_000])
async def test_a_page_that_is_no_number_is_422(rig, page):
    await rig.sign_in()
    answer = await rig.client.get("/v1/incident_events", params={"page": page})
    assert answer.status_code == 422


async def test_one_incident_in_the_vendors_words(rig):
    await rig.sign_in()
    answer = await rig.client.get(f"/v1/incident_events/{incident_id('0.wav')}")
    reported = answer.json()
    assert reported["created_at"] == "2026-03-14 02:47:09 UTC"
    assert reported["audio_call_ended_at"] == "2026-03-14 02:48:09 UTC"
    assert reported["is_audio_live"] is False
    assert parse_incident(answer.content).id == incident_id("0.wav")


async def test_a_live_call_ends_by_the_clock(rig):
    await rig.sign_in()
    path = f"/v1/incident_events/{incident_id('7.wav')}"
    reported = (await rig.client.get(path)).json()
    assert (reported["is_audio_live"], reported["audio_call_ended_at"]) == (True, None)
    rig.now_s = 1051.0
    reported = (await rig.client.get(path)).json()
    assert reported["is_audio_live"] is False
    assert reported["audio_call_ended_at"]


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
    assert rig.streams.clients == ["desk"] * 4


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


async def test_a_client_that_got_no_token_owns_no_participant_id(rig):
    secret = rig.library.clients.add("trainer").reveal()
    path = f"/v1/incident_events/{incident_id('1.wav')}/stream_token"
    mine = {"participant_id": "desk 7"}
    await rig.sign_in()
    rig.streams.error = TooManyStreamsError("many", "wait")
    assert (await rig.client.post(path, json=mine)).status_code == 429
    rig.streams.error = None
    await rig.sign_in(client_id="trainer", client_secret=secret)
    assert (await rig.client.post(path, json=mine)).status_code == 200
    rig.streams.error = TooManyStreamsError("many", "wait")
    assert (await rig.client.post(path, json=mine)).status_code == 429
    await rig.sign_in()
    assert (await rig.client.post(path, json=mine)).status_code == 409


async def test_a_client_that_waits_no_longer_for_its_stream_is_seen_to_have_gone(rig):
    await rig.sign_in()
    path = f"/v1/incident_events/{incident_id('1.wav')}/stream_token"
    headers = {"Authorization": rig.client.headers["Authorization"]}
    with listen("127.0.0.1", 0) as listening:
        async with (
            http_server(rig.app, listening),
            httpx.AsyncClient(base_url=url_of(listening), headers=headers) as client,
        ):
            rig.streams.may_open.clear()
            with pytest.raises(httpx.ReadTimeout):
                await client.post(path, json={"autoplay": False}, timeout=0.2)
            patient = asyncio.create_task(client.post(path, json={"autoplay": False}))
            async with asyncio.timeout(5):
                while len(rig.streams.asked) < 2:
                    await asyncio.sleep(0.005)
            rig.streams.may_open.set()
            assert (await patient).status_code == 200
    assert sorted(rig.streams.wanted) == [False, True]


async def test_a_body_that_does_not_come_is_waited_for_no_longer():
    with pytest.raises(HTTPException) as refused:
        await read_body(Request({"type": "http"}, asyncio.Event().wait), within_s=0.05)
    assert refused.value.status_code == 408


async def test_the_wrong_method_is_405(rig):
    assert (await rig.client.get("/oauth/token")).status_code == 405


def test_a_token_is_good_wherever_the_key_is():
    one, other = (BearerTokens(10.0, b"k" * 32) for _ in range(2))
    stranger = BearerTokens(10.0)
    token = one.issue(100.0, "desk", b"hash")
    assert other.holder_of(token, 109.0) == Holder("desk", other.seal(b"hash"))
    assert other.holder_of(token, 110.0) is None
    assert [each.state(token, 111.0) for each in (one, other)] == ["expired", "expired"]
    assert stranger.state(token, 101.0) == "unknown"
    head, claims, sign = token.split(".")
    for wrong in ("", "a.b.c", f"{head}.{claims}.", f"{head}.{claims[:-2]}.{sign}", "x" * 9000):
        assert one.state(wrong, 101.0) == "unknown"
    unsigned = jwt.encode({"sub": "desk", "exp": 999, "seal": one.seal(b"hash")}, "", "none")
    assert one.state(unsigned, 101.0) == "unknown"


async def test_a_library_that_does_not_answer_is_a_503_for_now(rig, monkeypatch):
    await rig.sign_in()

    def gone(*_: object, **__: object) -> None:
        raise LibraryError("The library does not answer.")

    monkeypatch.setattr(rig.library, "get", gone)
    monkeypatch.setattr(rig.library, "list", gone)
    for method, path in (("GET", ""), ("GET", "/x"), ("POST", "/x/stream_token")):
        answer = await rig.client.request(method, f"/v1/incident_events{path}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == "the library does not answer; ask again"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DrainingError("This service is about to end."), 503),
        (SoundNotReadyError("The sound is still being read."), 202),
    ],
)
async def test_what_may_come_a_second_later_is_asked_for_again(rig, error, status):
    await rig.sign_in()
    rig.streams.error = error
    path = f"/v1/incident_events/{incident_id(NAMES[0])}/stream_token"
    answer = await rig.client.post(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")
    rig.document.check(answer)


def test_the_secret_shows_nowhere():
    assert "right" not in repr(ClientCredentials("desk", Secret("right")))
    assert "jwt" not in repr(StreamGrant("jwt", None))


# --- sign-in as other OAuth clients do it ---------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "authorization", "status", "error"),
    [
        ("grant_type=client_credentials", "Basic ZGVzazpyaWdodA==", 200, None),
        ("grant_type=client_credentials&scope=", "basic ZGVzazpyaWdodA==", 200, None),
        ("grant_type=client_credentials", "Basic ZGVzazp3cm9uZw==", 401, "invalid_client"),
        ("grant_type=client_credentials", "Basic ???", 401, "invalid_client"),
        ("grant_type=client_credentials", "Basic", 400, "invalid_request"),
        ("grant_type=client_credentials", "", 400, "invalid_request"),
        ("grant_type=x&grant_type=x", "Basic ZGVzazpyaWdodA==", 400, "invalid_request"),
        ("client_id=desk&client_secret=right", "", 400, "invalid_request"),
        (
            "grant_type=client_credentials&client_secret=right&client_id=desk",
            "Basic ZGVzazpyaWdodA==",
            400,
            "invalid_request",
        ),
        ("&".join(f"a{n}=1" for n in range(50)), "", 400, "invalid_request"),
        ("grant_type=client_credentials&client_id=%ff", "", 400, "invalid_request"),
    ],
)
async def test_a_form_and_http_basic(rig, body, authorization, status, error):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": authorization}
    answer = await rig.client.post("/oauth/token", content=body, headers=headers)
    assert (answer.status_code, answer.json().get("error")) == (status, error)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_wrong_secrets_are_limited_by_client_and_address(rig):
    wrong = SIGN_IN | {"client_secret": "guess"}
    statuses = [(await rig.client.post("/oauth/token", json=wrong)).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    other = wrong | {"client_id": "trainer"}
    assert (await rig.client.post("/oauth/token", json=other)).status_code == 401
    rig.now_s += 5.0
    answers = [await rig.client.post("/oauth/token", json=SIGN_IN) for _ in range(61)]
    assert {answer.status_code for answer in answers} == {200}
    assert (await rig.client.post("/oauth/token", json=wrong)).status_code == 401
    refused = await rig.client.post("/oauth/token", json=SIGN_IN)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


# --- filters, limits, whose a participant is ------------------------------------------------------


async def test_the_list_is_filtered(rig):
    await rig.sign_in()

    async def ids(**params: str) -> list[str]:
        answer = await rig.client.get("/v1/incident_events", params=params)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["data"]]

    assert await ids(is_audio_live="true") == [incident_id("7.wav")]
    assert incident_id("7.wav") not in await ids(is_audio_live="false")
    # The first was created on 2026-03-14 at 02:47:09 UTC, the others an hour apart.
    expected = [incident_id("3.wav"), incident_id("2.wav")]
    assert await ids(since="2026-03-14 04:47:09 UTC", until="2026-03-14 06:47:09 UTC") == expected
    assert await ids(since="2026-03-14T04:47:09Z", until="2026-03-14T08:47:09+02:00") == expected
    query = "?since=2026-03-14T06:47:09+02:00&until=2026-03-14T06:47:09"  # a + not escaped
    answer = await rig.client.get(f"/v1/incident_events{query}")
    assert [each["id"] for each in answer.json()["data"]] == expected


@pytest.mark.parametrize(
    "params", [{"since": "x"}, {"until": ""}, {"since": "9" * 100}, {"is_audio_live": "maybe"}]
)
async def test_a_filter_that_makes_no_sense_is_422(rig, params):
    await rig.sign_in()
    answer = await rig.client.get("/v1/incident_events", params=params)
    assert answer.status_code == 422
    assert next(iter(params)) in answer.json()["detail"]


async def test_a_client_that_asks_too_often_has_to_wait_and_no_other(rig):
    await rig.sign_in()
    path = f"/v1/incident_events/{incident_id('0.wav')}"
    statuses = [(await rig.client.get(path)).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    assert (await rig.client.get(path)).headers["retry-after"] == "1"
    secret = rig.library.clients.add("trainer").reveal()
    await rig.sign_in(client_id="trainer", client_secret=secret)
    assert (await rig.client.get(path)).status_code == 200


async def test_a_client_that_may_not_listen_gets_no_stream(rig):
    secret = rig.library.clients.add("words", may_listen=False).reveal()
    await rig.sign_in(client_id="words", client_secret=secret)
    path = f"/v1/incident_events/{incident_id('0.wav')}"
    assert (await rig.client.get(path)).status_code == 200
    answer = await rig.client.post(f"{path}/stream_token")
    assert answer.status_code == 403
    assert not rig.streams.asked


async def test_a_participant_of_another_client_is_a_conflict_while_its_token_is_good(rig):
    secret = rig.library.clients.add("trainer").reveal()
    path = f"/v1/incident_events/{incident_id('0.wav')}/stream_token"
    other = f"/v1/incident_events/{incident_id('1.wav')}/stream_token"
    mine = {"participant_id": "desk 7"}

    async def statuses() -> list[int]:
        asked = [(path, mine), (path, {"participant_id": "desk 8"}), (path, {}), (other, mine)]
        return [(await rig.client.post(p, json=body)).status_code for p, body in asked]

    await rig.sign_in()
    assert (await rig.client.post(path, json=mine)).status_code == 200
    assert (await rig.client.post(path, json=mine)).status_code == 200
    await rig.sign_in(client_id="trainer", client_secret=secret)
    assert await statuses() == [409, 200, 200, 200]
    rig.now_s += DEFAULT_STREAM_TTL_S
    await rig.sign_in(client_id="trainer", client_secret=secret)
    assert await statuses() == [200, 200, 200, 200]


# --- health, metrics, the document ----------------------------------------------------------------


async def test_health_needs_no_token(rig):
    answer = await rig.client.get("/health")
    assert answer.json() == {"status": "ok", "checks": {"library": True}}
    rig.checks = {"library": True, "room_server": False}
    answer = await rig.client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"


async def test_metrics_are_what_prometheus_reads(rig):
    await rig.client.post("/oauth/token", json=SIGN_IN | {"client_secret": "wrong"})
    assert (await rig.client.get("/metrics")).status_code == 401
    await rig.sign_in()
    rig.metrics.watch_library(rig.library)
    rig.metrics.register(BotMetrics(lambda: StreamStats(3, late_blocks=2, commands={"pause": 5})))
    answer = await rig.client.get("/metrics")
    samples = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["callplayer_sign_ins_total",] == 1
    assert samples["callplayer_sign_ins_refused_total",] == 1
    assert samples["callplayer_incidents",] == len(NAMES)
    assert samples["callplayer_streams_open",] == 3
    assert samples["callplayer_late_blocks_total",] == 2
    assert samples["callplayer_commands_total", "pause"] == 5
    assert "desk" not in answer.text


async def test_the_document_is_valid_and_served(rig):
    served = (await rig.client.get("/openapi.json")).json()
    assert served == document("/")
    OpenAPIV31SpecValidator(served).validate()
    OpenAPIV31SpecValidator(document("https://replay.example.org", ingest=True)).validate()


async def test_the_document_describes_every_route(rig):
    reported = {
        (path, method.upper())
        for path, item in document("/")["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {(route.path, method) for route in rig.app.routes for method in route.methods}
    assert {each for each in served if each[1] != "HEAD"} == reported
