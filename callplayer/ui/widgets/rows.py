"""The base of all widgets here: a widget of rows that repaints only the rows that changed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import get_args

from rich.cells import cell_len as cells_by_rich
from rich.cells import chop_cells, set_cell_size
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from callplayer.ui.model.format import Tone
from callplayer.ui.widgets.paint import PaintedScreen, Painter

Part = tuple[str, Tone]
Row = Sequence[Part]
Build = Callable[[int, int], Sequence[Row]]
"""Makes the rows for a width and a height in cells."""

TONES: tuple[Tone, ...] = get_args(Tone)

EDGE_CELLS = 1
"""The blank cells left and right of all rows: the margin in the style sheet below."""


_SHAPED = re.compile(
    "[\u0300-\u10ff\u1700-\u1cff\u200d\ua800-\uabff\ufe0f\U0001f3fb-\U0001f3ff\U00011000-\U00011fff]"
)
"""Signs of scripts whose vowels stand beside their letter, and what joins emoji."""


@lru_cache(maxsize=4096)
def is_shaped(text: str) -> bool:
    """Return whether terminals may count the cells of a text in two ways."""
    return not text.isascii() and _SHAPED.search(text) is not None


@lru_cache(maxsize=4096)
def cell_len(text: str) -> int:
    """Return the most cells that a terminal takes a text for, so that no end of a row is cut."""
    if text.isascii():
        return len(text)
    return _most_cells(text) if is_shaped(text) else cells_by_rich(text)


def _most_cells(text: str) -> int:
    """Return the cells of each sign by itself, as wcwidth counts them, or more."""
    signs = [sign for sign in text if unicodedata.category(sign) not in ("Mn", "Me", "Cf")]
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in signs)
    return max(len(signs) + wide, cells_by_rich(text))


def cells(row: Iterable[Part]) -> int:
    """Return the width of a row in cells."""
    return sum(cell_len(text) for text, _ in row)


def cut(text: str, width: int) -> str:
    """Return the beginning of a text, in at most `width` cells."""
    begun = text if cell_len(text) <= width else set_cell_size(text, max(width, 0))
    while cell_len(begun) > max(width, 0):
        begun = begun[:-1]
    return begun


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells; a cut text ends in an ellipsis."""
    begun = text if cell_len(text) <= width else cut(text, width - 1) + "…"[: max(width, 0)]
    return begun + " " * (width - cell_len(begun))


def fit_words(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; it is cut between words, where that loses little."""
    if cell_len(text) <= width:
        return text
    begun = cut(text, width - 2).rstrip()
    whole, _, _ = begun.rpartition(" ")
    goes_on = not text[len(begun) :].startswith(" ")
    if goes_on and cell_len(whole) * 3 > width:
        begun = whole.rstrip()
    elif goes_on:
        return fit(text, width)
    return f"{begun.rstrip(',;:')} …"


def wrapped_words(text: str, width: int, most_lines: int, indent: str = "") -> list[str]:
    """Return `text` in lines of at most `width` cells, `indent` before all but the first.

    A word longer than a line, such as a path, goes on in the next; what the last line has no room
    for is cut.
    """
    lines = [""]
    words = text.split(" ")
    for at, word in enumerate(words):
        longer = f"{lines[-1]} {word}" if at else word
        if cell_len(longer) <= width:
            lines[-1] = longer
        elif len(lines) == most_lines:
            lines[-1] = fit_words(" ".join((lines[-1], *words[at:])), width)
            break
        else:
            lines += [indent + part for part in chop_cells(word, max(width - len(indent), 1))]
            if len(lines) > most_lines:
                rest = "".join(part.removeprefix(indent) for part in lines[most_lines - 1 :])
                lines[most_lines - 1 :] = [fit_words(indent + rest, width)]
                break
    return [fit_words(line, width) for line in lines if line]


def quoted(text: str, width: int) -> str:
    """Return `text` in quotes in at most `width` cells; the quotes are closed where it is cut."""
    return f"“{fit_words(text, width - 2)}”" if width > 4 else ""


class Rows(Widget, can_focus=False, inherit_bindings=False):
    """A widget of the rows that its last `Build` makes for its size, in the application's tones."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Rows { height: 1; width: 1fr; margin: 0 1; background: $background; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._build: Build | None = None
        self._rows: list[Row] = []
        self._strips: list[Strip | None] = []
        self._extent = Size(0, 0)
        self._blank: Strip | None = None
        self._background: Color | None = None
        self._styles_of: dict[Tone, Style] = {}
        self._codes_of: dict[Tone, str] = {}
        self._painter: Painter | None = None

    def on_mount(self) -> None:
        """Find out how changed rows reach the terminal."""
        screen = self.screen
        self._painter = screen.painter if isinstance(screen, PaintedScreen) else None
        if self._painter is not None:
            self._painter.widgets.append(self)

    @property
    def extent(self) -> Size:
        """The size that the rows were made for."""
        return self._extent

    def draw_with(self, build: Build) -> None:
        """Draw what `build` makes now, and again after each change of size.

        Only lines that are not what they were are painted again.
        """
        self._build = build
        if self._extent:
            self._show(build(*self._extent))

    def on_resize(self) -> None:
        """Make the rows for the new size."""
        self._extent = self.size
        if self._build is not None and self._extent:
            self._rows = []
            self._show(self._build(*self._extent))

    def _show(self, rows: Sequence[Row]) -> None:
        fresh: list[Row] = [tuple(row) for row in rows]
        changed = [
            y
            for y in range(max(len(fresh), len(self._rows)))
            if y >= len(fresh) or y >= len(self._rows) or fresh[y] != self._rows[y]
        ]
        if not changed:
            return
        self._rows = fresh
        # Strips are what the compositor draws: they are made when it asks for them.
        self._strips = [
            None if y in changed or y >= len(self._strips) else self._strips[y]
            for y in range(len(fresh))
        ]
        width, height = self._extent
        shown = [y for y in changed if y < height]
        if self._painter is not None:
            self._painter.paint(self, shown)
        else:
            self.refresh(*(Region(0, y, width, 1) for y in shown))

    def codes(self, y: int) -> str:
        """Return row `y` as text and control codes, in the full width of the widget."""
        row = self._rows[y] if y < len(self._rows) else ()
        width = self._extent.width
        blank = width - cells(row)
        if blank < 0:
            return self.render_line(y).render(self.app.console)
        pieces = "".join(f"{self._code(tone)}{text}" for text, tone in row if text)
        ground = self._code("text")
        # A terminal that counts fewer cells would leave old ones at the end.
        before = f"{ground}{' ' * width}\x1b[{width}D" if _is_row_shaped(row) else ""
        return f"{before}{pieces}{ground}{' ' * blank}\x1b[0m"

    def _code(self, tone: Tone) -> str:
        code = self._codes_of.get(tone)
        if code is None:
            colours = self.app.console._color_system or ColorSystem.TRUECOLOR
            ansi = Strip.render_ansi(self._style(tone), colours)
            code = self._codes_of[tone] = f"\x1b[0;{ansi}m" if ansi else "\x1b[0m"
        return code

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines inside `crop`.

        The rows are ready to be shown: to send them through Textual's styles cache, which adds
        borders and padding that rows never have, would double the cost of a repaint.
        """
        width = self._extent.width
        lines = [self._line(y, width) for y in range(crop.y, crop.bottom)]
        if self._painter is not None:
            drawn = enumerate(self._rows[crop.y : crop.bottom], self.region.y + crop.y)
            self._painter.mend(y for y, row in drawn if _is_row_shaped(row))
        if crop.x == 0 and crop.width == width:
            return lines
        return [line.crop(crop.x, crop.right) for line in lines]

    def render_line(self, y: int) -> Strip:
        """Return line `y` of the widget."""
        return self._line(y, self._extent.width)

    def notify_style_update(self) -> None:
        """Take the theme's colours anew."""
        super().notify_style_update()
        self._styles_of.clear()
        self._codes_of.clear()
        self._blank = self._background = None
        # Other rows' styles come after this: the rows are made when they are painted.
        self._strips = [None] * len(self._rows)

    def _line(self, y: int, width: int) -> Strip:
        strip = self._strips[y] if y < len(self._strips) else self._blank
        if strip is not None and strip.cell_length == width:
            return strip
        if y < len(self._strips):
            strip = self._strips[y] = self._strip(self._rows[y])
        else:
            strip = self._blank = self._strip(())
        return strip

    def _strip(self, row: Row) -> Strip:
        segments = [Segment(text, self._style(tone)) for text, tone in row if text]
        return Strip(segments).adjust_cell_length(self._extent.width, self._style("text"))

    def _style(self, tone: Tone) -> Style:
        # Looking a component style up costs more than all else of a meter's repaint.
        style = self._styles_of.get(tone)
        if style is None:
            style = self.app.get_component_styles(f"tone--{tone}").rich_style
            if self._background is None:
                self._background = self.background_colors[1]
            # What Textual does to each segment, for terminals of few colours or none: once a tone.
            for line_filter in self.get_line_filters():
                filtered = line_filter.apply([Segment("x", style)], self._background)
                style = filtered[0].style or style
            self._styles_of[tone] = style
        return style


def _is_row_shaped(row: Row) -> bool:
    return any(is_shaped(text) for text, _ in row)
