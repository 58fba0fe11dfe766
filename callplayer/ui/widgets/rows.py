"""The base of all that is drawn here: a widget of rows that repaints only the rows that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from callplayer.ui.view import Tone

Part = tuple[str, Tone]
Row = Sequence[Part]
Build = Callable[[int, int], Sequence[Row]]
"""Makes the rows for a width and a height in cells."""

TONES: tuple[Tone, ...] = ("text", "strong", "dim", "faint", "past", "play", "hold", "alert", "ask")


def cells(row: Iterable[Part]) -> int:
    """Return the width of a row in cells."""
    return sum(cell_len(text) for text, _ in row)


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells; a cut text ends in an ellipsis."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(width - 1, 0)) + "…"[: max(width, 0)]


def spread(left: Row, right: Row, width: int) -> list[Part]:
    """Return one row with `right` at the right edge, left out if it has no room."""
    gap = width - cells(left) - cells(right)
    return [*left, (" " * gap, "text"), *right] if gap >= 1 else list(left)


class Rows(Widget, can_focus=False, inherit_bindings=False):
    """A widget of the rows that its last `Build` makes for its size, in the theme's tones."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{tone}" for tone in TONES}
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Rows { height: 1; width: 1fr; background: $background; }
    Rows > .rows--text { color: $foreground; }
    Rows > .rows--strong { color: $strong; text-style: bold; }
    Rows > .rows--dim { color: $dim; }
    Rows > .rows--faint { color: $faint; }
    Rows > .rows--past { color: $past; }
    Rows > .rows--play { color: $play; }
    Rows > .rows--hold { color: $hold; }
    Rows > .rows--alert { color: $alert; text-style: bold; }
    Rows > .rows--ask { color: $ask; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._build: Build | None = None
        self._rows: list[Row] = []
        self._strips: list[Strip] = []

    def draw_with(self, build: Build) -> None:
        """Draw what `build` makes now, and again after each change of size.

        Only lines that are not what they were are painted again.
        """
        self._build = build
        if self.size:
            self._show(build(self.size.width, self.size.height))

    def on_resize(self) -> None:
        """Make the rows for the new size."""
        if self._build is not None and self.size:
            self._rows = []
            self._show(self._build(self.size.width, self.size.height))

    def _show(self, rows: Sequence[Row]) -> None:
        fresh = [tuple(row) for row in rows]
        changed = [
            y
            for y in range(max(len(fresh), len(self._rows)))
            if y >= len(fresh) or y >= len(self._rows) or fresh[y] != self._rows[y]
        ]
        if not changed:
            return
        old, self._rows = self._rows, list(fresh)
        self._strips = [
            self._strips[y] if y < len(old) and y not in changed else self._strip(row)
            for y, row in enumerate(fresh)
        ]
        self.refresh(*(Region(0, y, self.size.width, 1) for y in changed if y < self.size.height))

    def render_line(self, y: int) -> Strip:
        """Return line `y` of the widget."""
        width = self.size.width
        blank = self._style("text")
        if y >= len(self._strips):
            return Strip.blank(width, blank)
        return self._strips[y].adjust_cell_length(width, blank)

    def notify_style_update(self) -> None:
        """Take the theme's colours anew."""
        super().notify_style_update()
        self._strips = [self._strip(row) for row in self._rows]

    def _strip(self, row: Row) -> Strip:
        return Strip([Segment(text, self._style(tone)) for text, tone in row if text])

    def _style(self, tone: Tone) -> Style:
        return self.get_component_rich_style(f"rows--{tone}")
