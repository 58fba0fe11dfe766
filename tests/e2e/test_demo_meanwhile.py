"""The demo where livekit-server is not built yet: the recording plays, and the room is offered.

The Go compiler here is a script that takes its time, or fails; what it "builds" is the real server.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from callplayer.service.livekit.binary import ensure_binary
from tests.rig.processes import CALLPLAYER, clean_environment, descendants, is_running, soon
from tests.rig.signals import write_tones
from tests.rig.terminal import Terminal

pytestmark = pytest.mark.timeout(180)

GO = """#!/bin/sh
case $1 in
version) echo "go version go1.26.8 linux/amd64"; exit;;
env) echo "$GO_FOLDER/mod"; echo "$GO_FOLDER/build"; exit;;
esac
[ -z "$GO_FAILS" ] || { echo "go: no route to the modules" >&2; exit 1; }
case "$*" in
*" -n "*) for each in $(seq 20); do echo "/compile -o \\$WORK/$each" >&2; done; exit 0;;
esac
echo $$ > "$GO_FOLDER/pid"
for each in $(seq 20); do echo "github.com/$each" >&2; sleep "$GO_S"; done
cp "$GO_BUILDS" "$GOBIN/server"
"""
LENGTH_S = 40.0
SHORT_S = 3.0


class Machine:
    """A home with no livekit-server, and a Go compiler that needs `go_s` for each package."""

    def __init__(
        self, folder: Path, *, go_s: float = 0.2, fails: bool = False, length_s: float = LENGTH_S
    ) -> None:
        self.folder = folder
        self.go_pid = folder / "go" / "pid"
        self.call = folder / "call.wav"
        write_tones(self.call, length_s, 700.0, 1900.0)
        (folder / "bin").mkdir()
        (folder / "go").mkdir()
        go = folder / "bin" / "go"
        go.write_text(GO)
        go.chmod(0o755)
        self.environment = clean_environment(folder) | {
            "PATH": f"{go.parent}:/usr/bin:/bin",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PULSE_SERVER": "unix:/nowhere",
            "GO_FOLDER": str(folder / "go"),
            "GO_S": str(go_s),
            "GO_BUILDS": str(ensure_binary(print)),
            **({"GO_FAILS": "1"} if fails else {}),
        }

    def argv(self, *flags: str) -> list[str]:
        return [*CALLPLAYER, "demo", str(self.call), *flags]

    def left_behind(self) -> list[Path]:
        """Return what a build that did not end has left in the cache."""
        return list(self.folder.glob("cache/callplayer/**/build-*"))

    def piped(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run the demo without a terminal, to its end."""
        return subprocess.run(
            self.argv(*flags),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def terminal(machine: Machine) -> Iterator[Terminal]:
    terminal = Terminal(machine.folder, machine.argv(), machine.environment)
    yield terminal
    terminal.close()


def place_s(screen: str, terminal: Terminal) -> float:
    """Return where the call is, as plain mode's keys would show: from the window's title."""
    title = terminal.title()
    found = re.search(r"(\d+):(\d\d)", title)
    assert found, f"{title!r}\n{screen}"
    return int(found[1]) * 60 + int(found[2])


def test_the_recording_plays_at_once_and_r_goes_on_in_the_room(
    machine: Machine, terminal: Terminal
) -> None:
    seen = terminal.wait_for("PLAYING", "recording", timeout_s=20)
    assert "no server" in seen
    terminal.wait_until(lambda screen: bool(re.search(r"compiling \d+ of 20, 0:\d\d", screen)))
    seen = terminal.wait_for("the real room is ready: press R", timeout_s=60)
    assert "no server" in seen
    terminal.type("Down")
    terminal.wait_for("−1 dB")
    before_s = place_s(seen, terminal)
    terminal.type("R")
    began_s = time.monotonic()
    terminal.wait_until(lambda screen: "no server" not in screen and "PLAYING" in screen, 30.0)
    seen = terminal.wait_for("RECORDED", "−1 dB")
    # The new engine's first state is of the call's start; it is sent to the place right then.
    assert soon(lambda: before_s - 1 <= place_s(seen, terminal), 3.0)
    passed_s = time.monotonic() - began_s
    assert place_s(seen, terminal) <= before_s + passed_s + 2
    terminal.type("q")
    assert terminal.wait_end() == 0
    assert not machine.left_behind()


def test_quitting_while_it_builds_ends_the_build_and_leaves_the_terminal_as_it_was(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, go_s=30.0)
    terminal = Terminal(tmp_path, machine.argv(), machine.environment)
    try:
        terminal.wait_for("PLAYING", "compiling 1 of 20", timeout_s=30)
        go = int(machine.go_pid.read_text())
        terminal.type("q")
        assert terminal.wait_end() == 0
        assert not is_running(go)
        assert not machine.left_behind()
    finally:
        terminal.close()


def test_where_it_cannot_be_built_that_is_said_and_the_recording_plays_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, fails=True)
    terminal = Terminal(tmp_path, machine.argv(), machine.environment, columns=100)
    try:
        terminal.wait_for("No real room: `go install` failed", "PLAYING", timeout_s=30)
        terminal.type("q")
        assert terminal.wait_end() == 0
        terminal.wait_for("no route to the modules", "Or: Install Go, then run: go install")
    finally:
        terminal.close()


def test_livekit_waits_for_the_room(machine: Machine) -> None:
    terminal = Terminal(machine.folder, machine.argv("--livekit"), machine.environment)
    try:
        terminal.wait_until(lambda screen: bool(re.search(r"\[2/3\] compiling.* of 20", screen)))
        seen = terminal.wait_for("PLAYING", "RECORDED", timeout_s=60)
        assert "no server" not in seen
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()


def test_without_a_terminal_the_room_is_waited_for(tmp_path: Path) -> None:
    ended = Machine(tmp_path, length_s=SHORT_S).piped()
    assert ended.returncode == 0, ended.stdout
    wanted = r"no terminal.*\[2/3\] compiling livekit-server, \d+ of 20 packages, 0:0\d.*"
    wanted += r"\[3/3\] playing call.wav over LiveKit.*Playing at 0:00 of 0:03.*At end at 0:03"
    assert re.search(wanted, ended.stdout, re.DOTALL), ended.stdout


def test_without_a_terminal_and_without_a_room_the_recording_is_played_to_its_end(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, fails=True, length_s=SHORT_S)
    ended = machine.piped()
    assert ended.returncode == 0, ended.stdout
    wanted = r"`go install` failed: no route.*\[3/3\] playing call.wav from its file.*"
    wanted += r"Recording call.wav, no server.*Playing at 0:00 of 0:03.*At end at 0:03"
    assert re.search(wanted, ended.stdout, re.DOTALL), ended.stdout
    assert machine.piped("--livekit").returncode == 1


def test_a_demo_that_is_killed_while_it_builds_leaves_no_build_behind(tmp_path: Path) -> None:
    machine = Machine(tmp_path, go_s=30.0)
    terminal = Terminal(tmp_path, machine.argv(), machine.environment)
    try:
        terminal.wait_for("compiling 1 of 20", timeout_s=30)
        go = int(machine.go_pid.read_text())
        pane = terminal.program_pid()
        player, *others = descendants(pane)
        assert go in others
        os.kill(player, signal.SIGKILL)
        assert soon(lambda: not any(map(is_running, others)))
        assert not machine.left_behind()
    finally:
        terminal.close()
