"""Every theme can be read: contrast, also in fewer colours and by eyes that see fewer.

Contrast is WCAG 2.2's (relative luminance of sRGB). Colour vision is simulated by Machado, Oliveira
and Fernandes 2009, severity 1.0, on linear RGB; how far colours are apart is CIE L*a*b* 1976's.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.app import App, ComposeResult
from textual.color import Color, rgb_to_lab

from callplayer.ui.base_app import BaseApp
from callplayer.ui.model.format import PARTY_TONES
from callplayer.ui.model.zoom import whole_span
from callplayer.ui.theme import SIXTEEN, THEMES
from callplayer.ui.widgets.rows import TONES, Rows
from callplayer.ui.widgets.timeline_rows import scale_row

Rgb = tuple[int, int, int]

LINES = {"faint", "past", "past-loop", "text-loop", "ahead-loop", "faint-loop"}
"""Tones that no letter is drawn in."""

SEEN = {
    "all": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
APART = 20.0
"""Ten times a difference that is just noticed side by side."""

# The 16 colours of two terminals at the ends of what there is: XTerm, and the VGA console.
XTERM = [
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0)),
    *((0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)),
    *((92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
]
VGA = [
    *((0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0)),
    *((0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170)),
    *((85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85)),
    *((85, 85, 255), (255, 85, 255), (85, 255, 255), (255, 255, 255)),
]


def linear(colour: Rgb) -> np.ndarray:
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one: Rgb, other: Rgb) -> float:
    light = sorted(float(linear(each) @ [0.2126, 0.7152, 0.0722]) for each in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def difference(one: Rgb, other: Rgb, seen: str) -> float:
    def lab(colour: Rgb) -> np.ndarray:
        rgb = np.clip(SEEN[seen] @ linear(colour), 0, 1)
        back = np.where(rgb <= 0.0031308, rgb * 12.92, 1.055 * rgb ** (1 / 2.4) - 0.055)
        place = rgb_to_lab(Color(*(round(part * 255) for part in back)))
        return np.array([place.L, place.a, place.b])

    return float(np.linalg.norm(lab(one) - lab(other)))


class ToneApp(BaseApp[None]):
    def compose(self) -> ComposeResult:
        yield Rows(id="rows")


async def drawn(theme: str) -> dict[str, Style]:
    """Return how each tone is drawn, as the widgets' style sheet has it."""
    app: App[None] = ToneApp(theme)
    async with app.run_test() as pilot:
        await pilot.pause()
        return {tone: app.get_component_styles(f"tone--{tone}").rich_style for tone in TONES}


def colours_of(style: Style, system: str) -> tuple[Rgb, Rgb]:
    """Return ink and ground as a terminal of so many colours draws them."""
    assert style.color is not None
    assert style.bgcolor is not None
    pair = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
    ink, ground = (_shown(colour, system) for colour in pair)
    return ink, ground


def _shown(colour: RichColor, system: str) -> Rgb:
    if system in PALETTES:
        return tuple(colour.get_truecolor(PALETTES[system]))
    if system == "256":
        colour = colour.downgrade(ColorSystem.EIGHT_BIT)
    return tuple(colour.get_truecolor())


PALETTES = {
    name: TerminalTheme(colours[0], colours[7], colours[:8], colours[8:])
    for name, colours in (("xterm", XTERM), ("vga", VGA))
}
DRAWN = [*itertools.product(THEMES, ("true", "256")), *((SIXTEEN.name, name) for name in PALETTES)]


@pytest.mark.parametrize(("theme", "system"), DRAWN)
async def test_a_tone_stands_out(theme: str, system: str) -> None:
    for tone, style in (await drawn(theme)).items():
        least = 3.0 if tone in LINES else 4.5
        assert contrast(*colours_of(style, system)) >= least, tone


@pytest.mark.parametrize(("theme", "system"), DRAWN)
async def test_the_parties_differ_for_all_eyes(theme: str, system: str) -> None:
    styles = await drawn(theme)
    caller, taker = (colours_of(styles[PARTY_TONES[party]], system)[0] for party in PARTY_TONES)
    for seen in SEEN:
        assert difference(caller, taker, seen) >= APART, seen


@pytest.mark.parametrize(("theme", "system"), itertools.product(THEMES, ("true", "256")))
async def test_what_was_played_differs_from_what_was_not(theme: str, system: str) -> None:
    """In 16 colours they differ by form alone."""
    styles = await drawn(theme)
    past, text = (colours_of(styles[tone], system)[0] for tone in ("past", "text"))
    assert contrast(past, text) >= 3.0


@pytest.mark.parametrize(("theme", "system"), DRAWN)
async def test_words_that_were_heard_differ_from_those_to_come(theme: str, system: str) -> None:
    """By light, or in 16 colours by bold type."""
    styles = await drawn(theme)
    said, ahead = (styles[tone] for tone in ("said", "ahead"))
    if theme == SIXTEEN.name:
        assert (bool(said.bold), bool(ahead.bold)) == (True, False)
    else:
        assert contrast(*(colours_of(each, system)[0] for each in (said, ahead))) >= 2.0


def test_the_formulas_are_right() -> None:
    """By WCAG's own examples, and greys are grey for all eyes."""
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21.0)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    for seen, matrix in SEEN.items():
        assert np.allclose(matrix.sum(axis=1), 1.0, atol=1e-5), seen
    assert difference((255, 0, 0), (140, 120, 0), "all") > 60
    assert difference((255, 0, 0), (140, 120, 0), "deuteranopia") < 20


@pytest.mark.parametrize("growing", [True, False])
def test_no_time_of_the_scale_is_drawn_in_the_tone_of_lines(growing: bool) -> None:
    span = whole_span(100_000, growing=growing)
    for text, tone in scale_row(100_000, 78, growing, span):
        assert tone not in LINES or not any(map(str.isalnum, text)), text
