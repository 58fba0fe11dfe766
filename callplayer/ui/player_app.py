"""The Textual application around the player's screen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from textual.app import App
from textual.screen import Screen

from callplayer.engine.messages import Event, Request
from callplayer.ui.engine_client import EngineGone, EngineRestarting, Listener
from callplayer.ui.options import PlayerResult
from callplayer.ui.screens.player import PlayerScreen
from callplayer.ui.theme import THEME, theme_variables

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What the application needs of an EngineClient."""

    async def run(self, listener: Listener) -> None:
        """Tell all events until the engine has ended for good."""

    def send(self, request: Request) -> bool:
        """Send a request; tell whether it was taken."""


class PlayerApp(App[PlayerResult], inherit_bindings=False):
    """Shows one call; `clock` is the system's monotonic clock in s."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "callplayer"

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._engine = engine
        self.player = PlayerScreen(engine.send, clock)
        self.register_theme(THEME)
        self.theme = THEME.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the tones' colours for the style sheets."""
        return theme_variables()

    def get_default_screen(self) -> Screen[None]:
        """Start on the player's screen."""
        return self.player

    def on_ready(self) -> None:
        """Listen to the engine."""
        self.run_worker(self._engine.run(self._take), name="engine", exit_on_error=True)

    def on_player_screen_quit_asked(self) -> None:
        """Leave, with the exit code of what went wrong, if anything did."""
        self.leave()

    def leave(self, exit_code: int | None = None) -> None:
        """End the application; the caller of `run_async` then ends the engine."""
        failure = self.player.view.failure
        if exit_code is not None or failure is None:
            self.exit(PlayerResult(exit_code or 0))
        else:
            self.exit(PlayerResult(failure.exit_code, failure.message, failure.hint))

    def _take(self, event: Event | EngineRestarting | EngineGone) -> None:
        self.player.take(event)
        view = self.player.view
        if view.failure is not None and not view.was_connected:
            self.leave()

    def _fatal_error(self) -> None:
        """Log what went wrong: a traceback over the terminal would help no dispatcher."""
        log.critical("the screen failed", exc_info=True)
        self._close_messages_no_wait()
