"""The command line as a program: exit codes, two-line errors, help, and no flag for a secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callplayer import __version__
from callplayer.cli import COMMANDS

SECRET = "s3cr3t-of-the-client"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment with no settings of this machine's user in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CALLPLAYER_")}
    folders = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    return kept | {name: str(tmp_path / name.lower()) for name in folders} | {"HOME": str(tmp_path)}


def _run(home: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callplayer", *words],
        env=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _assert_told(ran: subprocess.CompletedProcess[str], exit_code: int) -> None:
    """Assert an error of two lines on stderr: what happened, and indented what to do."""
    assert ran.returncode == exit_code, ran.stderr
    assert ran.stdout == ""
    what, hint = ran.stderr.splitlines()
    assert re.fullmatch(r"callplayer: \S.*", what)
    assert re.fullmatch(r"  \S.*", hint)
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_has_help_and_no_flag_for_a_secret(command: str, home: dict[str, str]) -> None:
    ran = _run(home, command, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: callplayer")
    flags = re.findall(r"--[a-z-]+", ran.stdout)
    assert "--help" in flags
    flags = [flag for flag in flags if flag != "--tls-key"]  # it names the file of one
    assert not [flag for flag in flags if re.search("secret|token|password|key", flag)]


def test_the_helps_front_page_names_every_command(home: dict[str, str]) -> None:
    text = _run(home, "--help").stdout
    for command in COMMANDS.keys() - {"play"}:
        assert re.search(rf"^  {command} ", text, re.MULTILINE)


def test_the_version(home: dict[str, str]) -> None:
    ran = _run(home, "--version")
    assert (ran.returncode, ran.stdout) == (0, f"callplayer {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["incident-1"],  # no terminal
        [],
        ["incident-1", "--nonsense"],
        ["--client-secret", SECRET, "--headless", "incident-1"],
        ["incident-1", "incident-2"],
        ["--headless"],
        ["--paused", "--live", "incident-1"],
        ["--headless", "incident-1", "--api-url", "http://api.example"],
        ["--headless", "incident-1", "--config", "/nowhere/config.toml"],
        ["--headless", "incident-1", "--profile", "none"],
        ["list"],  # no credentials
        ["list", "--api", "https://api.example"],  # no abbreviations
        ["serve"],
        ["serve", "--port", "many", "x.wav"],
        ["demo", "/nowhere/call.wav", "--headless"],
    ],
)
def test_wrong_usage_is_told_in_two_lines(words: list[str], home: dict[str, str]) -> None:
    _assert_told(_run(home, *words), 2)


def test_an_api_that_is_not_there_is_exit_5(home: dict[str, str]) -> None:
    settings = {
        "CALLPLAYER_API_URL": "http://127.0.0.1:9",
        "CALLPLAYER_CLIENT_ID": "center-7",
        "CALLPLAYER_CLIENT_SECRET": SECRET,
    }
    ran = _run(home | settings, "list")
    _assert_told(ran, 5)
    assert SECRET not in ran.stderr
    for log in Path(home["XDG_STATE_HOME"]).rglob("*.log"):
        assert SECRET not in log.read_text()


def test_a_secret_that_others_can_read_is_warned_of(home: dict[str, str]) -> None:
    path = Path(home["XDG_CONFIG_HOME"]) / "callplayer" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'api_url = "http://127.0.0.1:9"\nclient_secret = "{SECRET}"\n')
    path.chmod(0o644)
    ran = _run(home, "list")
    assert f"chmod 600 {path}" in ran.stderr.splitlines()[0]
    assert SECRET not in ran.stderr


def test_the_log_is_private(home: dict[str, str]) -> None:
    _run(home, "list")
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("callplayer.log")
    assert log.stat().st_mode & 0o077 == 0
    assert log.parent.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_stops_nobody(home: dict[str, str]) -> None:
    Path(home["XDG_STATE_HOME"]).write_text("a file, where a folder should be")
    _assert_told(_run(home, "list"), 2)
