"""Commands that the README names in its text exist, with the flags that it gives them."""

from __future__ import annotations

import re
import subprocess

import pytest

from callplayer.cli import COMMANDS
from callplayer.text import plain_text
from tests.rig.readme import README, Command, block_commands, named_commands

TEXT = README.read_text()
NAMED = named_commands(TEXT)


@pytest.mark.parametrize("line", [line for line in NAMED if line.startswith("callplayer ")])
def test_a_command_of_the_player_takes_the_flags_it_is_named_with(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from callplayer.cli import main

    words = re.sub(r"[|,].*", "", line).split()[1:]
    commands, path = COMMANDS, []
    while words and words[0] in commands:
        commands, path = commands[words[0]].commands, [*path, words.pop(0)]
    with pytest.raises(SystemExit) as ended:
        main([*path, "--help"])
    assert ended.value.code == 0
    usage = capsys.readouterr().out
    for flag in (word for word in words if word.startswith("--")):
        assert flag in usage, f"{line}: {plain_text(usage)}"


@pytest.mark.parametrize("line", [line for line in NAMED if line.startswith("make ")])
def test_a_target_of_make_is_there(line: str) -> None:
    ran = subprocess.run(
        ["make", "--dry-run", *line.split()[1:]],
        cwd=README.parent,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_lines_that_go_on_are_one_command_and_fenced_ones_are_none() -> None:
    text = "Try:\n\n    make demo\n    # not one\n    curl -X POST \\\n      -d 1\n"
    text += "\n```\n    no\n```\n"
    assert block_commands(text) == [Command(3, "make demo"), Command(5, "curl -X POST -d 1")]


def test_the_readme_names_commands() -> None:
    assert len(NAMED) > 10
    assert len(block_commands(TEXT)) > 10
