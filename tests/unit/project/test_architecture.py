"""docs/architecture.md and docs/playback.md name files and folders that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import callplayer

PACKAGE = Path(callplayer.__file__).parent
ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "architecture.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
RULES = (ROOT / "docs" / "playback.md").read_text(encoding="utf-8")
CHOICES = (ROOT / "docs" / "choices.md").read_text(encoding="utf-8")

# Any word with a slash or a `.py` in code marks, or in the drawing.
PATH = re.compile(r"(?<![\w./-])((?:[\w-]+/)+(?:[\w-]+\.py)?|[\w-]+\.py)(?![\w/])")


def named_paths(text: str) -> list[str]:
    return sorted({path for path in PATH.findall(text) if path != "serve/"})


@pytest.mark.parametrize("path", named_paths(TEXT + RULES))
def test_a_path_of_the_document_exists(path: str) -> None:
    # A room's own parts are named without the room.
    places = [PACKAGE / path, ROOT / path, *PACKAGE.glob(f"*/{path}")]
    assert any(place.exists() for place in places), path


def test_each_walk_names_its_files_in_full() -> None:
    walks = TEXT.split("## Five walks")[1].split("\n## ")[0]
    files = re.findall(r"`([\w/]+\.py)`", walks)
    assert len(files) > 50
    assert [file for file in files if not (PACKAGE / file).is_file()] == []


def test_the_design_choices_name_paths_that_exist() -> None:
    for path in named_paths(CHOICES):
        assert (PACKAGE / path).exists() or (ROOT / path).exists(), path
