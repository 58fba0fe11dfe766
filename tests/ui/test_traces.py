"""Nothing of a call stays on a terminal: not on its screen, not in its scrollback."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.processes import clean_environment
from tests.rig.terminal import Terminal

CRASHES = """
import os, sys; from callplayer.ui.player_app import PlayerApp as P
print(os.getpid(), file=open(os.environ["PLAYER_PID"], "w"))
def broken(self): raise RuntimeError("a bug")
P.on_player_screen_theme_asked = broken
from tests.ui import play_fake; sys.exit(play_fake.main())
"""
"""The player, crashed by the key of the colours."""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """The player in tmux, narrow, in the middle of a call with words."""
    environment = clean_environment(tmp_path) | {
        "PLAY_FAKE_LOG": str(tmp_path / "log"),
        "PLAYER_PID": str(tmp_path / "pid"),
    }
    argv = [sys.executable, "-c", CRASHES, "--playing", "--torture"]
    made = Terminal(tmp_path, argv, environment, columns=70, rows=20)
    made.wait_for("PLAYING", "┃")
    yield made
    made.close()


def made_wider(terminal: Terminal) -> None:
    terminal.resize(120, 20)
    terminal.wait_until(lambda screen: re.search(r"\S.{70,}\S", screen) is not None)
    terminal.wait_for("PLAYING")


def rows_left(terminal: Terminal) -> list[str]:
    return [row for row in terminal.all_rows().splitlines() if row.strip()]


@pytest.mark.parametrize(("key", "code", "said"), [("q", 0, ()), ("y", 1, ("failed", "log"))])
def test_after_a_window_was_made_wider_no_row_is_left(
    key: str, code: int, said: tuple[str, ...], terminal: Terminal
) -> None:
    made_wider(terminal)
    terminal.type(key)
    assert terminal.wait_end() == code
    left = rows_left(terminal)
    assert len(left) == len(said), left
    assert all(word in row for word, row in zip(said, left, strict=True))


def test_no_row_is_left_while_it_is_suspended(terminal: Terminal, tmp_path: Path) -> None:
    made_wider(terminal)
    player = int((tmp_path / "pid").read_text())
    os.kill(player, signal.SIGTSTP)
    status = Path(f"/proc/{player}/stat")
    terminal.wait_until(lambda _: status.read_text().rpartition(")")[2].split()[0] == "T")
    left = rows_left(terminal)
    os.kill(player, signal.SIGCONT)  # one that stands still would outlive its terminal
    terminal.wait_for("PLAYING")
    terminal.type("q")
    assert terminal.wait_end() == 0
    assert [row for row in left if "suspended" not in row] == []
