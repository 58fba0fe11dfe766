"""Where a secret must never be: arguments, children that need none, logs, the terminal, files."""

from __future__ import annotations

import json
import re
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.processes import (
    CALLPLAYER,
    CLIENT_SECRET,
    HeadlessEngine,
    Service,
    clean_environment,
)
from tests.rig.pulse import Sink
from tests.rig.recorded import RecordedTerminal

USERS_OWN = "the-users-own-secret-of-a-vendor-0123456789"
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")


@dataclass(frozen=True)
class Process:
    """A process as any user of the machine, or its owner, can see it."""

    arguments: bytes
    variables: dict[bytes, bytes]


def processes_below(pid: int) -> dict[str, Process]:
    """Return the processes that a program has started, by what they are."""
    found = {}
    waiting = [pid]
    while waiting:
        below = waiting.pop()
        for listed in Path(f"/proc/{below}/task").glob("*/children"):
            waiting += map(int, listed.read_text().split())
        arguments = Path(f"/proc/{below}/cmdline").read_bytes()
        pairs = Path(f"/proc/{below}/environ").read_bytes().split(b"\0")
        variables = dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)
        found[kind_of(arguments)] = Process(arguments, variables)
    return found


def kind_of(arguments: bytes) -> str:
    words = arguments.split(b"\0")
    if b"livekit-server" in words[0]:
        return "livekit-server"
    for word, kind in (
        (b"callplayer.service.bots.worker", "worker"),
        (b"serve", "service"),
        (b"--headless", "engine"),
        (b"demo", "demo"),
    ):
        if word in words:
            return kind
    return arguments.decode()


@pytest.fixture
def demo(sink: Sink, tmp_path: Path) -> Iterator[RecordedTerminal]:
    environment = clean_environment(tmp_path) | sink.environment
    environment |= {
        "CALLPLAYER_CLIENT_SECRET": USERS_OWN,
    }
    terminal = RecordedTerminal([*CALLPLAYER, "demo"], environment)
    yield terminal
    terminal.close()


def test_no_argument_holds_a_secret_and_children_have_what_they_need_only(
    demo: RecordedTerminal, tmp_path: Path
) -> None:
    demo.until("PLAYING")
    demo.read_for(1.0)
    found = processes_below(demo.process.pid)
    assert set(found) == {"demo", "service", "livekit-server", "worker", "engine"}
    served = found["service"].variables[b"CALLPLAYER_SERVE_CLIENT_SECRET"]
    keys = json.loads(found["livekit-server"].variables[b"LIVEKIT_CONFIG"])["keys"]
    (room_secret,) = (value.encode() for value in keys.values())
    secrets = {USERS_OWN.encode(), served, room_secret}
    assert all(len(secret) > 30 for secret in secrets)
    for name, process in found.items():
        for secret in secrets:
            assert secret not in process.arguments, name
        assert not JWT.search(process.arguments), name

    def held_by(name: str) -> set[bytes]:
        all_of_it = b"\n".join(found[name].variables.values())
        return {secret for secret in secrets if secret in all_of_it}

    assert held_by("livekit-server") == {room_secret}
    assert held_by("worker") == set()
    assert held_by("service") == {served}
    assert held_by("engine") == {served}, "it signs in with what the service takes"
    assert set(found["livekit-server"].variables) <= {b"LIVEKIT_CONFIG", b"PATH", b"HOME"}

    demo.type("?i")
    demo.read_for(0.5)
    demo.type("\x1bq")
    assert demo.until_ended() == 0
    written = b"".join(path.read_bytes() for path in files_of(tmp_path))
    for text in (demo.output, written):
        assert not any(secret in text for secret in secrets)
        assert not JWT.search(text)


def files_of(home: Path) -> list[Path]:
    """Return what a player has written below a home."""
    return [path for path in (home / ".local").rglob("*") if path.is_file()]


AT_DEBUG_LEVEL = """
import logging, sys
from callplayer import cli, logs
start_log = logs.start_log
def start_all_of_it():
    start_log()
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("httpx", "httpcore", "websockets", "livekit", "asyncio", "callplayer"):
        logging.getLogger(name).setLevel(logging.DEBUG)
logs.start_log = start_all_of_it
cli.run()
"""


@pytest.mark.parametrize("is_right", [True, False], ids=["as it is", "wrong secret"])
def test_at_debug_level_no_log_holds_a_secret_a_number_or_a_word(
    is_right: bool, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo_call = Path(__file__).parents[2] / "callplayer/demo_calls/kitchen-fire.ogg"
    service = Service(tmp_path, demo_call)
    monkeypatch.setattr(
        "tests.rig.processes.CALLPLAYER", (sys.executable, "-P", "-c", AT_DEBUG_LEVEL)
    )
    secret = CLIENT_SECRET if is_right else "another-secret-0123456789"
    variables = {"CALLPLAYER_CLIENT_SECRET": secret, "LIVEKIT_RTC_DEBUG": "1", "RUST_LOG": "debug"}
    engine = HeadlessEngine(
        tmp_path,
        service.environment | sink.environment | variables,
        service.incidents[0],
        "--cable-url=ws://127.0.0.1:9/cable" if not is_right else "--live",
    )
    try:
        if is_right:
            engine.wait_state(phase="at-end")
            engine.wait_for(lambda e: e["event"] == "words")
            engine.send_line(b'{"cmd":"nothing of the kind"}')
            engine.send(cmd="pause")
            time.sleep(0.5)
            assert engine.quit() == 0
        else:
            assert engine.finish() == 3
        reported = json.dumps([event for _, event in engine.events]).encode()
        (log,) = (path.read_bytes() for path in tmp_path.rglob("callplayer.log"))
        assert b"DEBUG" in log, "all of it is logged here"
        for text in (log, reported, service.log_path.read_bytes()):
            assert secret.encode() not in text
            assert not JWT.search(text)
            assert b"token=" not in text
            assert b"Bearer " not in text
        phone = next(
            (e["caller_phone_number"] for _, e in engine.events if e["event"] == "incident"), ""
        )
        assert bool(phone) is is_right
        if is_right:
            assert phone.encode() not in log
            assert b"smoke" not in log
    finally:
        service.stop()


def test_what_is_kept_is_for_its_owner_only_whatever_the_umask(
    sweep_service: Service, sink: Sink, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path) | sweep_service.environment | sink.environment
    wide_open = ("/bin/sh", "-c", 'umask 0; exec "$@"', "sh")
    screen = RecordedTerminal([*wide_open, *CALLPLAYER, sweep_service.incidents[0]], environment)
    try:
        screen.until("PLAYING")
        screen.type("b")
        screen.until("Bookmark at")
        screen.type("c")
        screen.until("Copied")
        screen.type("y")
        screen.until("Colours:")
        screen.type("q")
        assert screen.until_ended() == 0
    finally:
        screen.close()
    kept = files_of(tmp_path)
    assert {path.name for path in kept} >= {"callplayer.log", "citation.txt", "choices.json"}
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700, path.parent
