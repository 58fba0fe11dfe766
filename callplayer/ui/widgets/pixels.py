"""Large digits of half blocks, to be read from a metre away. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

PIXEL_ROWS = 5

_GLYPHS: dict[str, tuple[str, ...]] = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    ":": (" ", "#", " ", "#", " "),
    ".": (" ", " ", " ", " ", "#"),
    "-": ("   ", "   ", "###", "   ", "   "),
}


def pixel_width(text: Sequence[str]) -> int:
    """Return the width of `text` in pixels, one blank between glyphs; a pixel is `scale` cells."""
    return sum(len(_GLYPHS[character][0]) + 1 for character in text) - 1


def cell_rows(scale: int) -> int:
    """Return how many rows of cells a line of glyphs takes: a cell is two pixels high."""
    return -(-PIXEL_ROWS * scale // 2)


@lru_cache(maxsize=256)
def _drawn(glyph: str, scale: int) -> tuple[str, ...]:
    pixels = ["".join(pixel * scale for pixel in row) for row in _GLYPHS[glyph]]
    pixels = [row for row in pixels for _ in range(scale)]
    if len(pixels) % 2:
        # The free half row stands above: what is over the digits does not touch them.
        pixels.insert(0, " " * len(pixels[0]))
    return tuple(
        "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)
    )


def large(text: Sequence[str], scale: int) -> tuple[str, ...]:
    """Draw `text`; return `cell_rows(scale)` strings of `pixel_width(text) * scale` cells.

    `text` is digits, `:`, `.` and `-`. Raise KeyError for any other.
    """
    gap = " " * scale
    return tuple(
        gap.join(rows) for rows in zip(*(_drawn(glyph, scale) for glyph in text), strict=True)
    )


_HALVES = {(" ", " "): " ", ("#", " "): "▀", (" ", "#"): "▄", ("#", "#"): "█"}
