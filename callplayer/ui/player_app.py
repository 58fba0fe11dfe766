"""The Textual application around the player's screen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from textual.screen import Screen

from callplayer.ipc.messages import StateEvent
from callplayer.ipc.news import EngineNews, EngineSession
from callplayer.ui.base_app import BaseApp
from callplayer.ui.options import PlayerResult
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.screens.player.screen import PlayerScreen
from callplayer.ui.terminal import (
    NO_PROGRESS,
    RESTORE_TITLE,
    SAVE_TITLE,
    knows_progress,
    progress,
    title,
)
from callplayer.ui.theme import SIXTEEN, next_theme


class PlayerApp(BaseApp[PlayerResult]):
    """Shows the call of `incident`; `clock` is the system's monotonic clock in s."""

    SUSPENDED = "callplayer is suspended, but the call goes on. Type fg to come back."

    def __init__(
        self,
        engine: EngineSession,
        clock: Callable[[], float] = time.monotonic,
        incident: str = "",
        likes: ScreenConfig | None = None,
    ) -> None:
        likes = likes or ScreenConfig()
        super().__init__(likes.theme)
        self._engine = engine
        self._clock = clock
        self._sent = ""
        self._knows_progress = knows_progress(os.environ)
        self.player = PlayerScreen(engine.send, clock, incident, likes)

    def get_default_screen(self) -> Screen[None]:
        """Start on the player's screen."""
        return self.player

    def on_ready(self) -> None:
        """Listen to the engine."""
        self._to_terminal(SAVE_TITLE)
        self.run_worker(self._engine.run(self._take), name="engine", exit_on_error=True)

    def on_player_screen_quit_asked(self) -> None:
        """Leave, with the exit code of what went wrong, if anything did."""
        self.leave()

    def on_player_screen_back_asked(self) -> None:
        """Leave for the list of incidents."""
        self.exit(PlayerResult(back=True))

    def on_player_screen_theme_asked(self) -> None:
        """Take the next colours, and remember them."""
        if self.theme == SIXTEEN.name:
            self.player.note("This terminal has 16 colours: there is one theme for them.", "text")
            return
        self.theme = next_theme(self.theme)
        note = f"Colours: {self.theme}."
        try:
            self.player.likes.keep_theme(self.theme)
        except OSError as error:
            note += f" They cannot be remembered: {error.strerror}."
        self.player.note(note, "text")

    async def action_quit(self) -> None:
        """Leave as the key to quit does."""
        self.leave()

    def leave(self, exit_code: int | None = None, *, back: bool = False) -> None:
        """End the application, for the list of incidents if `back`; the caller ends the engine."""
        failure = self.player.view.failure
        if exit_code is not None or failure is None:
            self.exit(PlayerResult(exit_code or 0))
        else:
            self.exit(PlayerResult(failure.exit_code, failure.message, failure.hint, back))

    def _take(self, event: EngineNews) -> None:
        self.player.take(event)
        if isinstance(event, StateEvent):
            self._show_on_terminal(event)
        view = self.player.view
        if view.failure is not None and not view.was_connected:
            # From a list another call can be chosen; else there is nothing to stay for.
            self.leave(back=self.player.likes.can_go_back)

    def on_unmount(self) -> None:
        """Give the terminal its title back."""
        self._to_terminal((NO_PROGRESS if self._knows_progress else "") + RESTORE_TITLE)

    def _show_on_terminal(self, state: StateEvent) -> None:
        now_s = self._clock()
        sequence = title(state, now_s) + (progress(state, now_s) if self._knows_progress else "")
        if sequence != self._sent:
            self._sent = sequence
            self._to_terminal(sequence)

    def _to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)
