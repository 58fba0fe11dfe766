"""What all parts of the player's screen share: the view, the way to the engine, typed lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path

from textual import events

from callplayer.bookmarks import BookmarkStore
from callplayer.ipc.messages import Request
from callplayer.ui.keymap import ACTIONS, Action
from callplayer.ui.model.citation import call_facts
from callplayer.ui.model.format import Tone
from callplayer.ui.model.navigation import Step, is_move, jumped
from callplayer.ui.model.player import PlayerView, with_notice
from callplayer.ui.model.prompt import Prompt, pasted, typed
from callplayer.ui.model.time_input import CallFacts
from callplayer.ui.settings import ScreenSettings
from callplayer.ui.widgets.paint import PaintedScreen


@dataclass(frozen=True)
class ScreenConfig:
    """How this user's screen is set up, and where it keeps things.

    `actions` are what keys do; `zone` is the zone of clock times, None for the machine's own;
    `store` holds the bookmarks; the last citation is also written to `citation_path`, if any;
    `can_go_back`: there is a list of incidents to go back to; `theme` names the colours to begin
    with, `keep_theme` remembers others (it may raise OSError).
    """

    settings: ScreenSettings = field(default_factory=ScreenSettings)
    actions: tuple[Action, ...] = ACTIONS
    zone: tzinfo | None = None
    store: BookmarkStore = field(default_factory=lambda: BookmarkStore("", None))
    citation_path: Path | None = None
    can_go_back: bool = False
    theme: str = ""
    keep_theme: Callable[[str], None] = lambda _: None


NOT_READY = "The audio engine is not ready; press the key again in a moment."


class PlayerBase(PaintedScreen[None], inherit_bindings=False):
    """Holds the view, sends requests and asks for typed lines; the parts add what keys do.

    `incident` is the id asked for; `send` gives a request to the engine and returns whether it was
    taken; `clock` is the system's monotonic clock in s.
    """

    def __init__(
        self,
        send: Callable[[Request], bool],
        clock: Callable[[], float] = time.monotonic,
        incident: str = "",
        likes: ScreenConfig | None = None,
    ) -> None:
        super().__init__()
        self.likes = likes or ScreenConfig()
        self._send = send
        self._clock = clock
        self._question: Prompt | None = None
        self.view = PlayerView(asked_id=incident)

    def request(self, request: Request) -> None:
        """Send a request, or note that it cannot be sent; remember the place that a jump leaves."""
        if is_move(request):
            self._remember_jump()
        self._request(request)

    def take_step(self, step: Step) -> None:
        """Carry out a rule's step: remember, send its requests, show its note."""
        changed = bool(step.requests) or step.navigation != self.view.navigation
        self.view = replace(self.view, navigation=step.navigation)
        for request in step.requests:
            self._request(request)
        if step.note:
            self.note(step.note, "text" if changed else "hold")
        self.draw_time()

    def note(self, text: str, tone: Tone = "hold") -> None:
        """Show a note for a few seconds."""
        self.view = with_notice(self.view, text, self._clock(), tone)
        self.draw_time()

    def call_facts(self) -> CallFacts:
        """Return what a typed place, or a clock time, is measured against now."""
        return call_facts(self.view, self._clock(), self.likes.zone)

    def ask(self, question: Prompt) -> None:
        """Let the user type a line; abandon the line typed before."""
        self._end_question()
        self._question = question
        self.draw_time()

    def draw_time(self) -> None:
        """Draw what changes as time goes by."""
        raise NotImplementedError

    def close_panel(self) -> None:
        """Close the panel in the place of timeline and words, if one is open."""
        raise NotImplementedError

    def on_paste(self, event: events.Paste) -> None:
        """Take a pasted text into the line that is being typed."""
        if self._question is not None:
            event.stop()
            self._change_question(pasted(self._question, event.text))

    def _answer_key(self, event: events.Key) -> bool:
        """Give a key to the line that is being typed; return whether there is one."""
        question = self._question
        if question is None:
            return False
        changed, reply = typed(question, event.key, event.character)
        if reply == "typing":
            self._change_question(changed)
        elif reply == "answered":
            self._question = None
            question.answer(question.text)
        else:
            self._end_question()
        self.draw_time()
        return True

    def _change_question(self, question: Prompt) -> None:
        if question == self._question:
            return
        self._question = question
        if question.changed is not None:
            question.changed(question.text)
        self.draw_time()

    def _end_question(self) -> None:
        question, self._question = self._question, None
        if question is not None and question.left is not None:
            question.left()

    def _remember_jump(self) -> None:
        view = self.view
        if view.failure is None:
            left = jumped(view.navigation, view.state, self._clock())
            self.view = replace(view, navigation=left)

    def _request(self, request: Request) -> None:
        if self.view.failure is not None:
            return
        if not self._send(request):
            self.note(NOT_READY)
