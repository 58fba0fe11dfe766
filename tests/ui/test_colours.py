"""What colours reach a real terminal: in GNU screen, and where there are 16."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.ui.scenes import SCENES
from tests.ui.scripted import strips_of
from tests.ui.test_terminal import PLAY_FAKE, Terminal

ATTRIBUTES = {"", "0", "1", "3", "4", "7", "22", "23", "24", "27", "39", "49"}
"""Those that the player sets: bold, italic, underlined, reversed; and off."""


def styles_of(terminal: Terminal) -> list[str]:
    """Play, show help, quit; return the attributes that were sent, each 38;5;N as one."""
    terminal.until_playing()
    os.write(terminal.master, b"?")
    terminal.until(lambda: b"5 s back" in terminal.output)
    os.write(terminal.master, b"q")
    assert terminal.until_ended() == 0
    sent = re.findall(rb"\x1b\[([0-9;]*)m", terminal.output)
    joined = ";".join(each.decode() for each in sent)
    return re.findall(r"[34]8;5;\d+|[34]8;2;\d+;\d+;\d+|\d*", joined)


def test_gnu_screen_draws_the_colours_and_no_dim(tmp_path: Path) -> None:
    """It takes a true colour apart: 38;2;… comes out as dim, and as other attributes."""
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    variables = {"COLORTERM": "truecolor", "SCREENDIR": str(folder)}
    prefix = (shutil.which("screen") or "screen", "-c", "/dev/null", "-q")
    terminal = Terminal(tmp_path, str(PLAY_FAKE), "--playing", variables=variables, prefix=prefix)
    try:
        styles = styles_of(terminal)
    finally:
        terminal.close()
    assert len({style for style in styles if style.startswith("38;5;")}) >= 5
    plain = {style for style in styles if not style.startswith(("38;5;", "48;5;"))}
    assert plain <= ATTRIBUTES, plain


@pytest.mark.parametrize("keys", [(), ("question_mark",), ("ctrl+p", "l", "o"), ("t", "1")])
async def test_of_16_colours_no_text_takes_the_terminal_s_own(keys: tuple[str, ...]) -> None:
    """On a light terminal that is black, and the ground is black."""
    app = SCENES["heard"].app("sixteen")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        await pilot.pause(0.2)
        parts = [part for strip in strips_of(app) for part in strip if re.search(r"\w", part.text)]
    assert all(part.style and part.style.color != part.style.bgcolor for part in parts)
    assert all(part.style.color.number is not None for part in parts)


@pytest.mark.parametrize(("term", "few"), [("linux", True), ("xterm-256color", False)])
def test_a_terminal_of_16_colours_gets_its_own(term: str, few: bool, tmp_path: Path) -> None:
    variables = {"COLORTERM": "", "TERM": term}
    terminal = Terminal(tmp_path, str(PLAY_FAKE), "--playing", variables=variables)
    try:
        styles = set(styles_of(terminal))
    finally:
        terminal.close()
    # Bright green for what plays, on black.
    assert ({"92", "40"} <= styles) is few
    assert any(style.startswith("38;5;") for style in styles) is not few
    if few:
        assert styles <= ATTRIBUTES | {
            "40",
            "90",
            "91",
            "92",
            "93",
            "94",
            "95",
            "96",
            "97",
            "37",
            "30",
        }
