"""The shape of the package: each class name stands once, no folder and no module is too large."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import callplayer

PACKAGE = Path(callplayer.__file__).parent
MAX_MODULES = 16
MAX_LINES = 350
TWICE: dict[str, str] = {}
"""Class names that may stand in two modules, each with the reason."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_each_class_name_stands_in_one_module() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name.lstrip("_")].append(str(path.relative_to(PACKAGE)))
    twice = {name: where for name, where in found.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in TWICE} == {}
    assert TWICE.keys() <= twice.keys()  # no name is excused that need not be


def test_no_folder_has_more_modules_than_one_can_look_over() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in modules():
        counts[str(path.parent.relative_to(PACKAGE))] += path.name != "__init__.py"
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


def test_no_module_is_too_long_to_read_at_once() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}
