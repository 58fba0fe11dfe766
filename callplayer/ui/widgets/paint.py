"""Sends rows that changed to the terminal at once, past Textual's compositor.

A call that plays changes a few rows ten times a second. By Textual's own way each of their widgets
is woken, notifies its screen, waits for the next frame, and has the screen cut into pieces anew:
that costs more than all else the screen does, and up to 17 ms. Here it is known what is where,
nothing lies over it, and the compositor draws from the same rows whenever it draws by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from textual.app import App
from textual.errors import NoWidget
from textual.geometry import Region, Size
from textual.screen import Screen

if TYPE_CHECKING:
    from textual.widget import Widget

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"

Result = TypeVar("Result")


class RowWidget(Protocol):
    """A widget whose rows can be painted one by one."""

    @property
    def region(self) -> Region:
        """Where the widget is on its screen, in cells."""

    @property
    def size(self) -> Size:
        """Its size now, in cells."""

    @property
    def extent(self) -> Size:
        """The size that its rows were made for, in cells."""

    def codes(self, y: int) -> str:
        """Return row `y` as text and control codes, in the full width of the widget."""

    def refresh(self, *regions: Region) -> object:
        """Have Textual draw these regions."""


class Painter:
    """Collects the rows of one screen's widgets that changed, and writes them in one go."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen
        self._changed: dict[RowWidget, set[int]] = {}
        self._to_mend: set[int] = set()
        self.widgets: list[RowWidget] = []

    def paint(self, widget: RowWidget, rows: Iterable[int]) -> None:
        """Paint these rows of a widget as soon as all that is being drawn has been."""
        self._write_soon()
        self._changed.setdefault(widget, set()).update(rows)

    def mend(self, rows: Iterable[int]) -> None:
        """Paint all that stands in these rows of the screen as soon as Textual has drawn them.

        Where a terminal counts more cells than Textual, what stands right of such a text is drawn
        too far to the right.
        """
        rows = set(rows)
        if rows:
            self._write_soon()
            self._to_mend |= rows

    def _write_soon(self) -> None:
        if not self._changed and not self._to_mend:
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        """Write the rows as they are now; leave to Textual the rows that have moved."""
        changed, self._changed = self._changed, {}
        to_mend, self._to_mend = self._to_mend, set()
        app = self._screen.app
        can_write = app._running and not app._closed and app._driver is not None
        direct = can_write and self._screen.is_active and not app._batch_count
        mended: dict[RowWidget, set[int]] = {}
        for widget in self.widgets if to_mend and direct else ():
            rows_of = range(widget.region.y, widget.region.bottom)
            mended[widget] = {y - rows_of.start for y in to_mend if y in rows_of}
        pieces: list[str] = []
        for widget in changed | mended:
            rows = changed.get(widget, set())
            region = _place(widget, self._screen) if direct else None
            if region is None:
                # Textual has just drawn what it has to draw of `mended`: asked again, it would
                # not end.
                if rows:
                    widget.refresh(*(Region(0, y, widget.size.width, 1) for y in sorted(rows)))
                continue
            for y in sorted(rows | mended.get(widget, set())):
                pieces.append(f"\x1b[{region.y + y + 1};{region.x + 1}H")
                pieces.append(widget.codes(y))
        if pieces:
            _send(app, "".join(pieces))


class PaintedScreen(Screen[Result], inherit_bindings=False):
    """A screen whose rows are painted at once; no two of its widgets may lie over each other."""

    def __init__(self) -> None:
        super().__init__()
        self.painter = Painter(self)


def _place(widget: RowWidget, screen: Screen[Any]) -> Region | None:
    """Return where a widget is on the screen; None unless all of it is there, as it was drawn."""
    # The widget's own region would look its screen up first, which costs more than this.
    try:
        region = screen.find_widget(cast("Widget", widget)).region
    except NoWidget:
        return None
    is_there = region and region.size == widget.extent
    return region if is_there and screen.size.region.contains_region(region) else None


def _send(app: App[Any], text: str) -> None:
    assert app._driver is not None
    app._driver.write(f"{SYNC_START}{text}{SYNC_END}" if app._sync_available else text)
