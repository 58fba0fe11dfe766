"""The API client where a real server is hard to bring to it: refusals, redirects, floods, hangs."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from callplayer.config import Secret, Settings
from callplayer.engine.access import MAX_PAGES, Access, retry_after_s
from callplayer.errors import (
    CallplayerError,
    IncidentNotFoundError,
    SignInRefusedError,
    UnreachableError,
    UsageError,
)
from callplayer.wire import MAX_HTTP_BYTES

API = "https://api.example"
SECRET = "s3cr3t-of-the-client"
SETTINGS = Settings(api_url=API, client_id="center-7", client_secret=Secret(SECRET))

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Vendor:
    """Answers sign-ins itself with tokens numbered from 1, and all else as it is told."""

    answer: Answer
    expires_in: float = 7200
    requests: list[httpx.Request] = field(default_factory=list)
    sign_ins: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/oauth/token":
            self.sign_ins += 1
            token = f"token-{self.sign_ins}"
            return httpx.Response(200, json={"access_token": token, "expires_in": self.expires_in})
        return self.answer(request)

    def access(self, settings: Settings = SETTINGS) -> Access:
        return Access(settings, httpx.MockTransport(self))


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


async def test_a_client_that_is_refused_twice_is_told_so() -> None:
    vendor = Vendor(lambda _: httpx.Response(401))
    async with vendor.access() as access:
        with pytest.raises(SignInRefusedError):
            await access.incident("a")
    assert (vendor.sign_ins, len(vendor.requests)) == (2, 4)


async def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now_s = 1000.0

        def monotonic(self) -> float:
            return self.now_s

    clock = Clock()
    monkeypatch.setattr("callplayer.engine.access.time", clock)
    vendor = Vendor(lambda _: httpx.Response(200, json=[]), expires_in=600)
    async with vendor.access() as access:
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
        (429, UnreachableError),
        (500, UnreachableError),
        (503, UnreachableError),
    ],
)
async def test_what_each_refusal_means(status: int, error: type[CallplayerError]) -> None:
    vendor = Vendor(lambda _: httpx.Response(status, text="<h1>s3cr3t trace</h1>"))
    async with vendor.access() as access:
        with pytest.raises(error) as caught:
            await access.stream_grant("a", autoplay=False)
    assert "trace" not in caught.value.what + caught.value.hint


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, SignInRefusedError), (401, SignInRefusedError), (403, SignInRefusedError),
     (404, UnreachableError), (500, UnreachableError), (302, UnreachableError)],
)  # fmt: skip
async def test_what_a_refused_sign_in_means(status: int, error: type[CallplayerError]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=SECRET))
    async with Access(SETTINGS, transport) as access:
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


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["https://elsewhere.example/", "/v1/other"])
async def test_redirects_are_not_followed(status: int, place: str) -> None:
    vendor = Vendor(lambda _: httpx.Response(status, headers={"Location": place}))
    async with vendor.access() as access:
        with pytest.raises(UnreachableError):
            await access.incident("a")
    assert [request.url.path for request in vendor.requests] == [
        "/oauth/token",
        "/v1/incident_events/a",
    ]


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
        with pytest.raises(UnreachableError):
            await access.incidents()
    assert {request.url.host for request in vendor.requests} == {"api.example"}
    assert len(vendor.requests) == 2


# --- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [str, lambda page: page, lambda page: f"?page={page}",
     lambda page: f"/v1/incident_events?page={page}",
     lambda page: f"{API}/v1/incident_events?page={page}"],
)  # fmt: skip
async def test_pages_are_followed_to_the_last(link: Callable[[int], str | int]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        more = {"next": link(page + 1)} if page < 3 else {"next": None}
        return httpx.Response(200, json={"data": [{"id": f"p{page}"}], **more})

    async with Vendor(answer).access() as access:
        assert [incident.id for incident in await access.incidents()] == ["p1", "p2", "p3"]


async def test_pages_without_end_are_not_followed_for_ever() -> None:
    vendor = Vendor(lambda _: httpx.Response(200, json={"data": [{"id": "a"}], "next": "2"}))
    async with vendor.access() as access:
        assert len(await access.incidents()) == MAX_PAGES
    assert len(vendor.requests) == MAX_PAGES + 1


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
async def test_what_is_not_understood_is_told_in_plain_words(body: bytes) -> None:
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
    told = caught.value.what + caught.value.hint + caplog.text
    assert "token-1" not in told
    assert "s3cr3t" not in told


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
    ("told", "wanted_s"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("-3", 0.0),
        ("soon", 0.0),
        ("٣", 0.0),
        ("9" * 5000, float("9" * 40)),
        ("", 0.0),
    ],
)
def test_what_an_answer_asks_to_wait_is_read(told: str, wanted_s: float) -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    assert retry_after_s({"retry-after": told}, now) == wanted_s


async def test_a_refusal_for_being_asked_too_often_says_how_long_to_wait() -> None:
    vendor = Vendor(lambda _: httpx.Response(429, headers={"Retry-After": "12"}))
    async with vendor.access() as access:
        with pytest.raises(UnreachableError) as caught:
            await access.stream_grant("i", autoplay=False)
    assert caught.value.retry_after_s == 12.0
