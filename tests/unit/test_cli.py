"""The command line as a program: exit codes, two-line errors, help, and no flag for a secret."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

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


FORKS = """
import json, os, sys, tempfile
from callplayer import cli

for line in sys.stdin:
    words, env, cwd = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if not pid:
            os.environ.clear()
            os.environ.update(env)
            os.chdir(cwd)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for fd, place in enumerate((nothing, out.fileno(), err.fileno())):
                os.dup2(place, fd)
            sys.argv = ["callplayer", *words]
            cli.run()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        printed = [os.pread(each.fileno(), 1_000_000, 0).decode() for each in (out, err)]
    print(json.dumps([code, *printed]), flush=True)
"""
"""Runs each command in a process of its own that has imported the command line already."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def forks() -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", FORKS]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run(forks: subprocess.Popen[str], home: dict[str, str], tmp_path: Path) -> Run:
    """Run a command as `python -m callplayer` does, in the temporary folder."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        forks.stdin.write(json.dumps([words, home | variables, str(tmp_path)]) + "\n")
        forks.stdin.flush()
        return subprocess.CompletedProcess(words, *json.loads(forks.stdout.readline()))

    return run


def _assert_error(ran: subprocess.CompletedProcess[str], exit_code: int, before: str = "") -> None:
    """Assert an error of two lines on stderr: what happened, and indented what to do."""
    assert ran.returncode == exit_code, ran.stderr
    assert ran.stdout == before
    what, hint = ran.stderr.splitlines()
    assert re.fullmatch(r"callplayer: \S.*", what)
    assert re.fullmatch(r"  \S.*", hint)
    assert "Traceback" not in ran.stderr


def _every_command(commands: Mapping[str, Any], before: tuple[str, ...] = ()) -> list[str]:
    names = []
    for name, command in commands.items():
        names += [" ".join((*before, name)), *_every_command(command.commands, (*before, name))]
    return sorted(names)


@pytest.mark.parametrize("command", _every_command(COMMANDS))
def test_each_command_has_help_and_no_flag_for_a_secret(command: str, run: Run) -> None:
    ran = run(*command.split(), "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: callplayer")
    flags = re.findall(r"--[a-z-]+", ran.stdout)
    assert "--help" in flags
    secret = [flag for flag in flags if re.search("secret|token|password|key", flag)]
    assert set(secret) <= {"--tls-key", "--secret-file"}  # names of files


def test_a_clients_secret_is_written_once(run: Run, tmp_path: Path) -> None:
    added = run("serve", "clients", "add", "desk", "--no-audio")
    assert added.returncode == 0
    secret = added.stdout.strip()
    assert re.fullmatch(r"[\w-]{43}", secret)
    assert secret not in added.stderr
    file = tmp_path / "secret"
    rotate = ("serve", "clients", "rotate", "desk", "--grace=60", f"--secret-file={file}")
    assert run(*rotate).stdout == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.fullmatch(r"[\w-]{43}\n", file.read_text())
    _assert_error(run(*rotate), 2)  # the file is there already, and is not touched
    listed = run("serve", "clients", "list").stdout
    assert re.search(r"^desk .* no audio, .*old secret good until", listed)
    assert secret not in listed
    assert run("serve", "clients", "remove", "desk").returncode == 0
    assert run("serve", "clients").stdout == ""
    _assert_error(run("serve", "clients", "remove", "desk"), 2)


def test_the_helps_front_page_names_every_command(run: Run) -> None:
    text = run("--help").stdout
    for command in COMMANDS.keys() - {"play"}:
        assert re.search(rf"^  {command} ", text, re.MULTILINE)


def test_the_version_by_the_module(home: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "callplayer", "--version"]
    ran = subprocess.run(argv, env=home, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, f"callplayer {__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
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
        ["serve", "--port", "many", "x.wav"],
        ["serve", "import"],
        ["serve", "import", "/nowhere/x.wav"],
        ["serve", "import", "--join", "x.wav"],
        ["serve", "import", "--phone", "911", "x.wav"],
        ["serve", "import", "--lat", "1", "x.wav"],
        ["serve", "import", "--lat", "1", "--lng", "nan", "x.wav"],
        ["serve", "import", "--started-at", "today", "x.wav"],
        ["serve", "import", "--phone", "+15555550142", "x.wav", "y.wav"],
        ["serve", "list"],  # no library
        ["serve", "remove", "x"],
        ["serve", "clients", "add", "a b"],
        ["serve", "clients", "rotate", "x", "--grace", "-1"],
        ["serve", "clients", "add", "x", "--secret-file", "/nowhere/x"],
        ["demo", "/nowhere/call.wav", "--headless"],
    ],
)
def test_wrong_usage_is_reported_in_two_lines(words: list[str], run: Run) -> None:
    _assert_error(run(*words), 2)


def test_plain_lines_that_cannot_sign_in_show_why(run: Run) -> None:
    _assert_error(run("incident-1"), 2, before="Connecting.\n")


def test_a_file_that_is_taken_for_an_id_is_answered_with_how_to_play_it(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "call").write_bytes(b"")
    ran = run("call")
    assert ran.returncode == 2
    assert "`callplayer ./call` plays the file." in ran.stderr
    assert "./call" not in run("--incident", "call").stderr


def test_an_api_that_is_not_there_is_exit_5(run: Run, home: dict[str, str]) -> None:
    settings = {
        "CALLPLAYER_API_URL": "http://127.0.0.1:9",
        "CALLPLAYER_CLIENT_ID": "center-7",
        "CALLPLAYER_CLIENT_SECRET": SECRET,
    }
    ran = run("list", **settings)
    _assert_error(ran, 5)
    assert SECRET not in ran.stderr
    for log in Path(home["XDG_STATE_HOME"]).rglob("*.log"):
        assert SECRET not in log.read_text()


def test_a_secret_that_others_can_read_is_warned_of(run: Run, home: dict[str, str]) -> None:
    path = Path(home["XDG_CONFIG_HOME"]) / "callplayer" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'api_url = "http://127.0.0.1:9"\nclient_secret = "{SECRET}"\n')
    path.chmod(0o644)
    ran = run("list")
    assert f"chmod 600 {path}" in ran.stderr.splitlines()[0]
    assert SECRET not in ran.stderr


def test_the_log_is_private(run: Run, home: dict[str, str]) -> None:
    run("list")
    (log,) = Path(home["XDG_STATE_HOME"]).rglob("callplayer.log")
    assert log.stat().st_mode & 0o077 == 0
    assert log.parent.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_stops_no_command(run: Run, home: dict[str, str]) -> None:
    Path(home["XDG_STATE_HOME"]).write_text("a file, where a folder should be")
    _assert_error(run("list"), 2)


def test_bookmarks_are_printed_as_asked(run: Run, home: dict[str, str]) -> None:
    folder = Path(home["XDG_DATA_HOME"]) / "callplayer" / "bookmarks"
    folder.mkdir(parents=True)
    (folder / "i1.json").write_text(
        '{"incident":"i1","bookmarks":[{"position_ms":83400,"note":"smoke"}]}'
    )
    for form, wanted in (("md", "- **0:01:23.4** smoke"), ("csv", "i1,0:01:23.4,83400,,smoke,")):
        ran = run("bookmarks", "i1", "--format", form)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert wanted in ran.stdout
    assert run("bookmarks", "another").stdout == "# Bookmarks of another\n\n"
    (folder / "i1.json").write_text("broken")
    _assert_error(run("bookmarks", "i1"), 1)


def test_keys_are_printed_as_in_config_toml_and_conflicts_reported(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[keys]\nmute = "F5"\n')
    ran = run("keys", "--config", str(path))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.search(r"^mute +F5 +Mute the party$", ran.stdout, re.MULTILINE)
    path.write_text('[keys]\nmute = "x"\nsolo = "x"\n')
    _assert_error(run("keys", "--config", str(path)), 2)
