"""Ctrl+Z and fg, in a shell on a real terminal: the screen, plain mode and the picker."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.processes import clean_environment
from tests.rig.terminal import Terminal
from tests.ui.test_painting import still
from tests.ui.test_terminal import PICK, PLAY_FAKE

PLAY = shlex.join([sys.executable, str(PLAY_FAKE), "--playing"])


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    environment = clean_environment(tmp_path) | {"PLAY_FAKE_LOG": str(tmp_path / "log")}
    settings = tmp_path / "bashrc"
    settings.write_text("PS1='SHELL> '\n")
    made = Terminal(tmp_path, ["bash", "--rcfile", str(settings), "-i"], environment)
    made.wait_for("SHELL>")
    yield made
    made.close()


def run(shell: Terminal, line: str) -> None:
    shell.type("-l", line)
    shell.type("Enter")


def leave(shell: Terminal) -> None:
    shell.wait_for("SHELL>")
    shell.type("C-l")
    run(shell, "exit")
    assert shell.wait_end() == 0


@pytest.mark.parametrize("opened", [(), ("t",), ("C-p",)], ids=["keys", "typing", "palette"])
def test_the_screen(opened: tuple[str, ...], shell: Terminal) -> None:
    run(shell, PLAY)
    shell.wait_for("PLAYING")
    shell.type("Space")
    shell.wait_for("PAUSED", "silent", "good")
    for key in opened:
        shell.type(key)
        shell.wait_for(*{"t": ("Go to", "Esc leave"), "C-p": ("To 30 %", "do it")}[key])
    before = still(shell)
    shell.type("C-z")
    shown = shell.wait_for("Stopped", "SHELL>")
    assert "the call goes on. Type fg to come back." in shown
    assert "PAUSED" not in shown
    run(shell, "fg")
    if opened == ("C-p",):
        shell.wait_for("What do you want", "Play / pause", "To 30 %", "do it")
    else:
        shell.wait_until(lambda screen: screen.splitlines() == before)
    shell.type("C-c")
    leave(shell)


def test_plain_mode_takes_single_keys_again(shell: Terminal) -> None:
    run(shell, f"PLAY_FAKE_PLAIN=1 {PLAY}")
    shell.wait_for("Playing at")
    shell.type("C-z")
    shell.wait_for("Stopped")
    run(shell, "fg")
    shell.wait_until(lambda screen: screen.count("PLAY_FAKE_PLAIN") == 3)  # typed, stopped, back
    shell.type("Space")
    shell.wait_for("Paused at")
    shell.type("q")
    leave(shell)


def test_the_picker(shell: Terminal, tmp_path: Path) -> None:
    program = tmp_path / "pick.py"
    program.write_text(PICK)
    run(shell, shlex.join([sys.executable, str(program), str(tmp_path / "log")]))
    shell.wait_for("LIVE")
    shell.type("C-z")
    shell.wait_for("Stopped", "Type fg")
    run(shell, "fg")
    shell.wait_for("LIVE", "today")
    shell.type("Enter")
    shell.wait_for("chosen i1")
    leave(shell)
