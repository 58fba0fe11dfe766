"""What the player's and the picker's applications share."""

from __future__ import annotations

import logging
import os
from typing import ClassVar, TypeVar

from textual.app import App
from textual.binding import Binding, BindingType

from callplayer.ui.terminal_driver import TerminalDriver
from callplayer.ui.theme import DEFAULT, SIXTEEN, THEMES, theme_variables
from callplayer.ui.widgets.rows import TONES

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class BaseApp(App[Result], inherit_bindings=False):
    """An application with callplayer's colours; it has the styles of the tones for all its rows.

    It has no keys but those of its screen, and those that work from everywhere.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", priority=True),
        Binding("ctrl+z", "suspend_process", priority=True),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES}
    DEFAULT_CSS = """
    BaseApp, BaseApp:ansi { background: $background; }
    BaseApp:ansi CommandPalette Input, BaseApp:ansi SearchIcon { color: $foreground; }
    BaseApp > .tone--text { color: $foreground; }
    BaseApp > .tone--strong { color: $strong; text-style: bold; }
    BaseApp > .tone--dim { color: $dim; }
    BaseApp > .tone--faint { color: $faint; }
    BaseApp > .tone--past { color: $past; }
    BaseApp > .tone--play { color: $play; }
    BaseApp > .tone--hold { color: $hold; }
    BaseApp > .tone--alert { color: $alert; text-style: bold; }
    BaseApp > .tone--ask { color: $ask; }
    BaseApp > .tone--lit { color: $background; background: $play; text-style: bold; }
    BaseApp > .tone--hit { color: $hold; text-style: underline; }
    BaseApp > .tone--pointed { color: $ask; text-style: bold reverse; }
    BaseApp > .tone--said { color: $foreground; }
    BaseApp > .tone--ahead { color: $ahead; }
    BaseApp > .tone--unsure { color: $dim; text-style: italic; }
    BaseApp > .tone--past-loop { color: $ask; background: $panel; }
    BaseApp > .tone--text-loop { color: $foreground; background: $panel; }
    BaseApp > .tone--ahead-loop { color: $dim; background: $panel; }
    BaseApp > .tone--faint-loop { color: $dim; background: $panel; }
    BaseApp:nocolor > .tone--lit { text-style: bold reverse; }
    BaseApp:ansi > .tone--said, BaseApp:nocolor > .tone--said { text-style: bold; }
    BaseApp:nocolor > .tone--dim, BaseApp:nocolor > .tone--faint { text-style: dim; }
    """
    ENABLE_COMMAND_PALETTE = False
    TITLE = "callplayer"
    SUSPENDED = "callplayer is suspended. Type fg to come back."
    """What stands on the terminal meanwhile."""

    def __init__(self, theme: str = "") -> None:
        # With NO_COLOR, Textual turns colours to greys, its own dark background among them, unless
        # the terminal's colours are to be used: then it sends none.
        super().__init__(
            driver_class=TerminalDriver, ansi_color=True if "NO_COLOR" in os.environ else None
        )
        for each in (*THEMES.values(), SIXTEEN):
            self.register_theme(each)
        self.theme = theme if theme in (*THEMES, SIXTEEN.name) else DEFAULT

    def on_mount(self) -> None:
        """Draw everything again after a suspend: the size is the same, so nothing else does."""
        self.app_resume_signal.subscribe(self, lambda _: self.refresh())

    def abandon_terminal(self) -> None:
        """Give the terminal back while the application hangs; from any thread."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.abandon()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the tones' colours for the style sheets."""
        return theme_variables()

    def _fatal_error(self) -> None:
        # Textual's own prints a traceback with local variables: no help to a dispatcher, and a
        # secret might be among them.
        log.critical("the screen failed", exc_info=True)
        self._close_messages_no_wait()
