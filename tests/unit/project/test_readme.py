"""The README tells what is so."""

from __future__ import annotations

import re
from pathlib import Path

from callplayer import cli
from callplayer.ui.keymap import markdown_table

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_keys_are_the_keymaps() -> None:
    table = re.search(r"<!-- keys:.*?-->\n(.*?)\n<!-- /keys -->", README, re.DOTALL)
    assert table is not None
    assert table.group(1) == markdown_table().strip()


def test_its_pictures_and_files_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []


def test_it_names_every_command() -> None:
    assert [name for name in cli.COMMANDS if name != "play" and f"`{name}" not in README
            and f"callplayer {name}" not in README] == []  # fmt: skip


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)", README))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.stem for path in files}
    there |= {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named - there == set()
