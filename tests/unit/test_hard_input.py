"""Input that is hard on the rules and the API client: each reported, held in range, or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from callplayer.config import Secret, Settings, load_settings
from callplayer.engine.cursor import estimate as heads
from callplayer.engine.cursor.reconcile import take_status
from callplayer.errors import CallplayerError, UsageError
from callplayer.ipc import codec
from callplayer.vendor.client import ApiClient
from callplayer.vendor.commands import GAIN_MAX_DB, GAIN_MIN_DB, Scrub, SetGain, decode_command
from callplayer.vendor.http import parse_access_token
from callplayer.vendor.status import Status
from callplayer.vendor.values import MAX_CALL_MS, WireError
from tests.rig.clock import SteppedClock

SETTINGS = Settings(api_url="https://api.example", client_id="a", client_secret=Secret("b"))


def _access(next_page: str) -> ApiClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        return httpx.Response(200, json={"id": "a", "data": [{"id": "a"}], "next": next_page})

    return ApiClient(SETTINGS, httpx.MockTransport(answer))


@pytest.mark.parametrize("digits", [309, 400, 4000])
def test_a_life_of_any_length_is_capped(digits: int) -> None:
    body = b'{"access_token":"a","expires_in":' + b"9" * digits + b"}"
    assert parse_access_token(body).expires_in_s == 30 * 24 * 3600


@pytest.mark.parametrize(
    "link", ["?page=\x01", "?page=\x7f", "http://[::1", "?page=" + "9" * 70_000], ids=range(4)
)
async def test_a_next_page_that_is_no_url_is_reported(link: str) -> None:
    async with _access(link) as access:
        listed = access.incident_list()
        while not listed.ended:
            await listed.load_more()
    assert [each.id for each in listed.incidents] == ["a"]
    assert listed.left_out


@pytest.mark.parametrize("incident", ["\udcff", "..", "."])
async def test_an_id_that_can_be_none_is_reported(incident: str) -> None:
    async with _access("") as access:
        with pytest.raises(CallplayerError):
            await access.incident(incident)


@pytest.mark.parametrize(
    "url",
    ["https://a\x01b", "https://\u2028.com", "https://api.example?x=1", "https://api.example#f"],
)
def test_an_api_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        load_settings({}, environment={"CALLPLAYER_API_URL": url})


async def test_an_answer_that_drips_ends() -> None:
    """Each chunk is in time; the whole never ends. Here a chunk an hour, on an invented clock."""

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(1000):
            clock.now_s += 9.0
            yield b" "
        yield b"[]"

    clock = SteppedClock()
    started_s = clock.now_s

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        return httpx.Response(200, content=drip())

    async with ApiClient(SETTINGS, httpx.MockTransport(answer), clock) as access:
        with pytest.raises(CallplayerError):
            await access.incidents()
    assert clock.now_s - started_s < 120.0


@pytest.mark.parametrize("position", [10**30, 2**64, -(2**63)])
def test_a_scrub_of_a_script_is_in_range(position: int) -> None:
    try:
        request = codec.decode_request(b'{"cmd":"scrub","position":%d}' % position)
    except WireError:
        return
    assert isinstance(request, Scrub)
    assert abs(request.position) <= MAX_CALL_MS


def test_a_command_of_a_client_is_in_range() -> None:
    scrub = decode_command(b'{"cmd":"scrub","position":-5}')
    gain = decode_command(b'{"cmd":"set-gain","gain":1e308,"callerType":"caller"}')
    assert isinstance(scrub, Scrub)
    assert isinstance(gain, SetGain)
    assert scrub.position >= 0
    assert GAIN_MIN_DB <= gain.gain <= GAIN_MAX_DB


def test_what_is_heard_after_a_resume_is_not_ahead_of_the_ear() -> None:
    """Paused at 1000; the first status of playing comes 300 ms on. 200 ms are on their way."""
    head = take_status(heads.CursorEstimate(), Status(1000, 60_000, True, False, True), 10.0)
    head = heads.ask_paused(head, False, 11.0)
    head = take_status(head, Status(1300, 60_000, False, False, True), 11.3)
    assert head.audible_ms(11.3, 200.0) == 1100
