"""What goes wrong before a call has begun ends the program: with its reason, and a code of its own.

What may pass is tried again before, for some 15 s; in mid-call for ever (`python -m tests.faults`).
What is only not ready yet is waited for at the start, too (test_not_ready.py).
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_secrets import AT_DEBUG_LEVEL
from tests.faults.api_rows import HOST, NO_NAMES, NO_SERVER, WITH_OWN_HOSTS
from tests.faults.rows import HTML
from tests.rig.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.rig.processes import CLIENT_SECRET, HeadlessEngine, Service

NOBODYS_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJub2JvZHkifQ.c2lnbmF0dXJl"
HANG_S = 40.0
NO_ROOM = json.dumps({"token": NOBODYS_JWT, "url": "ws://127.0.0.1:9"})


def start(home: Path, service: Service, api_url: str, **variables: str) -> HeadlessEngine:
    environment = service.environment | {"CALLPLAYER_API_URL": api_url} | variables
    return HeadlessEngine(home, environment, service.incidents[0], "--no-audio")


def closed_port() -> int:
    """Return a port without a listener, with a number that reads like a refusal."""
    for port in range(40_100, 40_200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all of them are taken")


def start_without_names(home: Path, service: Service) -> HeadlessEngine:
    hosts, resolver = home / "hosts", home / "resolv.conf"
    hosts.write_text(NO_NAMES)
    resolver.write_text(NO_SERVER)
    environment = service.environment | {"CALLPLAYER_API_URL": f"https://{HOST}"}
    prefix = ("unshare", "--mount", "sh", "-c", WITH_OWN_HOSTS, str(hosts), str(resolver))
    return HeadlessEngine(home, environment, service.incidents[0], "--no-audio", prefix=prefix)


def assert_ends(engine: HeadlessEngine, code: int, name: str, says: str) -> None:
    """It reports what happened and what to do, says bye, and leaves with the code."""
    try:
        _, error = engine.wait_for(lambda e: e["event"] == "error", HANG_S)
        assert says in error["message"]
        assert (error["code"], error["exit_code"]) == (name, code)
        assert error["hint"]
        assert engine.finish() == code
    finally:
        engine.close()
    assert engine.last("bye") == {"event": "bye", "exit_code": code}
    assert engine.last("state")["phase"] == "failed"
    reported = json.dumps([event for _, event in engine.events])
    assert CLIENT_SECRET not in reported
    assert "eyJ" not in reported


@pytest.fixture(scope="module")
def proxy(sweep_service: Service) -> Iterator[FaultProxy]:
    with fault_proxy(sweep_service.api_url) as proxy:
        yield proxy


FAILING = {
    "500": (Fault(500), "answered 500"),
    "it hangs": (Fault(hangs=True), "no answer in time"),
    "no room": (Fault(body=NO_ROOM), "room server does not answer"),
    "no API": (None, "refuses the connection"),
    "no name": (None, "name cannot be resolved"),
}
"""What may pass, and does not; each takes some 15 s, in which the other tests run."""


@pytest.fixture(scope="module", autouse=True)
def failing(
    sweep_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, HeadlessEngine]]:
    with contextlib.ExitStack() as stack:
        engines: dict[str, HeadlessEngine] = {}
        for name, (fault, _) in FAILING.items():
            home = tmp_path_factory.mktemp("failing")
            if name == "no name":
                engines[name] = start_without_names(home, sweep_service)
                continue
            proxy = stack.enter_context(fault_proxy(sweep_service.api_url))
            proxy.fault = fault
            url = f"http://127.0.0.1:{closed_port()}" if name == "no API" else proxy.url
            engines[name] = start(home, sweep_service, url)
        yield engines
        for engine in engines.values():
            engine.close()


REFUSED, UNREACHABLE = (3, "sign-in-refused"), (5, "unreachable")
CASES = [
    pytest.param(Fault(401), *REFUSED, "refuses this client (401)", id="401"),
    pytest.param(HTML, *UNREACHABLE, "not understood", id="HTML"),
]


@pytest.mark.parametrize(("fault", "code", "name", "says"), CASES)
def test_an_api_that_answers_wrongly_at_the_start_ends_it(
    fault: Fault,
    code: int,
    name: str,
    says: str,
    proxy: FaultProxy,
    sweep_service: Service,
    tmp_path: Path,
) -> None:
    proxy.fault = fault
    assert_ends(start(tmp_path, sweep_service, proxy.url), code, name, says)


@pytest.mark.parametrize(
    ("where", "code", "name", "says"),
    [
        pytest.param("room", *REFUSED, "refuses the stream token", id="token refused"),
        pytest.param("clear", *UNREACHABLE, "cannot be used safely", id="in the clear"),
    ],
)
def test_a_room_that_cannot_be_joined_at_the_start_ends_it(
    where: str,
    code: int,
    name: str,
    says: str,
    proxy: FaultProxy,
    sweep_service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At debug level, so that all that the SDK has to say of its failure is in the log."""
    monkeypatch.setattr(
        "tests.rig.processes.CALLPLAYER", (sys.executable, "-P", "-c", AT_DEBUG_LEVEL)
    )
    url = {
        "room": sweep_service.environment["CALLPLAYER_STREAM_URL"],
        "clear": "ws://rooms.example.org",
    }[where]
    proxy.fault = Fault(body=json.dumps({"token": NOBODYS_JWT, "url": url}))
    engine = start(tmp_path, sweep_service, proxy.url, LIVEKIT_RTC_DEBUG="1", RUST_LOG="debug")
    assert_ends(engine, code, name, says)
    (log,) = tmp_path.rglob("callplayer.log")
    reported = log.read_text()
    assert "DEBUG" in reported
    assert "eyJ" not in reported
    assert CLIENT_SECRET not in reported


@pytest.mark.parametrize("name", FAILING)
def test_what_may_pass_is_tried_again_for_a_while_and_said(
    name: str, failing: dict[str, HeadlessEngine]
) -> None:
    engine, (_, says) = failing[name], FAILING[name]
    assert_ends(engine, *UNREACHABLE, says)
    _, error = engine.wait_for(lambda e: e["event"] == "error")
    assert re.search(r"It was tried [2-9] times\.$", error["message"])
    waits = [e for _, e in engine.events if e["event"] == "state" and e["retry_at_s"] is not None]
    assert waits
    assert all(re.match(r"Trying again since [0-9:]{8}: ", each["detail"]) for each in waits)
