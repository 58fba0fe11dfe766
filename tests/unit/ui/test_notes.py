"""No note, hint or error that the screen may show is cut in the least window."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import callplayer
from callplayer.ui.model.layout import MIN_WIDTH
from callplayer.ui.model.player import Notice
from callplayer.ui.widgets.lines import notice_rows
from callplayer.ui.widgets.rows import EDGE_CELLS

SHOWN_BY = ("ui", "engine", "ipc", "vendor", "playback", "recordings")
"""The parts whose texts come to the notice area, or are drawn beside it."""

FILLED_IN = "Plantronics C320"
"""Stands for what a text names: a device, a file, a server."""

SENTENCE = re.compile(r"[A-Z][^`{}\n]* [^{}\n]*[.?!]")


def sentences() -> Iterator[str]:
    """Yield the sentences in the source that are no docstrings."""
    root = Path(callplayer.__file__).parent
    for part in SHOWN_BY:
        for path in sorted((root / part).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parents = {
                child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
            }
            for node in ast.walk(tree):
                if isinstance(parents.get(node), ast.Expr | ast.JoinedStr):
                    continue  # a docstring, or a part of what is yielded whole
                if (text := _text(node)) and SENTENCE.fullmatch(text):
                    yield text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (
            part.value if isinstance(part, ast.Constant) else FILLED_IN for part in node.values
        )
        return "".join(map(str, parts))
    return ""


def test_every_note_has_room_in_the_least_window() -> None:
    width, texts = MIN_WIDTH - 2 * EDGE_CELLS, set(sentences())
    assert len(texts) > 150
    assert "This call was not left in the middle." in texts
    for text in texts:
        lines = [
            text for row in notice_rows(Notice(text, tone="hold"), width, 0) for text, _ in row
        ]
        assert " ".join(" ".join(lines).split()) == f"! {' '.join(text.split())}"
