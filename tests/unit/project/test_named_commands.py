"""Commands that the documents name in their text exist, with the flags they give them."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from callplayer.cli import COMMANDS
from callplayer.text import plain_text
from tests.rig.documents import DOCUMENTS, ROOT, Command, block_commands, named_commands

TEXTS = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
NAMED = sorted({line for text in TEXTS for line in named_commands(text)})


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
        ["make", "--dry-run", *shlex.split(line)[1:]],
        cwd=ROOT,
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


def test_the_documents_name_commands() -> None:
    assert len(NAMED) > 10
    assert sum(len(block_commands(text)) for text in TEXTS) > 10
