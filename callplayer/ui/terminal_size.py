"""Sees to it that the screen has the terminal's size, though word of a change was lost.

A terminal tells of each change once, by a signal; on a busy machine Textual may take an older size
for the newer one. The screen would be torn until the next change.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import App
from textual.geometry import Size

LOOK_EACH_S = 1.0


class SizeWatch:
    """Compares the terminal's size with the screen's; `look` is called now and then."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._differed: Size | None = None
        self._look_at_s = 0.0

    def look(self, now_s: float) -> None:
        """Tell the screens of a size that they have not had for LOOK_EACH_S; s, monotonic."""
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EACH_S
        size = self._terminal_size()
        if size is None or size == self._app.screen.size:
            self._differed = None
        elif size != self._differed:
            self._differed = size  # a change is perhaps on its way
        else:
            self._app._size, self._app._resize_event = size, events.Resize(size, size)
            self._app._check_resize()

    def _terminal_size(self) -> Size | None:
        """Ask the terminal, as Textual does; None where there is none."""
        ask = getattr(self._app._driver, "_get_terminal_size", None)
        return None if self._app.is_headless or ask is None else Size(*ask())
