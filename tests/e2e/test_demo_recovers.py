"""The demo lives on when a part of it is killed, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.processes import (
    CALLPLAYER,
    Event,
    HeadlessEngine,
    clean_environment,
    descendants,
    is_running,
    soon,
)
from tests.rig.pulse import Sink
from tests.rig.terminal import Terminal

RECOVER_S = 30.0

NEAR_MS = 1500
LIVEKIT = "livekit-server"
SERVE = " serve "


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


class Demo(HeadlessEngine):
    """`callplayer demo --headless --no-audio`: the same lines in and out as an engine's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: set[int] = set()
        super().__init__(home, {}, "demo", "--no-audio")

    def part(self, name: str) -> int | None:
        """Return the process whose program, or first words, hold `name`: livekit or the service."""
        below = descendants(self.process.pid)
        self.seen.update(below)
        for pid in below:
            line = command_line(pid)
            where = line.split(" ")[0] if name == LIVEKIT else line.split(" --livekit-server")[0]
            if name in f"{where} ":
                return pid
        return None

    def must_have(self, name: str) -> int:
        pid = self.part(name)
        assert pid is not None, f"there is no process {name}"
        return pid

    def left(self) -> list[int]:
        """Return which of all processes that were ever seen still run."""
        return [pid for pid in self.seen if is_running(pid)]

    def log(self) -> str:
        return next(self.home.rglob("service.log")).read_text()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.close()


def play(demo: Demo) -> Event:
    """Let it play for a second more; return the state it is in then."""
    state = demo.wait_state(time.monotonic(), 40.0, phase="playing", advancing=True)
    return demo.wait_for(
        lambda e: e["event"] == "state" and e["position_ms"] > state["position_ms"] + 1000,
        since_s=time.monotonic(),
    )[1]


def playing_again(demo: Demo, killed_s: float) -> Event:
    """Return the first state after `killed_s` that is out of "reconnecting" and advances."""
    back_s, _ = demo.wait_for(
        lambda e: e["event"] == "state" and e["phase"] == "reconnecting", since_s=killed_s
    )
    return demo.wait_for(
        lambda e: e["event"] == "state" and e["phase"] == "playing" and e["advancing"],
        RECOVER_S,
        back_s,
    )[1]


def assert_it_goes_on(demo: Demo, before: Event, killed_s: float) -> None:
    again = playing_again(demo, killed_s)
    assert again["position_ms"] == pytest.approx(before["position_ms"], abs=NEAR_MS)
    frames = demo.last("stats")["received_frames"]
    # Sound, not only a clock that runs: half a second of it for both parties.
    demo.wait_for(
        lambda e: e["event"] == "stats" and e["received_frames"] > frames + 48_000,
        since_s=time.monotonic(),
    )
    later = demo.wait_for(
        lambda e: e["event"] == "state" and e["position_ms"] > again["position_ms"] + 700
    )[1]
    assert later["phase"] == "playing"


@pytest.mark.plays
def test_playing_goes_on_where_it_was_when_parts_are_killed_one_after_the_other(
    demo: Demo,
) -> None:
    for part in (LIVEKIT, SERVE, LIVEKIT):
        before = play(demo)
        victim = demo.must_have(part)
        killed_s = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        assert_it_goes_on(demo, before, killed_s)
        assert demo.must_have(part) != victim
    log = demo.log()
    assert log.count("livekit-server has ended by itself (exit code -9)") == 2
    assert log.count("livekit-server runs again") == 2
    assert log.count("the replay service has ended by itself (exit code -9)") == 1
    assert demo.quit() == 0
    assert not demo.left()


@pytest.mark.parametrize("wait_s", [0.0, 0.45])
def test_quitting_while_the_service_is_started_again_leaves_nothing(
    demo: Demo, wait_s: float
) -> None:
    play(demo)
    demo.must_have(LIVEKIT)
    os.kill(demo.must_have(SERVE), signal.SIGKILL)
    time.sleep(wait_s)
    demo.part(SERVE)
    assert demo.quit() == 0
    assert soon(lambda: not demo.left())


def takes(squatter: socket.socket, address: tuple[str, int]) -> bool:
    try:
        squatter.bind(address)
    except OSError:
        return False
    return True


def test_a_service_that_cannot_come_back_says_so_in_its_log(demo: Demo) -> None:
    before = play(demo)
    api_url = demo.log().split("incidents at ")[1].split()[0]
    demo.must_have(LIVEKIT)
    killed_s = time.monotonic()
    os.kill(demo.must_have(SERVE), signal.SIGKILL)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        address = ("127.0.0.1", int(api_url.rsplit(":", 1)[1]))
        assert soon(lambda: takes(squatter, address), 0.5)
        squatter.listen()
        assert soon(lambda: "cannot be used" in demo.log())
    # The port is free again before the restarts are used up: all comes back.
    assert_it_goes_on(demo, before, killed_s)
    assert demo.quit() == 0
    assert not demo.left()


def test_sigterm_ends_the_headless_demo_in_order(demo: Demo) -> None:
    play(demo)
    demo.must_have(LIVEKIT)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.finish() == 0
    assert demo.last("bye") == {"event": "bye", "exit_code": 0}
    assert not demo.left()


def test_sigterm_before_the_service_is_ready_ends_in_order(demo: Demo) -> None:
    assert soon(lambda: demo.part(SERVE) is not None)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.finish() == 0
    assert soon(lambda: not demo.left())


def test_sigterm_ends_the_demo_on_the_screen_in_order(sink: Sink, tmp_path: Path) -> None:
    terminal = Terminal(
        tmp_path, [*CALLPLAYER, "demo"], clean_environment(tmp_path) | sink.environment
    )
    try:
        terminal.wait_for("PLAYING", timeout_s=40)
        (program,) = (
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if is_own_demo(folder, tmp_path)
        )
        below = descendants(program)
        assert len(below) >= 3  # the service, its livekit-server, the engine
        os.kill(program, signal.SIGTERM)
        assert terminal.wait_end() == 0
        assert soon(lambda: not any(map(is_running, below)))
    finally:
        terminal.close()


def is_own_demo(folder: Path, home: Path) -> bool:
    try:
        line = (folder / "cmdline").read_bytes().split(b"\0")
        variables = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return line[-2:-1] == [b"demo"] and f"HOME={home}".encode() in variables


def test_a_killed_demo_takes_everything_along(demo: Demo) -> None:
    play(demo)
    demo.must_have(LIVEKIT)
    demo.process.kill()
    assert demo.finish() == -signal.SIGKILL
    assert soon(lambda: not demo.left())


def test_a_file_that_is_no_recording_is_code_2(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not sound")
    ended = subprocess.run(
        [*CALLPLAYER, "demo", "--headless", "--no-audio", str(tmp_path / "notes.wav")],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    *progress, what, _ = ended.stderr.splitlines()
    assert all(line.startswith("[3/3]") for line in progress)
    assert "notes.wav" in what
