"""Draws the cells of a terminal as pixels: for PNG pictures, and for the frames of a recording.

Blocks, dots and shades are drawn as rectangles, so that they join as they do in a terminal; all
else comes from DejaVu Sans Mono.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len
from textual.strip import Strip

Rgb = tuple[int, int, int]

CELL_WIDTH, CELL_HEIGHT = 12, 24
FONT_PX = 20
EDGE = 12
SHADES = {"░": 0.22, "▒": 0.45, "▓": 0.7}
LOWER = "▁▂▃▄▅▆▇█"
LEFT = "▏▎▍▌▋▊▉█"
LINES = {"─": 2, "━": 4}
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The dots of a braille sign: left and right, from top to bottom."""


@dataclass(frozen=True)
class Cell:
    """What stands in one cell; "" is the second half of a wide character."""

    text: str
    ink: Rgb
    ground: Rgb
    bold: bool = False
    underlined: bool = False


def cells_of(strips: Iterable[Strip], ink: Rgb, ground: Rgb) -> list[list[Cell]]:
    """Return the cells of Textual's strips; `ink` and `ground` where a strip names no colour."""
    return [
        [cell for text, style, _ in strip for cell in _styled(text, style, ink, ground)]
        for strip in strips
    ]


def _styled(text: str, style, ink: Rgb, ground: Rgb) -> list[Cell]:  # type: ignore[no-untyped-def]
    front = tuple(style.color.get_truecolor()) if style and style.color else ink
    back = tuple(style.bgcolor.get_truecolor()) if style and style.bgcolor else ground
    if style and style.reverse:
        front, back = back, front
    cells: list[Cell] = []
    for character in text:
        width = cell_len(character)
        if not width and cells:
            last = cells[-1]
            cells[-1] = Cell(last.text + character, *_look(last))
            continue
        bold, underlined = bool(style and style.bold), bool(style and style.underline)
        cells.append(Cell(character, front, back, bold, underlined))
        cells += [Cell("", front, back)] * (width - 1)
    return cells


def _look(cell: Cell) -> tuple[Rgb, Rgb, bool, bool]:
    return cell.ink, cell.ground, cell.bold, cell.underlined


def picture(rows: Sequence[Sequence[Cell]], ground: Rgb) -> Image.Image:
    """Draw rows of cells, with an edge around them."""
    width = max(map(len, rows)) * CELL_WIDTH + 2 * EDGE
    image = Image.new("RGB", (width, len(rows) * CELL_HEIGHT + 2 * EDGE), ground)
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            at = (EDGE + x * CELL_WIDTH, EDGE + y * CELL_HEIGHT)
            if cell.ground != ground:
                draw.rectangle(_box(at, 0, 0, CELL_WIDTH, CELL_HEIGHT), fill=cell.ground)
        for x, cell in enumerate(row):
            if cell.text.strip():
                _draw(draw, (EDGE + x * CELL_WIDTH, EDGE + y * CELL_HEIGHT), cell)
    return image


def _draw(draw: ImageDraw.ImageDraw, at: tuple[int, int], cell: Cell) -> None:
    sign, ink = cell.text, cell.ink
    if sign in SHADES:
        share = SHADES[sign]
        mixed = tuple(round(g + (i - g) * share) for i, g in zip(ink, cell.ground, strict=True))
        draw.rectangle(_box(at, 0, 0, CELL_WIDTH, CELL_HEIGHT), fill=mixed)
    elif sign in LOWER:
        top = CELL_HEIGHT - CELL_HEIGHT * (LOWER.index(sign) + 1) // 8
        draw.rectangle(_box(at, 0, top, CELL_WIDTH, CELL_HEIGHT), fill=ink)
    elif sign in LEFT:
        right = max(CELL_WIDTH * (LEFT.index(sign) + 1) // 8, 1)
        draw.rectangle(_box(at, 0, 0, right, CELL_HEIGHT), fill=ink)
    elif sign == "▀":
        draw.rectangle(_box(at, 0, 0, CELL_WIDTH, CELL_HEIGHT // 2), fill=ink)
    elif "\u2800" <= sign <= "\u28ff":
        lit = ord(sign) - 0x2800
        for column, bits in enumerate(DOTS):
            for row, bit in enumerate(bits):
                if lit & bit:
                    left, top = column * 6 + 1, row * 6 + 1
                    draw.rectangle(_box(at, left, top, left + 4, top + 4), fill=ink)
    elif sign in LINES:
        top = (CELL_HEIGHT - LINES[sign]) // 2
        draw.rectangle(_box(at, 0, top, CELL_WIDTH, top + LINES[sign]), fill=ink)
    else:
        draw.text(at, sign, font=font(cell.bold), fill=ink)
    if cell.underlined:
        draw.rectangle(_box(at, 0, CELL_HEIGHT - 2, CELL_WIDTH, CELL_HEIGHT - 1), fill=ink)


def _box(at: tuple[int, int], left: int, top: int, right: int, bottom: int) -> list[int]:
    """Return a rectangle inside a cell as Pillow wants it: both corners belong to it."""
    return [at[0] + left, at[1] + top, at[0] + right - 1, at[1] + bottom - 1]


@lru_cache(maxsize=2)
def font(bold: bool) -> ImageFont.FreeTypeFont:
    """Return the font."""
    return ImageFont.truetype(f"DejaVuSansMono{'-Bold' if bold else ''}.ttf", FONT_PX)
