"""Plain mode: one line for each thing that happens, as a screen reader can follow, and the keys.

No Textual: lines go to stdout, keys come one by one from a terminal, or as a line each (a key or an
action's name) from a pipe.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from callplayer.engine.messages import (
    DevicesEvent,
    Event,
    LevelsEvent,
    StateEvent,
)
from callplayer.text import plain_text
from callplayer.ui.engine_client import EngineGone, EngineRestarting
from callplayer.ui.keymap import Action, key_name
from callplayer.ui.model import PlayerView, after
from callplayer.ui.navigation import loop_turns_in_s
from callplayer.ui.options import PlayerResult
from callplayer.ui.plain_actions import PlainActions, told_place
from callplayer.ui.question import typed
from callplayer.ui.script import SPEAKER_NAMES
from callplayer.ui.view import (
    PARTY_NAMES,
    PHASE_LOOKS,
    gain_text,
    shown_position_ms,
)
from callplayer.wire import Scrub

TICK_S = 0.1


def changes(before: PlayerView, view: PlayerView, now_s: float) -> list[str]:
    """Return what is to be said of a change, most of it one line or none."""
    lines = []
    if view.incident is not None and before.incident is None:
        lines.append(f"Incident {plain_text(view.incident.id, 80)}.")
    state, old = view.state, before.state
    if state.phase != old.phase:
        # A call that has just come back is still on its way to its place.
        place = told_place(state, now_s, asked=True)
        lines.append(f"{PHASE_LOOKS[state.phase].word.capitalize()}{place}.")
    elif old.requested_ms is not None and state.requested_ms is None:
        lines.append(f"At{told_place(state, now_s).removeprefix(' at')}.")
    lines += _party_changes(old, state)
    if view.notice is not None and view.notice is not before.notice:
        lines.append(" ".join(part for part in (view.notice.text, view.notice.hint) if part))
    if view.ahead is not None and view.ahead is not before.ahead:
        lines.append(f"{view.ahead.speaker} speaks at the live end.")
    return lines


def _party_changes(before: StateEvent, state: StateEvent) -> list[str]:
    lines = []
    was = {party.party: party for party in before.parties}
    for party in state.parties:
        last = was.get(party.party, party)
        name = PARTY_NAMES[party.party]
        if party.gain_db != last.gain_db:
            lines.append(f"{name}: volume {gain_text(party.gain_db)}.")
        if party.muted != last.muted:
            lines.append(f"{name}: {'muted' if party.muted else 'not muted'}.")
        if party.soloed != last.soloed:
            lines.append(f"{name}: {'solo' if party.soloed else 'no solo'}.")
    return lines


class PlainPlayer(PlainActions):
    """One call in plain lines; `write` takes each line, without its end."""

    async def run(self, keys: AsyncIterator[str]) -> PlayerResult:
        """Play until the user leaves, the engine ends, or (without keys) the call is over."""
        self._load_bookmarks()
        tasks = [
            asyncio.ensure_future(work)
            for work in (self._engine.run(self.take), self._listen(keys), self._follow())
        ]
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

    def take(self, event: Event | EngineRestarting | EngineGone) -> None:
        """Say what the engine told."""
        before, now_s = self.view, self._clock()
        self.view = after(before, event, now_s)
        if self.view.was_connected:
            for line in changes(before, self.view, now_s):
                self._write(line)
        if isinstance(event, LevelsEvent):
            self._note_heard()
        elif isinstance(event, DevicesEvent) and self._wants_devices:
            self._wants_devices = False
            self._ask_device(event)

    def press(self, key: str, character: str | None = None) -> None:
        """Do what a key, or an action's name, stands for."""
        if self._question is not None:
            self._question, reply = typed(self._question, key, character)
            if reply != "typing":
                question, self._question = self._question, None
                if reply == "answered":
                    question.answer(question.text)
            return
        action = self._keys.get(key) or self._keys.get(key.lower()) or self._named.get(key)
        if action is None:
            self._write(f"{plain_text(key, 20)} does nothing.")
            return
        self._act(action)

    def _act(self, action: Action) -> None:
        if action.screen is not None:
            do = getattr(self, f"_do_{action.screen}", None)
            if do is None:
                self._write("That needs the screen.")
            else:
                do()
        elif action.request is not None:
            self._request(action.request)
        elif action.ask is not None:
            answer = action.ask(self.view)
            self._write(answer) if isinstance(answer, str) else self._request(answer)
        elif action.steer is not None:
            view = self.view
            step = action.steer(view.state, view.navigation, self._settings, self._clock())
            self.view = replace(view, navigation=step.navigation)
            for request in step.requests:
                self._engine.send(request)
            if step.note:
                self._write(step.note)

    async def _listen(self, keys: AsyncIterator[str]) -> None:
        async for key in keys:
            self.press(key, character_of(key))
        while self.view.state.phase != "at-end":
            await asyncio.sleep(TICK_S)
        self._left.set()

    async def _follow(self) -> None:
        """Say what is said as it is heard, and turn the loop."""
        while True:
            await asyncio.sleep(TICK_S)
            self._say_words()
            self._skip_silence()
            state, loop = self.view.state, self.view.navigation.loop
            due_s = loop_turns_in_s(state, loop, self._clock())
            if loop is not None and due_s is not None and due_s < TICK_S:
                await asyncio.sleep(due_s)
                self._engine.send(Scrub(loop.a_ms))
                await asyncio.sleep(2 * TICK_S)

    def _say_words(self) -> None:
        state = self.view.state
        if not state.advancing:
            return
        at = self.view.script.at(shown_position_ms(state, self._clock()))
        if at != self._said and at >= 0:
            each = self.view.script.utterances[at]
            self._write(f"{SPEAKER_NAMES[each.speaker]}: {each.text}")
        self._said = at


def character_of(key: str) -> str | None:
    """Return what a key types, None for one that types nothing."""
    if key == "space":
        return " "
    sign = key_name(key)
    return sign if len(sign) == 1 and sign not in "←→↑↓" else None
