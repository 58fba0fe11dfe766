"""How a user's screen is set up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

import msgspec

from callplayer.bookmarks import BookmarkStore
from callplayer.paths import write_private
from callplayer.ui.first_run import FirstRun
from callplayer.ui.keymap import ACTIONS, Action
from callplayer.ui.settings import ScreenSettings


class ScreenConfig(msgspec.Struct, frozen=True):
    """How this user's screen is set up, and where it keeps things.

    `actions` are what keys do; `zone` is the zone of clock times, None for the machine's own;
    `store` holds the bookmarks; the last citation is also written to `citation_path`, if any;
    `can_go_back`: there is a list of incidents to go back to; `resume_ms` is where the call was
    left in the middle; `theme` names the colours to begin with, `keep_theme` remembers others (it
    may raise OSError); `first_run` has the hints of the first calls; `has_dots`: the terminal
    has braille signs.
    """

    settings: ScreenSettings = msgspec.field(default_factory=ScreenSettings)
    actions: tuple[Action, ...] = ACTIONS
    zone: tzinfo | None = None
    store: BookmarkStore = msgspec.field(default_factory=lambda: BookmarkStore("", None))
    citation_path: Path | None = None
    can_go_back: bool = False
    resume_ms: int | None = None
    theme: str = ""
    keep_theme: Callable[[str], None] = lambda _: None
    first_run: FirstRun = msgspec.field(default_factory=FirstRun)
    has_dots: bool = True

    def keep_citation(self, text: str) -> str:
        """Write a citation into its file, if there is one; return a note on where it is now."""
        if self.citation_path is None:
            return "Copied for the clipboard."
        try:
            write_private(self.citation_path, text.encode() + b"\n")
        except OSError as error:
            return f"Copied for the clipboard, not into a file: {error.strerror}."
        return f"Copied for the clipboard, and in {self.citation_path}."
