"""`make demo` in clean roots: from a clone to the end of its call, livekit-server built before.

One clone, made ready by the first `make demo`, which plays its call without a terminal while the
others run beside it. There is no sound system at first: without a terminal, and in tmux; then there
is a sound server with a null sink.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.rig.clean_root import CleanRoot
from tests.rig.processes import end, soon
from tests.rig.terminal import Terminal

pytestmark = pytest.mark.timeout(900)

SHORT_CALL = "callplayer/demo_calls/fall-on-stairs.ogg"
SHORT = f"ARGS={SHORT_CALL}"
SHORT_S = 84.0
SAYS_SOMETHING_S = 0.3
PULSE = (
    "pulseaudio -n --daemonize=yes --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes"
    " --load='module-native-protocol-unix socket=/tmp/pulse auth-anonymous=1'"
    " --load='module-null-sink sink_name=sink'"
)


class Lines:
    """A command in the root without a terminal; each line it prints, and when (monotonic, s)."""

    def __init__(self, root: CleanRoot, *command: str) -> None:
        self.started_s = time.monotonic()
        self.lines: list[tuple[float, str]] = []
        self.process = subprocess.Popen(
            root.argv(*command),
            env=root.environment(PULSE_SERVER="unix:/nowhere"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def finish(self, timeout_s: float) -> int:
        """Wait for its end; return its exit code."""
        try:
            return self.process.wait(timeout=timeout_s)
        finally:
            end(self.process)
            self._reader.join()
            assert self.process.stdout is not None
            self.process.stdout.close()

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def at_s(self, text: str) -> float:
        """Return when the first line with this text came."""
        return next(at_s for at_s, line in self.lines if text in line)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    root = CleanRoot(tmp_path_factory.mktemp("demo"))
    yield root
    root.close()


@pytest.fixture(scope="module")
def first(root: CleanRoot) -> Iterator[Lines]:
    """`make demo` in a clone that nothing was done in yet, as soon as its short call plays."""
    lines = Lines(root, "make", "demo", SHORT)
    try:
        assert soon(lambda: "Playing at" in lines.text, 300.0), lines.text
        yield lines
    finally:
        end(lines.process)
        lines.finish(10.0)


def said(text: str, *words: str) -> bool:
    """Return whether these words come in this order."""
    return re.search(".*".join(map(re.escape, words)), text, re.DOTALL) is not None


def test_a_warm_start_says_something_at_once(root: CleanRoot, first: Lines) -> None:
    assert first.lines
    again = Lines(root, "make", "demo")
    try:
        deadline_s = time.monotonic() + 30.0
        while not again.lines and time.monotonic() < deadline_s:
            time.sleep(0.01)
        said_s = again.lines[0][0] - again.started_s
        assert soon(lambda: "[3/3]" in again.text, 30.0), again.text
    finally:
        root.run(["pkill", "-TERM", "-o", "-f", "bin/callplayer demo$"])
        again.finish(30.0)
    # Five times the bound: other tests run beside this one.
    assert said_s < 5 * SAYS_SOMETHING_S, again.text


@pytest.mark.usefixtures("first")
def test_without_sound_on_a_terminal_the_call_plays_to_its_end(
    root: CleanRoot, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tmux")
    environment = root.environment(PULSE_SERVER="unix:/nowhere")
    terminal = Terminal(folder, root.argv("make", "demo", SHORT), environment)
    try:
        terminal.wait_for("PLAYING", "of 1:24", timeout_s=60)
        seen = terminal.wait_for("No sound device: silent.")
        assert "callplayer doctor" in seen
        terminal.wait_for("what is the address")
        jumped_s = terminal.type("9")
        terminal.wait_for("AT END", "1:24", timeout_s=30.0)
        assert time.monotonic() - jumped_s == pytest.approx(0.1 * SHORT_S, abs=3.0)
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()


@pytest.mark.usefixtures("first")
def test_with_a_null_sink_it_is_heard(
    root: CleanRoot, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert root.run(PULSE).returncode == 0
    environment = root.environment(PULSE_SERVER="unix:/tmp/pulse")
    folder = tmp_path_factory.mktemp("tmux")
    # A recorder that asks for low latency from the start: a null sink sleeps 2 s at a time without.
    record = ["parec", "-d", "sink.monitor", "--raw", "--format=s16le", "--latency-msec=5"]
    sound = folder / "sound"
    with sound.open("wb") as file:
        recorder = subprocess.Popen(root.argv(*record), env=environment, stdout=file)
    terminal = Terminal(folder, root.argv("make", "demo", SHORT), environment)
    try:
        terminal.wait_for("PLAYING", "of 1:24", timeout_s=60)
        assert soon(lambda: loudest(sound) > 1000, 20.0)
        assert "No sound device" not in terminal.screen()
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()
        end(recorder)


def test_without_sound_and_terminal_the_call_is_played_to_its_end(first: Lines) -> None:
    assert first.finish(SHORT_S + 60.0) == 0, first.text
    text = first.text
    assert "There is no terminal here" in text
    assert said(text, "[1/3] Python packages", " found, ", " installed, ", "[3/3] playing")
    assert "fall-on-stairs.ogg over LiveKit" in text
    assert said(text, "Playing at 0:00 of 1:24", "No sound device: silent.")
    assert "callplayer doctor" in text
    assert said(text, "what is the address", "My mother fell", "Is there any bleeding?")
    assert said(text, "At end at 1:24 of 1:24.", "The program is .venv/bin/callplayer")
    played_s = first.at_s("At end at") - first.at_s("Playing at")
    assert played_s == pytest.approx(SHORT_S, abs=5.0)


def loudest(sound: Path) -> int:
    """Return the largest sample of a recording that goes on, 0 of an empty one."""
    data = sound.read_bytes()
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype=np.int16)
    return int(np.abs(samples.astype(np.int32)).max(initial=0))
