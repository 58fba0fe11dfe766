"""Carries out what actions do: the one way to the engine, for screen and plain mode alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from msgspec.structs import replace

from callplayer.bookmarks import BookmarkError, BookmarkStore
from callplayer.ipc.messages import Request, WaveEvent
from callplayer.ipc.news import EngineNews
from callplayer.ui.actions.outcome import CallContext, Outcome, Prompt, PromptHint, Rule, asked
from callplayer.ui.actions.prompt import Reply, pasted, typed
from callplayer.ui.model.format import Tone
from callplayer.ui.model.player import PlayerView, reduce
from callplayer.ui.model.speech import SpeechLanes
from callplayer.ui.settings import ScreenSettings
from callplayer.vendor.commands import Scrub

NOT_READY = "The audio engine is not ready: press the key again."


class FrontEnd(Protocol):
    """What shows a call."""

    def note(self, text: str, tone: Tone = "hold") -> None:
        """Show a note for a few seconds."""

    def carried_out(self, outcome: Outcome, before: PlayerView) -> None:
        """Show what an outcome changed; `before` is the view until then."""

    def prompt_changed(self) -> None:
        """Show the line that is typed, and call `run_changed` when there is time for it."""


class CallControl:
    """The view of one call, and the way of every action on it.

    `send` gives a request to the engine and returns whether it was taken; `clock` is the system's
    monotonic clock in s; `zone` is that of clock times, None for the machine's own.
    """

    def __init__(
        self,
        send: Callable[[Request], bool],
        front: FrontEnd,
        settings: ScreenSettings,
        store: BookmarkStore,
        *,
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.monotonic,
        asked_id: str = "",
        resume_ms: int | None = None,
    ) -> None:
        self._send = send
        self._front = front
        self.note = front.note
        self.settings = settings
        self.store = store
        self.clock = clock
        self._zone = zone
        self.view = PlayerView(asked_id=asked_id, resume_ms=resume_ms)
        self.lanes = SpeechLanes()
        self.prompt: Prompt | None = None
        self.lists_bookmarks = False

    def context(self) -> CallContext:
        """Return what a rule may go by now."""
        return CallContext(
            self.view,
            self.clock(),
            self.settings,
            self.store.bookmarks,
            self._zone,
            datetime.now(UTC),
            self.lists_bookmarks,
        )

    def take(self, event: EngineNews) -> None:
        """Take an event of the engine into the view."""
        self.view = reduce(self.view, event, self.clock())
        if isinstance(event, WaveEvent) and self.view.link.quality != "cut":
            self.lanes.note(event.lane, event.start_ms, event.levels_db)

    def load_bookmarks(self) -> None:
        """Read what was kept of this call."""
        try:
            self.store.load()
        except BookmarkError as error:
            self.note(f"{error.what} {error.hint}")

    def do(self, rule: Rule) -> None:
        """Do what a rule says."""
        self.carry_out(rule(self.context()))

    def request(self, request: Request) -> None:
        """Send a request; remember the place that a jump leaves."""
        self.carry_out(asked(self.context(), request))

    def ask_quietly(self, request: Request) -> None:
        """Send what no key asked for; where it cannot be sent there is nothing to say."""
        if self.view.failure is None:
            self._send(request)

    def carry_out(self, outcome: Outcome) -> None:
        """Send, remember, keep, and show; of what cannot be sent only that."""
        before, after = self.view, outcome.view or self.view
        if outcome.requests and after.failure is not None:
            self.note(after.failure.message)
            return
        if not all(self._send(request) for request in outcome.requests):
            self.note(NOT_READY)
            return
        self.view = after
        trouble = self._kept(outcome)
        if outcome.prompt is not None:
            self.end_prompt()
            self.prompt = outcome.prompt
        if trouble or outcome.note:
            self.note(trouble or outcome.note, "hold" if trouble else outcome.tone)
        self._front.carried_out(outcome, before)

    def _kept(self, outcome: Outcome) -> str:
        """Change the bookmarks; return why that could not be saved, or ""."""
        if outcome.keep is None:
            return ""
        try:
            outcome.keep(self.store)
        except OSError as error:
            return f"Not saved yet: {error.strerror}. It is kept here and saved with the next."
        except BookmarkError as error:
            return f"Not saved yet. {error.what} {error.hint}"
        return ""

    # --- the line that is typed -------------------------------------------------------------------

    def type_key(self, key: str, character: str | None) -> Reply | None:
        """Give a key to the line that is typed; return what became of it, None if there is none."""
        if self.prompt is None:
            return None
        changed, reply = typed(self.prompt, key, character)
        if reply == "typing":
            self._change_prompt(changed)
        elif reply == "answered":
            self.answer(self.prompt.text)
        else:
            self.end_prompt()
        return reply

    def paste(self, text: str) -> None:
        """Take a pasted text into the line that is typed."""
        if self.prompt is not None:
            self._change_prompt(pasted(self.prompt, text))

    def answer(self, text: str) -> None:
        """Answer the line that is typed."""
        prompt, self.prompt = self.prompt, None
        if prompt is not None:
            self.carry_out(prompt.answer(text, self.context()))

    def end_prompt(self) -> None:
        """Leave the line that is typed without an answer."""
        prompt, self.prompt = self.prompt, None
        if prompt is not None and prompt.left is not None:
            self.carry_out(prompt.left(self.context()))

    def run_changed(self) -> None:
        """Do what comes of the line as it was changed."""
        if self.prompt is not None and self.prompt.changed is not None:
            self.carry_out(self.prompt.changed(self.prompt.text, self.context()))

    def hint(self) -> PromptHint:
        """Return what the line that is typed would do."""
        if self.prompt is None:
            return PromptHint("")
        return self.prompt.hint(self.prompt.text, self.context())

    def _change_prompt(self, prompt: Prompt) -> None:
        if prompt != self.prompt:
            self.prompt = prompt
            self._front.prompt_changed()

    # --- as time goes by --------------------------------------------------------------------------

    def skip_silence(self) -> None:
        """Skip silence that has come, if it is to be skipped."""
        view, now_s = self.view, self.clock()
        skip = view.skipping.due(
            view.state, view.script, self.lanes, self.settings.silence_s, now_s
        )
        if skip is None or view.failure is not None or not self._send(Scrub(skip.to_ms)):
            return
        self.view = replace(view, skipping=replace(view.skipping, skipped_s=now_s))
        self.note(skip.notice, "text")
