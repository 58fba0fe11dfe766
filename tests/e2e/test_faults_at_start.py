"""What goes wrong before a call has begun ends the program: with its reason, and a code of its own.

In mid-call the same is tried again for ever (`python -m tests.faults`). What is only not ready yet
is waited for at the start, too (test_not_ready.py).
"""

from __future__ import annotations

import json
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

SIGN_IN = "/oauth/token"
NOBODYS_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJub2JvZHkifQ.c2lnbmF0dXJl"
HANG_S = 20.0


def start(home: Path, service: Service, api_url: str, **variables: str) -> HeadlessEngine:
    environment = service.environment | {"CALLPLAYER_API_URL": api_url} | variables
    return HeadlessEngine(home, environment, service.incidents[0], "--no-audio")


def assert_ends(engine: HeadlessEngine, code: int, name: str, says: str) -> None:
    """It reports what happened and what to do, says bye, and leaves with the code."""
    try:
        _, error = engine.wait_for(lambda e: e["event"] == "error", HANG_S)
        assert says in error["message"]
        assert (error["code"], error["exit_code"]) == (name, code)
        assert error["hint"]
        assert engine.finish() == code
    finally:
        if engine.process.poll() is None:
            engine.process.kill()
            engine.finish()
    assert engine.last("bye") == {"event": "bye", "exit_code": code}
    assert engine.last("state")["phase"] == "failed"
    reported = json.dumps([event for _, event in engine.events])
    assert CLIENT_SECRET not in reported
    assert "eyJ" not in reported


@pytest.fixture(scope="module")
def proxy(sweep_service: Service) -> Iterator[FaultProxy]:
    with fault_proxy(sweep_service.api_url) as proxy:
        yield proxy


@pytest.fixture(scope="module", autouse=True)
def hanging(
    sweep_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HeadlessEngine]:
    """A player whose API does not answer; that takes 10 s, in which the other tests run."""
    with fault_proxy(sweep_service.api_url) as proxy:
        proxy.fault = Fault(hangs=True)
        engine = start(tmp_path_factory.mktemp("hanging"), sweep_service, proxy.url)
        yield engine
        if engine.process.poll() is None:
            engine.process.kill()
            engine.finish()


REFUSED, UNREACHABLE = (3, "sign-in-refused"), (5, "unreachable")
CASES = [
    pytest.param(Fault(401), *REFUSED, "refuses this client (401)", id="401"),
    pytest.param(Fault(403), *REFUSED, "refuses this client (403)", id="403"),
    pytest.param(Fault(500), *UNREACHABLE, "answered 500", id="500"),
    pytest.param(Fault(breaks_off=True), *UNREACHABLE, "answer broke off", id="half a body"),
    pytest.param(HTML, *UNREACHABLE, "not understood", id="HTML"),
    pytest.param(Fault(401, path=SIGN_IN), *REFUSED, "Sign-in was refused", id="sign-in: 401"),
    pytest.param(Fault(500, path=SIGN_IN), *UNREACHABLE, "with 500", id="sign-in: 500"),
    pytest.param(
        Fault(body=HTML.body, content_type="text/html", path=SIGN_IN),
        *UNREACHABLE,
        "not understood",
        id="sign-in: HTML",
    ),
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


@pytest.mark.parametrize(
    ("where", "code", "name", "says"),
    [
        pytest.param("nobody", *UNREACHABLE, "room server does not answer", id="nobody there"),
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
        "nobody": f"ws://127.0.0.1:{closed_port()}",
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


def test_a_name_that_is_not_resolved_at_the_start_ends_it(
    sweep_service: Service, tmp_path: Path
) -> None:
    hosts, resolver = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text(NO_NAMES)
    resolver.write_text(NO_SERVER)
    environment = sweep_service.environment | {"CALLPLAYER_API_URL": f"https://{HOST}"}
    prefix = ("unshare", "--mount", "sh", "-c", WITH_OWN_HOSTS, str(hosts), str(resolver))
    engine = HeadlessEngine(
        tmp_path, environment, sweep_service.incidents[0], "--no-audio", prefix=prefix
    )
    assert_ends(engine, *UNREACHABLE, "name cannot be resolved")


def test_an_api_that_hangs_at_the_start_ends_it(hanging: HeadlessEngine) -> None:
    assert_ends(hanging, *UNREACHABLE, "no answer in time")
