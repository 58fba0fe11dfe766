"""Plain mode: one line for each thing that happens, as a screen reader can follow, and the keys.

No Textual: lines go to stdout, keys come one by one from a terminal, or as a line each (a key, an
action's name, or the answer to what was asked) from a pipe.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence

from callplayer.bookmarks import BookmarkStore
from callplayer.ipc.messages import DevicesEvent, ListDevices, SetOutputDevice
from callplayer.ipc.news import EngineNews, EngineSession
from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.outcome import CallContext, Outcome, Prompt, PromptHint, asked
from callplayer.ui.actions.rules import LEFT, named_capitals, without_search
from callplayer.ui.key_profiles import key_of
from callplayer.ui.key_reader import KeyReader
from callplayer.ui.keymap import Action, FrontAction, first_key, key_name
from callplayer.ui.model.format import Tone, shown_position_ms
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import PlayerView
from callplayer.ui.options import PlayerResult
from callplayer.ui.plain.keys import TypedLine
from callplayer.ui.plain.lines import (
    bookmark_text,
    changes,
    device_lines,
    notice_text,
    spoken_help,
    spoken_key,
    stats_text,
)
from callplayer.ui.plain.transcript import SpokenTranscript
from callplayer.ui.settings import ScreenSettings

TICK_S = 0.1


class PlainPlayer:
    """One call in plain lines; `write` takes each line, without its end.

    `resume_ms` is where the call was left in the middle. With `ends_with_call` the end of the call
    is the end, whether or not keys may still come.
    """

    def __init__(
        self,
        engine: EngineSession,
        write: Callable[[str], None],
        actions: Sequence[Action],
        *,
        settings: ScreenSettings,
        store: BookmarkStore,
        ends_with_call: bool = False,
        resume_ms: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._write = write
        self._actions = actions
        self._keys = KeyReader(actions, key_text=spoken_key)
        self._named = {action.name: action for action in actions}
        self._ends_with_call = ends_with_call
        self._reading = SpokenTranscript()
        self._trouble = ""
        self._wants_devices = False
        self._left = asyncio.Event()
        self.control = CallControl(
            engine.send, self, settings, store, clock=clock, resume_ms=resume_ms
        )
        self.front_actions: dict[FrontAction, Callable[[], object]] = {
            "help": self._say_help,
            "stats": lambda: write(stats_text(self.control.view, clock())),
            "devices": self._ask_for_devices,
            "bookmarks": self._say_bookmarks,
            "close": lambda: self.control.do(without_search),
            "suspend": lambda: os.kill(os.getpid(), signal.SIGTSTP),
            "quit": self._left.set,
        }

    @property
    def view(self) -> PlayerView:
        """All that is known of the call."""
        return self.control.view

    async def run(self, keys: AsyncIterator[str]) -> PlayerResult:
        """Play until the user leaves, the engine ends, or (without keys) the call is over."""
        self._write("Connecting.")
        self.control.load_bookmarks()
        tasks = [
            asyncio.ensure_future(work)
            for work in (self._engine.run(self.take), self._listen(keys), self._follow())
        ]
        if self._ends_with_call:
            tasks.append(asyncio.ensure_future(self._leave_at_end()))
        leaving = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait((tasks[0], leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*tasks, leaving):
                task.cancel()
            await asyncio.gather(*tasks, leaving, return_exceptions=True)
        failure = self.view.failure
        if failure is None:
            return PlayerResult()
        return PlayerResult(failure.exit_code, failure.message, failure.hint)

    def take(self, event: EngineNews) -> None:
        """Write what an event of the engine brings."""
        before = self.view
        self.control.take(event)
        for line in changes(before, self.view, self.control.clock()):
            self._write(line)
        if isinstance(event, DevicesEvent) and self._wants_devices:
            self._wants_devices = False
            self._ask_device(event)

    def press(self, key: str, character: str | None = None) -> None:
        """Do what a key, or an action's name, stands for."""
        reply = self.control.type_key(key, character)
        if reply == "left":
            self._write(LEFT)
        if reply is not None:
            return
        if (named := self._named.get(key)) is not None:
            self.act(named)
            return
        meant, remark = self._keys.read(key, character or "", named_capitals(self.view))
        if (action := self._keys.action(meant)) is not None:
            self.act(action)
        if remark:
            self._write(remark)

    def take_line(self, line: str) -> None:
        """Take a line of a pipe: a key, an action's name, or the answer to what was asked."""
        key = key_of(line) or line
        if self.control.prompt is None or key == "escape":
            self.press(key)
        elif key == "enter":
            self.control.answer(self.control.prompt.text)
        else:
            self.control.answer(line)

    def act(self, action: Action) -> None:
        """Do what an action says."""
        if action.rule is not None:
            self.control.do(action.rule)
        elif action.front is not None:
            self.front_actions.get(action.front, lambda: self._write("That needs the screen."))()

    def note(self, text: str, tone: Tone = "hold") -> None:
        """Write a note."""
        self._write(text)

    def carried_out(self, outcome: Outcome, before: PlayerView) -> None:
        """Write what a screen would show by itself, and what is asked for."""
        for line in filter(None, (outcome.spoken, outcome.cited)):
            self._write(line)
        if outcome.prompt is not None:
            now = f"{outcome.prompt.text}; Enter takes it. Else" if outcome.prompt.text else ""
            self._write(f"{outcome.prompt.label}: {now} type, then Enter.".replace(":  ", ": "))

    def prompt_changed(self) -> None:
        """Say nothing while a line is typed."""

    def _say_help(self) -> None:
        for line in spoken_help(self._actions, self.front_actions):
            self._write(line)

    def _say_bookmarks(self) -> None:
        self.control.load_bookmarks()
        kept = self.control.store.bookmarks
        for each in kept:
            self._write(bookmark_text(each, self.control.view.state.duration_ms))
        if not kept:
            self._write("There are no bookmarks.")

    def _ask_for_devices(self) -> None:
        self._wants_devices = True
        self.control.request(ListDevices())

    def _ask_device(self, listed: DevicesEvent) -> None:
        def choose(text: str, call: CallContext) -> Outcome:
            names = ("", *(device.name for device in listed.devices))
            number = text.strip().lstrip("0") or "0"
            if text.strip() and number in map(str, range(len(names))):
                return asked(call, SetOutputDevice(names[int(number)]))
            return Outcome(note="That is none of them.")

        for line in device_lines(listed):
            self._write(line)
        label = "Device, 0 for the system's default"
        self.control.carry_out(Outcome(prompt=Prompt(label, lambda *_: PromptHint(""), choose)))

    async def _listen(self, keys: AsyncIterator[str]) -> None:
        async for key in keys:
            if isinstance(key, TypedLine):
                self.take_line(key)
            else:
                self.press(key, character_of(key))
        await self._leave_at_end()

    async def _leave_at_end(self) -> None:
        while self.view.state.phase != "at-end":
            await asyncio.sleep(TICK_S)
        self._left.set()

    async def _follow(self) -> None:
        """Write words as they are heard, and skip silence."""
        while True:
            await asyncio.sleep(TICK_S)
            self.say_words()
            self.say_trouble()
            self.control.skip_silence()

    def say_words(self) -> None:
        """Write the words that have been heard since."""
        state = self.view.state
        if not state.advancing:
            return
        for line in self._reading.due(
            self.view.script, shown_position_ms(state, self.control.clock())
        ):
            self._write(line)

    def say_trouble(self) -> None:
        """Write why nothing is heard, or what is not confirmed: once for each time."""
        view, now_s = self.view, self.control.clock()
        keys = [first_key(self._actions, name) for name in ("retry-now", "audible")]
        notice = shown_notice(view, now_s, *keys)
        if view.failure is not None or (notice is not None and notice is view.notice):
            return  # notes are said when they come
        kind = re.sub(r"\d+", "", notice.text) if notice is not None else ""
        if notice is not None and kind != self._trouble:
            self._write(notice_text(notice))
        self._trouble = kind


def character_of(key: str) -> str | None:
    """Return what a key types, None for one that types nothing."""
    if key == "space":
        return " "
    sign = key_name(key)
    return sign if len(sign) == 1 and sign not in "←→↑↓" else None
