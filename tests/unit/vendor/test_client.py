"""The API client where a real server is hard to bring to it: refusals, redirects, floods, hangs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from callplayer.config import Secret, Settings
from callplayer.errors import (
    CallplayerError,
    IncidentNotFoundError,
    NotReadyError,
    SignInRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.vendor.answers import retry_after_s
from callplayer.vendor.client import MAX_REDIRECTS, ApiClient
from callplayer.vendor.http import MAX_HTTP_BYTES
from tests.rig.clock import SteppedClock

API = "https://api.example"
SECRET = "s3cr3t-of-the-client"
SETTINGS = Settings(api_url=API, client_id="center-7", client_secret=Secret(SECRET))

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Vendor:
    """Answers sign-ins itself with tokens numbered from 1, and all else as the test wants."""

    answer: Answer
    expires_in: float = 7200
    requests: list[httpx.Request] = field(default_factory=list)
    sign_ins: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/oauth/token"):
            self.sign_ins += 1
            token = f"token-{self.sign_ins}"
            return httpx.Response(200, json={"access_token": token, "expires_in": self.expires_in})
        return self.answer(request)

    def access(
        self, settings: Settings = SETTINGS, clock: Callable[[], float] = time.monotonic
    ) -> ApiClient:
        return ApiClient(settings, httpx.MockTransport(self), clock)


def _bearer(request: httpx.Request) -> str:
    return str(request.headers.get("Authorization", ""))


async def test_sign_in_is_as_the_vendor_says() -> None:
    vendor = Vendor(lambda _: httpx.Response(200, json=[{"id": "a"}]))
    async with vendor.access() as access:
        assert [incident.id for incident in await access.incidents()] == ["a"]
        await access.incidents()
    assert vendor.sign_ins == 1
    first = vendor.requests[0]
    assert (first.method, str(first.url)) == ("POST", f"{API}/oauth/token")
    assert json.loads(first.content) == {
        "client_id": "center-7",
        "client_secret": SECRET,
        "grant_type": "client_credentials",
        "scope": "incident_events",
    }
    assert _bearer(first) == ""
    assert _bearer(vendor.requests[1]) == "Bearer token-1"


async def test_a_stream_token_is_asked_for_as_the_vendor_says() -> None:
    vendor = Vendor(lambda _: httpx.Response(201, json={"token": "jwt", "url": "wss://room"}))
    async with vendor.access() as access:
        grant = await access.stream_grant("a b/c?d", autoplay=False)
    asked = vendor.requests[-1]
    assert (grant.token, grant.url) == ("jwt", "wss://room")
    assert asked.method == "POST"
    assert asked.url.raw_path == b"/v1/incident_events/a%20b%2Fc%3Fd/stream_token"
    assert json.loads(asked.content) == {"autoplay": False}


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        fresh = _bearer(request) == "Bearer token-2"
        return httpx.Response(200, json={"id": "a"}) if fresh else httpx.Response(401)

    vendor = Vendor(answer)
    async with vendor.access() as access:
        assert (await access.incident("a")).id == "a"
    assert vendor.sign_ins == 2


async def test_a_client_that_is_refused_twice_is_an_error() -> None:
    vendor = Vendor(lambda _: httpx.Response(401))
    async with vendor.access() as access:
        with pytest.raises(SignInRefusedError):
            await access.incident("a")
    assert (vendor.sign_ins, len(vendor.requests)) == (2, 4)


async def test_a_token_is_renewed_before_it_ends() -> None:
    clock = SteppedClock()
    vendor = Vendor(lambda _: httpx.Response(200, json=[]), expires_in=600)
    async with vendor.access(clock=clock) as access:
        await access.incidents()
        clock.now_s += 479.0
        await access.incidents()
        assert vendor.sign_ins == 1
        clock.now_s += 2.0
        await access.incidents()
        assert vendor.sign_ins == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, SignInRefusedError),
        (404, IncidentNotFoundError),
        (410, IncidentNotFoundError),
        (400, UnreachableError),
        (500, UnreachableError),
    ],
)
async def test_what_each_refusal_means(status: int, error: type[CallplayerError]) -> None:
    vendor = Vendor(lambda _: httpx.Response(status, text="<h1>s3cr3t trace</h1>"))
    async with vendor.access() as access:
        with pytest.raises(error) as caught:
            await access.stream_grant("a", autoplay=False)
    assert "trace" not in caught.value.what + caught.value.hint


@pytest.mark.parametrize("path", ["/oauth/token", "/stream_token"])
@pytest.mark.parametrize(
    ("status", "passes"), [(400, False), (500, True), (501, False), (502, True), (504, True)]
)
async def test_a_failure_of_the_server_may_pass(path: str, status: int, passes: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        failing = request.url.path.endswith(path)
        return httpx.Response(status if failing else 200, json={"access_token": "t"})

    async with ApiClient(SETTINGS, httpx.MockTransport(answer)) as access:
        with pytest.raises(CallplayerError) as caught:
            await access.stream_grant("a", autoplay=False)
    assert getattr(caught.value, "may_pass", False) == passes


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, SignInRefusedError), (401, SignInRefusedError), (403, SignInRefusedError),
     (404, UnreachableError), (500, UnreachableError), (302, UnreachableError),
     (429, NotReadyError), (503, NotReadyError)],
)  # fmt: skip
async def test_what_a_refused_sign_in_means(status: int, error: type[CallplayerError]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=SECRET))
    async with ApiClient(SETTINGS, transport) as access:
        with pytest.raises(error) as caught:
            await access.incidents()
    assert SECRET not in caught.value.what + caught.value.hint


async def test_without_credentials_nothing_is_sent() -> None:
    vendor = Vendor(lambda _: httpx.Response(200, json=[]))
    async with vendor.access(Settings(api_url=API)) as access:
        with pytest.raises(UsageError):
            await access.incidents()
    assert vendor.requests == []


# --- elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "place"),
    [(301, "/v1/other"), (302, "/v1/other"), (303, "/v1/other"),
     *((status, place) for status in (307, 308) for place in (
         "https://elsewhere.example/", "//elsewhere.example/v1", "http://api.example/v1",
         "https://api.example:8443/v1", "https://api.example@elsewhere.example/",
         "https://user@api.example/v1", "javascript:alert(1)", "https://[", ""))],
)  # fmt: skip
async def test_a_redirect_elsewhere_or_of_another_kind_is_not_followed(
    status: int, place: str
) -> None:
    vendor = Vendor(lambda _: httpx.Response(status, headers={"Location": place}))
    async with vendor.access() as access:
        with pytest.raises(UnreachableError):
            await access.incident("a")
    assert [request.url.path for request in vendor.requests] == [
        "/oauth/token",
        "/v1/incident_events/a",
    ]


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place", ["/v2/here", f"{API}/v2/here", "../../v2/here", "https://API.example:443/v2/here"]
)
async def test_a_redirect_to_the_same_origin_is_followed_as_it_was_asked(
    status: int, place: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1"):
            return httpx.Response(status, headers={"Location": place})
        assert request.method == "POST"
        assert json.loads(request.content) == {"autoplay": False}
        assert _bearer(request) == "Bearer token-1"
        return httpx.Response(201, json={"token": "jwt"})

    vendor = Vendor(answer)
    async with vendor.access() as access:
        grant = await access.stream_grant("i", autoplay=False)
    assert grant.token == "jwt"
    assert vendor.requests[-1].url.path in ("/v2/here", "/v1/v2/here")


async def test_redirects_without_end_are_not_followed_for_ever() -> None:
    vendor = Vendor(lambda _: httpx.Response(307, headers={"Location": "/v1/again"}))
    async with vendor.access() as access:
        with pytest.raises(UnreachableError, match="307"):
            await access.incident("a")
    assert len(vendor.requests) == 1 + MAX_REDIRECTS + 1


@pytest.mark.parametrize("api_url", [API, "https://API.example", f"{API}:443", f"{API}:443/p"])
async def test_the_list_goes_on_however_the_address_is_written(api_url: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        more = f"{request.url.path}?page={page + 1}" if page < 3 else None
        return httpx.Response(200, json={"data": [{"id": f"{page}"}], "next": more})

    settings = Settings(api_url=api_url, client_id="a", client_secret=Secret("b"))
    async with ApiClient(settings, httpx.MockTransport(Vendor(answer))) as access:
        listed = access.incident_list()
        while not listed.ended:
            await listed.load_more()
    assert ([each.id for each in listed.incidents], listed.left_out) == (["1", "2", "3"], "")


@pytest.mark.parametrize(
    "next_page",
    [
        "https://elsewhere.example/v1/incident_events?page=2",
        "//elsewhere.example/v1/incident_events",
        "http://api.example/v1/incident_events",
        "https://api.example.elsewhere.example/",
        "https://api.example@elsewhere.example/",
        "https://api.example:8443/v1/incident_events",
        "javascript:alert(1)",
    ],
)
async def test_the_bearer_is_sent_nowhere_else(next_page: str) -> None:
    vendor = Vendor(lambda _: httpx.Response(200, json={"data": [{"id": "a"}], "next": next_page}))
    async with vendor.access() as access:
        listed = access.incident_list()
        while not listed.ended:
            await listed.load_more()
    assert "another server" in listed.left_out
    assert {request.url.host for request in vendor.requests} == {"api.example"}
    assert {request.url.scheme for request in vendor.requests} == {"https"}
    assert {request.url.port for request in vendor.requests} == {None}


# --- floods, nonsense, silence --------------------------------------------------------------------


async def test_a_body_without_end_is_left_at_the_cap() -> None:
    given = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 65_536
            yield b" " * 65_536

    async with Vendor(lambda _: httpx.Response(200, content=flood())).access() as access:
        with pytest.raises(UnreachableError, match="larger"):
            await access.incidents()
    assert given <= MAX_HTTP_BYTES + 2 * 65_536


@pytest.mark.parametrize(
    "body", [b"<!doctype html><h1>Welcome</h1>", b"", b"null", b"[" * 100_000, b'{"data":5}']
)
async def test_what_is_not_understood_is_reported_in_plain_words(body: bytes) -> None:
    async with Vendor(lambda _: httpx.Response(200, content=body)).access() as access:
        for ask in (
            access.incidents(),
            access.incident("a"),
            access.stream_grant("a", autoplay=True),
        ):
            with pytest.raises(UnreachableError) as caught:
                await ask
            assert "Welcome" not in caught.value.what


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.RemoteProtocolError],
)
async def test_a_server_that_hangs_or_breaks_is_unreachable(
    failure: type[httpx.TransportError], caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise failure("token-1 s3cr3t", request=request)

    async with Vendor(answer).access() as access:
        with caplog.at_level(logging.DEBUG), pytest.raises(UnreachableError) as caught:
            await access.incident("a")
    assert "does not answer" in caught.value.what
    reported = caught.value.what + caught.value.hint + caplog.text
    assert "token-1" not in reported
    assert "s3cr3t" not in reported


async def test_every_request_has_a_time_limit() -> None:
    limits = []

    def answer(request: httpx.Request) -> httpx.Response:
        limits.append(request.extensions["timeout"])
        return httpx.Response(200, json=[])

    async with Vendor(answer).access() as access:
        await access.incidents()
    for limit in limits:
        assert all(0 < limit[phase] <= 10 for phase in ("connect", "read", "write", "pool"))


@pytest.mark.parametrize(
    ("reported", "wanted_s"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tuesday, 24-Nov-26 12:00:30 GMT", 30.0),
        ("Tue Nov 24 12:00:30 2026", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("-3", 0.0),
        ("soon", 0.0),
        ("٣", 0.0),
        ("9" * 5000, float("9" * 40)),
        ("", 0.0),
    ],
)
def test_what_an_answer_asks_to_wait_is_read(reported: str, wanted_s: float) -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert retry_after_s({"retry-after": reported}, now) == wanted_s


@pytest.mark.parametrize("status", [202, 204, 404, 409, 425, 429, 503])
async def test_a_stream_of_a_known_incident_may_come_yet(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"id": "i"})
        return httpx.Response(status, headers={"Retry-After": "12"})

    vendor = Vendor(answer)
    async with vendor.access() as access:
        for _ in range(2):
            with pytest.raises(NotReadyError) as caught:
                await access.stream_grant("i", autoplay=False)
            assert caught.value.retry_after_s == 12.0
            assert str(status) in caught.value.what
    assert [request.method for request in vendor.requests].count("GET") == 1, "it is known now"


@pytest.mark.parametrize(
    "content",
    [{"token": None, "status": "starting"}, {"data": {"participant_token": "", "server_url": ""}}],
)
async def test_an_answer_with_an_empty_place_for_the_token_is_not_yet(content: object) -> None:
    async with Vendor(lambda _: httpx.Response(200, json=content)).access() as access:
        with pytest.raises(NotReadyError):
            await access.stream_grant("i", autoplay=False)


async def test_an_answer_without_a_place_for_a_token_is_none() -> None:
    vendor = Vendor(lambda _: httpx.Response(200, json={"error": "no", "url": None}))
    async with vendor.access() as access:
        with pytest.raises(UnreachableError):
            await access.stream_grant("i", autoplay=False)


@pytest.mark.parametrize("status", [202, 204, 404, 409, 425, 429, 503])
@pytest.mark.parametrize(
    ("refusal", "error"),
    [(404, IncidentNotFoundError), (401, SignInRefusedError), (403, SignInRefusedError)],
)
async def test_one_that_is_unknown_or_refused_is_not_waited_for(
    status: int, refusal: int, error: type[CallplayerError]
) -> None:
    vendor = Vendor(lambda r: httpx.Response(refusal if r.method == "GET" else status))
    async with vendor.access() as access:
        with pytest.raises(error):
            await access.stream_grant("i", autoplay=False)


@pytest.mark.parametrize(("wanted", "known"), [("i7", True), ("i9", False)])
async def test_where_an_api_has_its_incidents_in_the_list_only_that_is_looked_through(
    wanted: str, known: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(404)
        if not request.url.path.endswith("/incident_events"):
            return httpx.Response(404)
        first = int(request.url.params.get("cursor", "0"))
        rows = [{"id": f"i{number}"} for number in range(first, first + 3)]
        more = {} if first >= 6 else {"next_cursor": str(first + 3)}
        return httpx.Response(200, json={"data": rows, **more})

    async with Vendor(answer).access() as access:
        with pytest.raises(NotReadyError if known else IncidentNotFoundError):
            await access.stream_grant(wanted, autoplay=False)


async def test_where_it_is_not_said_whether_an_incident_is_known_it_is_waited_for() -> None:
    vendor = Vendor(lambda r: httpx.Response(500 if r.method == "GET" else 409))
    async with vendor.access() as access:
        with pytest.raises(NotReadyError, match="409"):
            await access.stream_grant("i", autoplay=False)


async def test_a_202_that_brings_the_token_is_taken() -> None:
    vendor = Vendor(lambda _: httpx.Response(202, json={"token": "jwt"}))
    async with vendor.access() as access:
        assert (await access.stream_grant("i", autoplay=False)).token == "jwt"


async def test_any_2xx_is_a_success() -> None:
    transport = httpx.MockTransport(
        lambda r: httpx.Response(
            201, json={"access_token": "a"} if "oauth" in r.url.path else [{"id": "x"}]
        )
    )
    async with ApiClient(SETTINGS, transport) as access:
        assert [each.id for each in await access.incidents()] == ["x"]
        assert access.signed_in.is_set()
