"""The Textual application around the player's screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from textual.screen import Screen

from callplayer.engine.messages import Event, Request
from callplayer.ui.base_app import BaseApp
from callplayer.ui.engine_client import EngineGone, EngineRestarting, Listener
from callplayer.ui.options import PlayerResult
from callplayer.ui.screens.base import Likes
from callplayer.ui.screens.player import PlayerScreen


class Engine(Protocol):
    """What the application needs of an EngineClient."""

    async def run(self, listener: Listener) -> None:
        """Tell all events until the engine has ended for good."""

    def send(self, request: Request) -> bool:
        """Send a request; tell whether it was taken."""


class PlayerApp(BaseApp[PlayerResult], inherit_bindings=False):
    """Shows the call of `incident`; `clock` is the system's monotonic clock in s."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.monotonic,
        incident: str = "",
        likes: Likes | None = None,
    ) -> None:
        super().__init__()
        self._engine = engine
        self.player = PlayerScreen(engine.send, clock, incident, likes)

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
