"""Rows painted past Textual's compositor: nothing is left over or out of place on a terminal."""

from __future__ import annotations

import asyncio
import re
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from rich.cells import cell_len as cells_by_rich
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from callplayer.ipc.messages import WordsEvent
from callplayer.text import plain_text
from callplayer.ui.screens.player.parts import LEVELS_LAST_S
from callplayer.ui.widgets.paint import PaintedScreen
from callplayer.ui.widgets.rows import TONES, Rows, cell_len
from tests.rig.processes import clean_environment
from tests.rig.terminal import Terminal
from tests.ui.live import player
from tests.ui.talk import SCRIPTS, torture
from tests.ui.test_terminal import PLAY_FAKE

SIZES = ((60, 16), (80, 24), (120, 36), (200, 60))


OPENED = (
    ("?", "Esc close", "?"),
    ("C-p", "What do you want", "Escape"),
    ("i", "underruns", "i"),
    ("v", "bookmarks", "v"),
)
"""What takes the place of something else: how it is opened, what it shows, how it is closed."""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """The player over the fake engine, with words of every script, on tmux."""
    environment = clean_environment(tmp_path) | {"PLAY_FAKE_LOG": str(tmp_path / "log")}
    argv = [sys.executable, str(PLAY_FAKE), "--playing", "--torture"]
    made = Terminal(tmp_path, argv, environment)
    yield made
    made.close()


def still(terminal: Terminal) -> list[str]:
    """Return the screen once two looks are the same."""
    before = ""

    def stands_still(screen: str) -> bool:
        nonlocal before
        same, before = screen == before, screen
        return same

    return terminal.wait_until(stands_still).splitlines()


def laid_out(terminal: Terminal, columns: int, rows: int) -> None:
    """Wait until the screen is made for its size.

    A key may come before the change of size: what it opens is then laid out twice, and what it
    shows is gone for a moment.
    """

    def fits(screen: str) -> bool:
        lines = screen.splitlines()
        header, footer = lines[0], lines[-1]
        right = max(map(cell_len, lines[:1]))
        return (
            len(lines) == rows and right == columns - 1 and "q quit" in footer and "▂▄▆" in header
        )

    terminal.wait_until(fits)


def painted_anew(terminal: Terminal, columns: int, rows: int) -> list[str]:
    """Return the screen after Textual has painted all of it."""
    for width in (columns + 1, columns):
        terminal.resize(width, rows)
        time.sleep(0.5)  # longer than a frame: what stands still until then is not the answer
    return still(terminal)


SIGNS_BESIDE = re.compile("[┃┊╎] (.*?)(?:\\s{2,}|$)")
"""The words of a line of the transcript: the speaker's line stands before them."""


def letters(text: str) -> list[str]:
    """Return the words of a text without the marks on them, of which a terminal keeps some only."""
    shown = (sign for sign in text if unicodedata.category(sign) not in ("Mn", "Me", "Cf"))
    return [word for word in "".join(shown).split() if word not in "│"]


def said(events: Sequence[WordsEvent]) -> str:
    words = sorted((word for event in events for word in event.words), key=lambda w: w.started_at)
    return " ".join(plain_text(word.word) for word in words)


def seen_words(lines: Sequence[str]) -> str:
    rows = lines[next(y for y, line in enumerate(lines) if "transcript" in line) + 1 : -2]
    return " ".join(found[1] for row in rows if (found := SIGNS_BESIDE.search(row)))


def test_what_is_painted_row_by_row_is_what_would_be_painted_at_once(terminal: Terminal) -> None:
    terminal.wait_for("PLAYING", "transcript", "▂▄▆")
    for columns, rows in (*SIZES, (80, 24)):
        terminal.resize(columns, rows)
        laid_out(terminal, columns, rows)
        for opens, shows, closes in OPENED:
            terminal.type(opens)
            terminal.wait_for(shows)
            terminal.type(closes)
            terminal.wait_until(lambda screen, shows=shows: shows not in screen)
        terminal.type("Right")
        terminal.type("Space")
        terminal.wait_for("PAUSED")
        terminal.wait_until(lambda screen: "◇" not in screen)
        time.sleep(2 * LEVELS_LAST_S)  # meters of a call at rest fall silent, which is no fault
        seen = still(terminal)
        anew = painted_anew(terminal, columns, rows)
        assert seen == anew
        read, whole = " ".join(letters(seen_words(seen))), " ".join(letters(said(torture())))
        assert len(read) > columns
        assert read in whole, "words are lost at the edge"
        assert max(map(cell_len, seen)) <= columns
        terminal.type("Space")
        terminal.wait_for("PLAYING")
    terminal.type("q")
    assert terminal.wait_end() == 0


def test_the_terminal_shows_its_size_whatever_the_environment_says(tmp_path: Path) -> None:
    """Some shells export COLUMNS and LINES; they stay as they were when a window changes."""
    environment = clean_environment(tmp_path) | {"PLAY_FAKE_LOG": str(tmp_path / "log")}
    argv = [sys.executable, str(PLAY_FAKE), "--playing"]
    terminal = Terminal(tmp_path, argv, environment | {"COLUMNS": "80", "LINES": "24"})
    try:
        terminal.wait_for("PLAYING", "▂▄▆")
        for columns, rows in ((60, 16), (120, 36)):
            terminal.resize(columns, rows)
            laid_out(terminal, columns, rows)
        terminal.type("q")
        assert terminal.wait_end() == 0
    finally:
        terminal.close()


async def test_it_plays_on_while_the_window_changes(tmp_path: Path) -> None:
    async with player(tmp_path, "--playing", "--torture") as session:
        await session.until_text("▶ PLAYING")
        for size in (*SIZES, (59, 15), (20, 5), *SIZES[::-1], (80, 24)) * 2:
            await session.pilot.resize_terminal(*size)
            await session.pilot.pause(0.05)
            lines = session.text.split("\n")
            assert len(lines) == size[1]
            assert max(map(cells_by_rich, lines)) <= size[0]
        await session.until_text("▶ PLAYING")
        await session.until_text("q quit")


def test_a_terminal_counts_no_more_cells_of_a_word_than_we_do(terminal: Terminal) -> None:
    for word in {word for line in SCRIPTS for word in plain_text(line).split()}:
        assert terminal.cells(word) <= cell_len(word), word


class ShapedRows(Rows):
    """Six rows of a script that is shaped; counts how often Textual draws them."""

    drawn = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        """Count, and draw."""
        self.drawn += 1
        return super().render_lines(crop)


class TwoOfThem(PaintedScreen[None], inherit_bindings=False):
    """The second of them does not wholly fit on the screen."""

    DEFAULT_CSS = "TwoOfThem { overflow: hidden; } ShapedRows { height: 6; }"

    def compose(self) -> ComposeResult:
        """Put one below the other."""
        yield ShapedRows()
        yield ShapedRows()


class TwoOfThemApp(App[None]):
    """Shows them."""

    COMPONENT_CLASSES: ClassVar = {f"tone--{tone}" for tone in TONES}

    def on_mount(self) -> None:
        """Show the screen."""
        self.push_screen(TwoOfThem())


async def test_rows_that_do_not_fit_are_not_drawn_again_and_again() -> None:
    app = TwoOfThemApp()
    async with app.run_test(size=(40, 9)) as pilot:
        await pilot.pause()
        for rows in app.screen.query(ShapedRows):
            rows.draw_with(lambda _width, height: [(("привет", "text"),)] * height)
        await asyncio.sleep(1.0)
        assert 0 < sum(rows.drawn for rows in app.screen.query(ShapedRows)) < 20
