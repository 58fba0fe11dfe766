"""The players that are measured: callplayer in a real terminal, and its peers."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx

from tests.rig.impaired_link import ImpairedLink
from tests.rig.node import node, node_script
from tests.rig.processes import CALLPLAYER, Service, clean_environment
from tests.rig.pulse import Sink
from tests.rig.terminal import Terminal

PEERS = Path(__file__).with_name("peers")


class Client(Protocol):
    """Something that plays one call and takes jumps and pauses."""

    name: str

    def jump(self, target_ms: int) -> float:
        """Ask for a position; return when, by the monotonic clock."""
        ...

    def pause(self) -> float:
        """Ask for silence; return when."""
        ...

    def resume(self) -> float:
        """Ask for sound; return when."""
        ...


class TerminalClient:
    """callplayer on a screen in tmux. Jumps are typed as percents: the keys 1 to 9."""

    def __init__(self, press: Callable[[str], float], duration_ms: int, name: str) -> None:
        self.name = name
        self._press = press
        self._duration_ms = duration_ms

    def jump(self, target_ms: int) -> float:
        return self._press(str(round(target_ms * 10 / self._duration_ms)))

    def press(self, key: str) -> float:
        """Press one key; return when."""
        return self._press(key)

    def pause(self) -> float:
        return self._press("Space")

    def resume(self) -> float:
        return self._press("Space")


class PipedClient:
    """A peer that takes the vendor's commands, a line each, and reports when it sent them."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process
        self._monotonic_less_wall_s = time.monotonic() - time.time()

    def jump(self, target_ms: int) -> float:
        return self._send({"cmd": "scrub", "position": target_ms})

    def pause(self) -> float:
        return self._send({"cmd": "pause"})

    def resume(self) -> float:
        return self._send({"cmd": "resume"})

    def _send(self, command: dict[str, Any]) -> float:
        reported = self.talk(command)
        return float(reported["sent_wall_ms"]) / 1000 + self._monotonic_less_wall_s

    def began_s(self, reported: dict[str, Any]) -> float:
        """Return when the server's cursor began, by the latest statuses in the peer's stats.

        Of these the promptest counts: a status can come late, never early.
        """
        return float(min(reported["began_wall_ms"])) / 1000 + self._monotonic_less_wall_s

    def talk(self, line: dict[str, Any]) -> dict[str, Any]:
        """Write one line, read one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def callplayer(
    home: Path,
    service: Service,
    sink: Sink,
    duration_ms: int,
    program: Sequence[str] = CALLPLAYER,
    name: str = "callplayer",
) -> Iterator[Client]:
    """Run callplayer, or another build of it, in a terminal of 80×24 until it plays."""
    environment = clean_environment(home) | service.environment | sink.environment
    terminal = Terminal(home, [*program, service.incidents[0]], environment)
    try:
        terminal.wait_for("PLAYING")
        with terminal.typist() as press:
            yield TerminalClient(press, duration_ms, name)
        terminal.type("q")
        terminal.wait_end()
    finally:
        terminal.close()


@contextlib.contextmanager
def output_player(home: Path, service: Service, sink: Sink) -> Iterator[Client]:
    """Run the SDK's own player."""
    argv = [sys.executable, str(PEERS / "output_player.py")]
    with _piped("SDK OutputPlayer", argv, home, service, sink, {}) as client:
        yield client


@contextlib.contextmanager
def chromium(
    home: Path, service: Service, sink: Sink, link: ImpairedLink | None = None
) -> Iterator[PipedClient]:
    """Run Chromium with livekit-client, on the client's side of `link` if there is one.

    Raise RuntimeError where there is no Chromium.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("the browser peer needs chromium")
    script = node_script(PEERS / "browser.mjs")
    variables = {"CHROMIUM": program, "NODE_MODULES": str(script.parent / "node_modules")}
    with _piped("Chromium", [node(), str(script)], home, service, sink, variables, link) as client:
        yield client


@contextlib.contextmanager
def _piped(
    name: str,
    argv: list[str],
    home: Path,
    service: Service,
    sink: Sink,
    variables: dict[str, str],
    link: ImpairedLink | None = None,
) -> Iterator[PipedClient]:
    process = subprocess.Popen(
        [*(link.prefix("client") if link else ()), *argv],
        env=clean_environment(home) | sink.environment | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        client = PipedClient(name, process)
        client.talk(link.inside("client", lambda: grant(service)) if link else grant(service))
        client.resume()
        yield client
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        process.kill()
        process.wait()
        process.stdout.close()


def grant(service: Service) -> dict[str, Any]:
    """Return a room's URL and token, asked as any client of the API would."""
    return granted(service.api_url, service.environment, service.incidents[0])


def granted(api_url: str, settings: Mapping[str, str], incident: str) -> dict[str, Any]:
    """Return the URL and token of a room of an incident; `settings` holds the credentials."""
    with httpx.Client(base_url=api_url, trust_env=False) as http:
        signed = http.post(
            "/oauth/token",
            json={
                "client_id": settings["CALLPLAYER_CLIENT_ID"],
                "client_secret": settings["CALLPLAYER_CLIENT_SECRET"],
                "grant_type": "client_credentials",
                "scope": "incident_events",
            },
        ).raise_for_status()
        answer = http.post(
            f"/v1/incident_events/{incident}/stream_token",
            json={"autoplay": False},
            headers={"Authorization": f"Bearer {signed.json()['access_token']}"},
        ).raise_for_status()
    reported: dict[str, Any] = answer.json()
    return reported
