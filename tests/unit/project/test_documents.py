"""The README and the pages under docs/: short, linked, and up to date with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from callplayer import cli
from tests.rig.documents import DOCUMENTS, README, ROOT, anchors, links
from tests.tools.tables import TABLES, TEN, tables_of, with_tables

README_BYTES = 7_168
PAGE_BYTES = 8_192
TEXTS = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
ALL = "\n".join(TEXTS.values())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_a_page_is_short(path: Path) -> None:
    limit = README_BYTES if path == README else PAGE_BYTES
    assert len(TEXTS[path].encode()) <= limit, "split it by purpose"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_its_links_lead_somewhere(path: Path) -> None:
    lost = []
    for target in links(TEXTS[path]):
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        if not page.is_file() or (anchor and anchor not in anchors(page.read_text("utf-8"))):
            lost.append(target)
    assert lost == []


def test_the_readme_leads_to_every_page() -> None:
    reached = {(README.parent / each.partition("#")[0]).resolve() for each in links(TEXTS[README])}
    assert {name(path) for path in DOCUMENTS if path != README and path not in reached} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_its_tables_are_what_the_code_says(path: Path) -> None:
    assert TEXTS[path] == with_tables(TEXTS[path]), "`python -m tests.tools.tables` writes them"


def test_each_table_stands_in_one_page() -> None:
    found = [table for text in TEXTS.values() for table in tables_of(text)]
    assert sorted(found) == sorted(TABLES)
    assert ALL.count("<!--") == 2 * len(TABLES)


def test_the_readme_shows_ten_keys() -> None:
    assert len(TEN) == 10
    assert len(tables_of(TEXTS[README])["ten keys"].splitlines()) == 2 + 10


def test_the_readme_shows_three_pictures_and_one_that_moves() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(screenshots/[\w-]+\.(\w+)\)", TEXTS[README])
    assert sorted(shown) == ["gif", "png", "png", "png"]


@pytest.mark.parametrize("path", [README, ROOT / "docs" / "troubleshooting.md"], ids=name)
def test_a_trouble_is_named_as_the_program_names_it(path: Path) -> None:
    named = re.findall(r"^\| `(?:… )?([^`]+)` \|", TEXTS[path].split("| You see |")[1], re.M)
    code = "\n".join(each.read_text() for each in (ROOT / "callplayer").rglob("*.py"))
    assert named
    assert [each for each in named if each not in code] == []


def test_every_picture_is_shown() -> None:
    pictures = {path.name for path in (ROOT / "screenshots").glob("*.png")}
    assert pictures == set(re.findall(r"screenshots/([\w-]+\.png)", ALL))


def test_every_command_is_documented() -> None:
    text = TEXTS[ROOT / "docs" / "commands.md"]
    names = cli.COMMANDS.keys() - {"play"}
    assert {each for each in names if f"`callplayer {each}" not in text} == set()


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(?:[\w/]+/)?(test_\w+)", ALL))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.stem for path in files}
    there |= {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named - there == set()


def test_the_documents_are_in_the_source_archive() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name(path) for path in DOCUMENTS if name(path).split("/")[0] not in included] == []


def test_a_link_and_an_anchor_are_read() -> None:
    assert links("[a](b.md#c) ![d](e.png) [f](https://g.example)") == ["b.md#c", "e.png"]
    assert anchors("# Sound devices\n```\n# no\n```\n## What `R` does, and not\n") == {
        "sound-devices",
        "what-r-does-and-not",
    }
