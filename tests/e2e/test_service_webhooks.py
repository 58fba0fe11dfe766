"""Webhooks to a real HTTP server that fails first: signed, in order, sent again, given up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import soundfile

from callplayer.config import Secret
from callplayer.recordings.recording import IncidentFacts, Recording, incident_id
from callplayer.service.imports import Call, import_calls
from callplayer.service.library import Library
from callplayer.service.metrics import Metrics
from callplayer.service.pauses import pauses_s
from callplayer.service.webhook_queue import WaitingWebhook
from callplayer.service.webhooks import Webhooks
from tests.e2e.service_fixtures import RATE_HZ, Service, running_service, sweep
from tests.rig.processes import soon

SECRET = "of the receiver and us"
START = datetime(2026, 3, 14, 2, 47, 9, tzinfo=UTC)


class Receiver(ThreadingHTTPServer):
    """Keeps what comes, and answers as `answer` says for the number of the request."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[int], int] = lambda _number: 200
        self.hold = threading.Event()
        self.hold.set()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hooks"

    def events(self) -> list[dict]:
        return [json.loads(body) for _, body in self.came]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((dict(self.headers), body))
        number = len(self.server.came)
        self.server.hold.wait(10)
        self.send_response(self.server.answer(number))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.hold.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def library() -> Iterator[Library]:
    with Library.open(None) as library:
        yield library


def webhooks_to(
    url: str, library: Library, metrics: Metrics | None = None, **times_s: float
) -> Webhooks:
    return Webhooks(url, Secret(SECRET), library.webhooks, metrics or Metrics(), **times_s)


def recording(name: str) -> Recording:
    return Recording(
        name, Path(f"{name}.wav"), ("call",), 60.0, START, IncidentFacts("+15555550142")
    )


async def until(is_true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline_s, "waited too long"
        await asyncio.sleep(0.01)


def verify(header: str, body: bytes) -> bool:
    """As the README tells a receiver to do it."""
    fields = dict(field.split("=", 1) for field in header.split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256)
    is_fresh = abs(time.time() - int(fields["t"])) < 300
    return is_fresh and hmac.compare_digest(expected.hexdigest(), fields["v1"])


async def test_a_webhook_is_signed_and_in_the_vendors_words(
    receiver: Receiver, library: Library
) -> None:
    webhooks = webhooks_to(receiver.url, library)
    library.subscribe(webhooks.told)
    library.add(recording("a"))
    await until(lambda: len(receiver.came) == 1)
    headers, body = receiver.came[0]
    assert headers["Content-Type"] == "application/json"
    assert verify(headers["Callplayer-Signature"], body)
    assert not verify(headers["Callplayer-Signature"], body + b" ")
    told = json.loads(body)
    assert told["type"] == "incident_event.created"
    assert told["incident_event"]["id"] == "a"
    assert told["incident_event"]["created_at"] == "2026-03-14 02:47:09 UTC"
    assert told["incident_event"]["caller_phone_number"] == "+15555550142"
    library.put_words("a", [])
    library.remove("a")
    await asyncio.sleep(0.1)
    assert len(receiver.came) == 1
    await webhooks.close()


async def test_a_receiver_that_fails_first_gets_all_in_order_and_once(
    receiver: Receiver, library: Library
) -> None:
    receiver.answer = lambda number: 503 if number <= 3 else 200
    metrics = Metrics()
    webhooks = webhooks_to(receiver.url, library, metrics, first_pause_s=0.05)
    library.subscribe(webhooks.told)
    library.begin_live(IncidentFacts(), ("call",), Path("x.wav"), START, "live")
    library.end_live("live", 5.0, START)
    await until(lambda: len(receiver.came) == 5)
    await asyncio.sleep(0.1)
    events = receiver.events()
    assert [event["type"].split(".")[1] for event in events] == ["created"] * 4 + ["call_ended"]
    assert len({event["id"] for event in events[:4]}) == 1  # the same one, sent again
    assert events[4]["incident_event"]["is_audio_live"] is False
    assert all(verify(headers["Callplayer-Signature"], body) for headers, body in receiver.came)
    text = metrics.text().decode()
    assert 'callplayer_webhooks_total{outcome="delivered"} 2.0' in text
    assert 'callplayer_webhooks_total{outcome="tried again"} 3.0' in text
    await webhooks.close()


async def test_a_receiver_that_hangs_holds_up_its_incident_only(
    receiver: Receiver, library: Library
) -> None:
    receiver.hold.clear()
    webhooks = webhooks_to(receiver.url, library)
    library.subscribe(webhooks.told)
    began_s = time.monotonic()
    for name in ("a", "b", "c"):
        library.begin_live(IncidentFacts(), ("call",), Path("x.wav"), START, name)
        library.end_live(name, 5.0, START)
    assert time.monotonic() - began_s < 1.0
    await until(lambda: len(receiver.came) == 3)
    assert {event["type"] for event in receiver.events()} == {"incident_event.created"}
    receiver.hold.set()
    await until(lambda: len(receiver.came) == 6)
    await webhooks.close()


async def test_what_nobody_takes_is_given_up(receiver: Receiver, library: Library) -> None:
    receiver.answer = lambda _number: 302
    metrics = Metrics()
    webhooks = Webhooks(
        receiver.url, Secret(SECRET), library.webhooks, metrics, first_pause_s=0.02, give_up_s=0.2
    )
    library.subscribe(webhooks.told)
    library.add(recording("a"))
    given_up = 'callplayer_webhooks_total{outcome="given up"} 1.0'
    await until(lambda: given_up in metrics.text().decode())
    assert len(receiver.came) >= 2
    receiver.answer = lambda _number: 410
    library.add(recording("b"))
    refused = 'callplayer_webhooks_total{outcome="refused"} 1.0'
    await until(lambda: refused in metrics.text().decode())
    assert receiver.events()[-1]["incident_event"]["id"] == "b"
    await webhooks.close()


async def test_nobody_listening_is_no_error_of_ours(receiver: Receiver, library: Library) -> None:
    webhooks = Webhooks(
        "http://127.0.0.1:1/", Secret(SECRET), library.webhooks, Metrics(), first_pause_s=0.02
    )
    library.subscribe(webhooks.told)
    library.add(recording("a"))
    await asyncio.sleep(0.2)
    await webhooks.close()


async def test_what_waits_is_sent_by_the_next_service_in_order(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda _number: 503
    with Library.open(tmp_path) as library:
        webhooks = webhooks_to(receiver.url, library)
        library.subscribe(webhooks.told)
        for name in ("live", "removed"):
            library.begin_live(IncidentFacts(), ("call",), Path("x.wav"), START, name)
        library.end_live("live", 5.0, START)
        await until(lambda: len(receiver.came) == 2)
        await webhooks.close()
        library.remove("removed")  # what it told of an incident goes with that
    first = next(each for each in receiver.events() if each["incident_event"]["id"] == "live")
    receiver.came.clear()
    receiver.answer = lambda _number: 200
    with Library.open(tmp_path) as library:
        webhooks = webhooks_to(receiver.url, library)
        webhooks.take_up()
        await until(lambda: not library.webhooks.rows())
        await webhooks.close()
    events = receiver.events()
    assert [each["type"].split(".")[1] for each in events] == ["created", "call_ended"]
    assert {each["incident_event"]["id"] for each in events} == {"live"}
    assert events[0]["id"] == first["id"]


async def test_what_has_waited_too_long_is_not_sent_by_the_next_service(
    receiver: Receiver, library: Library
) -> None:
    library.add(recording("a"))
    now_s = time.time()
    library.webhooks.put(WaitingWebhook("late", "a", b"{}", now_s - 1.0))
    library.webhooks.put(WaitingWebhook("in time", "a", b"{}", now_s + 60.0))
    metrics = Metrics()
    webhooks = webhooks_to(receiver.url, library, metrics)
    webhooks.take_up()
    await until(lambda: not library.webhooks.rows())
    await webhooks.close()
    assert len(receiver.came) == 1
    assert 'callplayer_webhooks_total{outcome="given up"} 1.0' in metrics.text().decode()


async def test_no_more_than_so_many_wait(
    receiver: Receiver, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callplayer.service.webhooks.MAX_WAITING", 2)
    receiver.hold.clear()
    metrics = Metrics()
    webhooks = webhooks_to(receiver.url, library, metrics)
    library.subscribe(webhooks.told)
    for name in ("a", "b", "c"):
        library.add(recording(name))
    assert [each.incident_id for each in library.webhooks.rows()] == ["a", "b"]
    assert 'callplayer_webhooks_total{outcome="dropped"} 1.0' in metrics.text().decode()
    receiver.hold.set()
    await until(lambda: not library.webhooks.rows())
    await webhooks.close()


def test_a_service_that_is_killed_leaves_its_webhooks_to_the_next(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Killed in the middle of a live call, of whose beginning nobody has been told yet."""
    receiver.answer = lambda _number: 503
    library = tmp_path / "library"
    environment = {"CALLPLAYER_SERVE_WEBHOOK_SECRET": SECRET}
    options = f"(), port=0, library=Path({str(library)!r}), webhook={receiver.url!r}"
    live = f"{options}, live_sources=LiveSources(stdin='s16le:8000:1')"
    with running_service(live, environment) as service:
        assert service.process.stdin is not None
        service.process.stdin.write(bytes(16_000))
        service.process.stdin.flush()
        assert soon(lambda: bool(receiver.came))
        assert soon(lambda: any(path.stat().st_size > 4096 for path in library.rglob("*.wav")))
        service.process.kill()
        service.process.wait(10)
    begun = receiver.events()[0]
    receiver.came.clear()
    receiver.answer = lambda _number: 200
    kept = b"".join(path.read_bytes() for path in library.glob("library.sqlite3*"))
    assert begun["id"].encode() in kept
    assert SECRET.encode() not in kept
    assert receiver.url.encode() not in kept
    with running_service(options, environment):
        assert soon(lambda: len(receiver.came) == 2)
    events = receiver.events()
    assert events[0] == begun
    assert events[1]["type"] == "incident_event.call_ended"
    assert events[1]["incident_event"]["id"] == begun["incident_event"]["id"]
    with Library.open(library) as again:
        assert again.webhooks.rows() == []


def test_a_service_tells_of_calls_and_imports(receiver: Receiver, tmp_path: Path) -> None:
    for name in ("live", "later"):
        soundfile.write(tmp_path / f"{name}.wav", sweep("caller", 2.0), RATE_HZ)
    live, library = tmp_path / "live.wav", tmp_path / "library"
    environment = {"CALLPLAYER_SERVE_WEBHOOK_SECRET": SECRET}

    def events_of(incident: str) -> list[str]:
        events = [event for event in receiver.events() if event["incident_event"]["id"] == incident]
        return [event["type"].split(".")[1] for event in events]

    def wait_for(incident: str, *kinds: str) -> None:
        deadline_s = time.monotonic() + 15
        while events_of(incident) != list(kinds):
            assert time.monotonic() < deadline_s, (events_of(incident), service.log())
            time.sleep(0.05)

    options = f"(Path({str(live)!r}),), port=0, live=True, webhook={receiver.url!r}"
    with running_service(options, environment) as service:
        wait_for(incident_id("live.wav"), "created", "call_ended")
        assert SECRET not in service.log()
    options = f"(), port=0, library=Path({str(library)!r}), webhook={receiver.url!r}"
    with running_service(options, environment) as service:
        (imported,) = import_calls(library, [Call((tmp_path / "later.wav",))])
        wait_for(imported.id, "created")
    assert all(verify(headers["Callplayer-Signature"], body) for headers, body in receiver.came)


def test_without_a_secret_there_are_no_webhooks(receiver: Receiver, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sweep("caller", 1.0), RATE_HZ)
    options = f"(Path({str(tmp_path)!r}),), port=0, webhook={receiver.url!r}"
    for secret in ("", "short"):
        service = Service(options, {"CALLPLAYER_SERVE_WEBHOOK_SECRET": secret})
        assert service.ready["ready"] is False
        assert "CALLPLAYER_SERVE_WEBHOOK_SECRET" in service.ready["hint"]
        assert service.ready["exit_code"] == 2
        service.close()


def test_pauses_grow_to_a_most_and_vary() -> None:
    pauses = pauses_s(1.0, 300.0)
    first = [next(pauses) for _ in range(12)]
    for number, pause_s in enumerate(first):
        longest_s = min(2.0**number, 300.0)
        assert longest_s / 2 <= pause_s <= longest_s
    assert len({next(pauses) for _ in range(5)}) > 1
