"""On a real terminal: however the player ends, the terminal is as it was and no process is left."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.rig.processes import is_running

PLAY_FAKE = Path(__file__).with_name("play_fake.py")
PATIENCE_S = 10.0
ERASE = b"\x1b[0m\x1b[2J"
LOG_IN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
"""Makes the terminal the program's own, so that closing it hangs the program up."""


class Terminal:
    """A pseudo-terminal of 80×24 with the player on it."""

    def __init__(
        self,
        tmp_path: Path,
        *arguments: str,
        last: str = "",
        variables: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.pids_path = tmp_path / "pids"
        self.log_path = tmp_path / "log"
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        player = (*prefix, sys.executable, *arguments, "--pids", str(self.pids_path))
        player = (*player, last) if last else player
        environment = {**os.environ, "PLAY_FAKE_LOG": str(self.log_path), "TERM": "xterm-256color"}
        environment["XDG_STATE_HOME"] = str(tmp_path / "state")
        for name in ("NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "STY", "TMUX"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            (sys.executable, "-c", LOG_IN, str(self.slave), *player),
            env=environment | dict(variables or {}),
            pass_fds=(self.slave,),
        )

    def until(self, what: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline_s, f"waited in vain; {self.output[-2000:]!r}"
            self.read(0.02)

    def read(self, timeout_s: float) -> None:
        if self.master >= 0 and select.select([self.master], [], [], timeout_s)[0]:
            self.output += os.read(self.master, 65_536)
        elif self.master < 0:
            time.sleep(timeout_s)

    def until_playing(self) -> None:
        self.until(lambda: b"PLAYING" in self.output)

    def until_ended(self) -> int:
        self.until(lambda: self.process.poll() is not None)
        if self.master >= 0:
            self.read(0.2)
        return int(self.process.returncode)

    def engine_pids(self) -> list[int]:
        return [int(line) for line in self.pids_path.read_text().split()]

    def until_no_engine(self) -> None:
        assert self.engine_pids()
        self.until(lambda: not any(map(is_running, self.engine_pids())))

    def is_as_it_was(self) -> bool:
        tail = self.output[self.output.rindex(b"\x1b[?1049l") :]
        modes_off = all(
            self.output.rindex(off) > self.output.rindex(on)
            for on, off in (
                (b"\x1b[?1049h", b"\x1b[?1049l"),
                (b"\x1b[?25l", b"\x1b[?25h"),
                (b"\x1b[?1000h", b"\x1b[?1000l"),
                (b"\x1b[?1003h", b"\x1b[?1003l"),
                (b"\x1b[?2004h", b"\x1b[?2004l"),
            )
        )
        modes_off = modes_off and b"\x1b[?25h" in tail and self.is_erased()
        return modes_off and termios.tcgetattr(self.slave) == self.before

    def is_erased(self) -> bool:
        """Return whether the alternate screen was erased, and nothing drawn after that on it."""
        end = self.output.rindex(b"\x1b[?1049l")
        start = self.output.rindex(ERASE, 0, end)
        return (
            re.fullmatch(rb"(\x1b\[[?<>]?[0-9;$]*[a-z])*", self.output[start + len(ERASE) : end])
            is not None
        )

    def hang_up(self) -> None:
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, str(PLAY_FAKE), "--playing")
    yield terminal
    terminal.close()


@pytest.mark.parametrize("key", [b"q", b"\x03", b"\x11"], ids=["q", "ctrl+c", "ctrl+q"])
def test_a_key_to_leave(key: bytes, terminal: Terminal) -> None:
    terminal.until_playing()
    os.write(terminal.master, key)
    assert terminal.until_ended() == 0
    assert terminal.is_as_it_was()
    terminal.until_no_engine()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal(number: signal.Signals, terminal: Terminal) -> None:
    terminal.until_playing()
    terminal.process.send_signal(number)
    assert terminal.until_ended() == 128 + number
    assert terminal.is_as_it_was()
    terminal.until_no_engine()


def test_a_suspend(terminal: Terminal) -> None:
    terminal.until_playing()
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda: b"\x1b[?1049l" in terminal.output)
    assert os.waitpid(terminal.process.pid, os.WUNTRACED)[0] == terminal.process.pid
    terminal.read(0.2)
    assert terminal.is_as_it_was()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.output = b""
    terminal.until_playing()
    os.write(terminal.master, b"q")
    assert terminal.until_ended() == 0
    assert terminal.is_as_it_was()


def test_a_signal_before_the_screen_is_up_leaves_no_engine(terminal: Terminal) -> None:
    terminal.until(terminal.pids_path.exists)
    terminal.until(lambda: bool(terminal.engine_pids()))
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.until_ended() == 128 + signal.SIGTERM
    terminal.until_no_engine()


STRUCK_WHILE_IMPORTING = """
import builtins, os, signal, sys
from tests.ui import play_fake
build_class, left = builtins.__build_class__, iter(range(int(sys.argv[1]), -1, -1))
class Strike:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGTERM)
def build(*words, **more):
    made = build_class(*words, **more)
    if next(left, None) == 0:
        type("Struck", (), {"strike": Strike()})
    return made
builtins.__build_class__ = build
sys.argv[1:] = sys.argv[2:]
sys.exit(play_fake.main())
"""
"""Python makes a RuntimeError of whatever is raised while a class names its members."""


@pytest.mark.parametrize("classes", [5, 50, 200])
def test_a_signal_in_the_middle_of_an_import_is_still_a_signal(
    classes: int, tmp_path: Path
) -> None:
    terminal = Terminal(tmp_path, "-c", STRUCK_WHILE_IMPORTING, str(classes), "--playing")
    try:
        assert terminal.until_ended() == 128 + signal.SIGTERM
        terminal.until_no_engine()
        assert b"Traceback" not in terminal.output
    finally:
        terminal.close()


def test_a_terminal_that_is_closed(terminal: Terminal) -> None:
    terminal.until_playing()
    terminal.hang_up()
    terminal.until_ended()
    terminal.until_no_engine()


HANGS = """
import sys, time
from callplayer.ui import app
from callplayer.ui.player_app import PlayerApp as P
app._LEAVE_S = 0.3
P.on_player_screen_theme_asked = lambda self: time.sleep(60)
from tests.ui import play_fake; sys.exit(play_fake.main())
"""
"""The player, made to hang by the key of the colours; it is given up sooner than in earnest."""


def test_a_screen_that_hangs_is_erased_and_its_terminal_given_back_on_a_signal(
    tmp_path: Path,
) -> None:
    terminal = Terminal(tmp_path, "-c", HANGS, "--playing")
    try:
        terminal.until_playing()
        os.write(terminal.master, b"y")
        terminal.read(0.3)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.until_ended() == 128 + signal.SIGTERM
        assert terminal.is_as_it_was()
        terminal.until_no_engine()
    finally:
        terminal.close()


def test_a_player_that_is_killed(terminal: Terminal) -> None:
    terminal.until_playing()
    terminal.process.kill()
    terminal.until_ended()
    terminal.until_no_engine()


def test_a_screen_that_crashes_reports_it_in_two_lines_and_logs_the_rest(tmp_path: Path) -> None:
    program = (
        "import sys; from callplayer.ui.screens.player.screen import PlayerScreen as P\n"
        "tick, count = P.tick, iter(range(99))\n"
        "def broken(self):\n"
        "    tick(self)\n"
        "    if next(count) == 10: raise RuntimeError('a bug')\n"
        "P.tick = broken\n"
        "from tests.ui import play_fake; sys.exit(play_fake.main())"
    )
    terminal = Terminal(tmp_path, "-c", program, "--playing")
    try:
        assert terminal.until_ended() == 1
        assert terminal.is_as_it_was()
        terminal.until_no_engine()
        after = terminal.output[terminal.output.rindex(b"\x1b[?1049l") :].decode()
        assert "The screen failed." in after
        assert "Traceback" not in after
        assert "RuntimeError: a bug" in terminal.log_path.read_text()
    finally:
        terminal.close()


def test_a_key_is_answered_on_the_terminal_within_50_ms(tmp_path: Path) -> None:
    """From the key to the first byte of its effect, engine and screen together; median of 21."""
    terminal = Terminal(tmp_path, str(PLAY_FAKE))
    try:
        terminal.until(lambda: b"PAUSED" in terminal.output)
        waits_ms: list[float] = []
        for turn in range(21):
            quiet_until_s = time.monotonic() + 0.1
            while time.monotonic() < quiet_until_s:
                terminal.read(0.02)
            terminal.output = b""
            pressed_s = time.monotonic()
            os.write(terminal.master, b"m")
            wanted = b"MUTED" if turn % 2 == 0 else b"silent"
            while wanted not in terminal.output:
                assert time.monotonic() < pressed_s + PATIENCE_S
                terminal.read(0.001)
            waits_ms.append((time.monotonic() - pressed_s) * 1000)
        assert statistics.median(waits_ms) < 50, waits_ms
    finally:
        terminal.close()


COLOURLESS = {b"", b"0", b"1", b"2", b"39", b"49"}
"""Off, bold, dim, and the terminal's own foreground and background."""


@pytest.mark.parametrize("no_color", [True, False])
def test_with_no_color_no_colour_reaches_the_terminal(no_color: bool, tmp_path: Path) -> None:
    variables = {"NO_COLOR": "1"} if no_color else {}
    terminal = Terminal(tmp_path, str(PLAY_FAKE), "--playing", variables=variables)
    try:
        terminal.until_playing()
        for key in (b"i", b"i?", b"?m"):
            os.write(terminal.master, key)
            for _ in range(10):
                terminal.read(0.05)
        os.write(terminal.master, b"q")
        assert terminal.until_ended() == 0
        styles = re.findall(rb"\x1b\[([0-9;:]*)m", terminal.output)
        sent = {number for style in styles for number in re.split(rb"[;:]", style)}
        assert (sent <= COLOURLESS) is no_color
        assert b"1" in sent
        if no_color:
            assert b"2" in sent, "labels and scales are dim, so that what matters stands out"
    finally:
        terminal.close()


@pytest.mark.parametrize("program", ["ghostty", "iTerm.app"])
def test_progress_and_title_reach_a_terminal_that_knows_them(program: str, tmp_path: Path) -> None:
    variables = {"TERM_PROGRAM": program}
    terminal = Terminal(tmp_path, str(PLAY_FAKE), "--playing", variables=variables)
    try:
        terminal.until(lambda: b"\x1b]0;\xe2\x96\xb6 1:2" in terminal.output)
        os.write(terminal.master, b" ")
        terminal.until(lambda: b"\x1b]0;\xe2\x96\xae\xe2\x96\xae 1:2" in terminal.output)
        os.write(terminal.master, b"q")
        assert terminal.until_ended() == 0
    finally:
        terminal.close()
    progress = re.findall(rb"\x1b\]9;4;(\d);", terminal.output)
    assert (b"1" in progress and b"4" in progress) is (program == "ghostty")
    assert progress[-1:] == ([b"0"] if program == "ghostty" else [])
    assert terminal.output.rindex(b"\x1b[23;0t") > terminal.output.rindex(b"\x1b]0;")


PICK = """
import sys
from pathlib import Path
from callplayer.errors import CallplayerError
from callplayer.ui.options import PickerRow; from callplayer.ui.app import run_picker
async def fetch():
    token = "a-secret-token"
    if "--broken" in sys.argv:
        raise RuntimeError("a bug")
    return [PickerRow("i1", "today", "+1", True)]
try:
    print("chosen", run_picker(fetch, Path(sys.argv[-1])))
except CallplayerError as error:
    print("reported", error.what)
"""


def picker_on_a_terminal(tmp_path: Path, *flags: str) -> Terminal:
    return Terminal(tmp_path, "-c", PICK, *flags, last=str(tmp_path / "log"))


def test_the_picker_gives_the_terminal_back_and_the_choice_on(tmp_path: Path) -> None:
    terminal = picker_on_a_terminal(tmp_path)
    try:
        terminal.until(lambda: b"LIVE" in terminal.output)
        os.write(terminal.master, b"\r")
        assert terminal.until_ended() == 0
        assert terminal.is_as_it_was()
        assert b"chosen i1" in terminal.output
    finally:
        terminal.close()


def test_the_picker_gives_the_terminal_back_on_a_signal(tmp_path: Path) -> None:
    terminal = picker_on_a_terminal(tmp_path)
    try:
        terminal.until(lambda: b"LIVE" in terminal.output)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.until_ended() == 0
        assert terminal.is_as_it_was()
        assert b"chosen None" in terminal.output
    finally:
        terminal.close()


def test_a_picker_that_crashes_shows_no_traceback_and_no_secret(tmp_path: Path) -> None:
    terminal = picker_on_a_terminal(tmp_path, "--broken")
    try:
        assert terminal.until_ended() == 0
        assert terminal.is_as_it_was()
        assert b"reported The screen failed." in terminal.output
        log = terminal.log_path.read_text()
        assert "RuntimeError: a bug" in log
        for text in (terminal.output.decode(errors="replace"), log):
            assert "a-secret-token" not in text.replace('token = "a-secret-token"', "")
        assert b"Traceback" not in terminal.output
    finally:
        terminal.close()
