"""Plain mode: one line for each thing that happens, as a screen reader can follow, and the keys.

No Textual: lines go to stdout, keys come one by one from a terminal, or as a line each (a key, an
action's name, or the answer to what was asked) from a pipe.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

from callplayer.ipc.messages import DevicesEvent, LevelsEvent, PartyState, StateEvent
from callplayer.ipc.news import EngineNews
from callplayer.text import plain_text
from callplayer.ui.key_profiles import key_of
from callplayer.ui.keymap import Action, first_key, key_name
from callplayer.ui.model.format import PARTY_NAMES, PHASE_LOOKS, gain_text, shown_position_ms
from callplayer.ui.model.navigation import loop_turns_in_s
from callplayer.ui.model.notices import shown_notice
from callplayer.ui.model.player import Notice, PlayerView, reduce
from callplayer.ui.model.prompt import typed
from callplayer.ui.options import PlayerResult
from callplayer.ui.plain.actions import PlainActions, place_text
from callplayer.ui.plain.keys import TypedLine
from callplayer.vendor.commands import Scrub

TICK_S = 0.1


def changes(before: PlayerView, view: PlayerView, now_s: float) -> list[str]:
    """Return the lines that report a change: mostly one, or none."""
    lines = []
    if view.incident is not None and before.incident is None:
        lines.append(f"Incident {plain_text(view.incident.id, 80)}.")
    state, old = view.state, before.state
    if _stage_of(view.offer.notice) != _stage_of(before.offer.notice):
        lines.append(plain_text(view.offer.notice))
    if state.recording and not old.recording:
        lines.append(f"Recording {plain_text(state.recording, 80)}, no server.")
    if state.phase != old.phase and view.was_connected:
        # A call that has just come back is still on its way to its place.
        place = place_text(state, now_s, asked=True)
        lines.append(f"{PHASE_LOOKS[state.phase].word.capitalize()}{place}.")
    elif old.requested_ms is not None and state.requested_ms is None:
        lines.append(f"At{place_text(state, now_s).removeprefix(' at')}.")
    if before.phase_since_s is not None:
        lines += _party_changes(old, state)
    if view.notice is not None and view.notice is not before.notice:
        lines.append(notice_text(view.notice))
    ahead, was = view.ahead, before.ahead
    if ahead is not None and ahead is not was:
        # Each message of words brings it again.
        goes_on = was is not None and was.speaker == ahead.speaker and now_s < was.until_s
        lines += [] if goes_on else [f"{ahead.speaker} speaks at the live end."]
    return lines


def _stage_of(notice: str) -> str:
    """Return what a successor's notice says besides how far it is: that changes all the time."""
    return re.sub(r"[\d,:]+|\bof\b", "", notice).strip()


def notice_text(notice: Notice) -> str:
    """Return a notice as a line; a hint about marks of the screen is left out."""
    parts = (notice.text[:1].upper() + notice.text[1:], notice.hint)
    return " ".join(part for part in parts if part and "◇" not in part)


def _party_changes(before: StateEvent, state: StateEvent) -> list[str]:
    lines = []
    was = {party.party: party for party in before.parties}
    for party in state.parties:
        last = was.get(party.party, party)
        name = PARTY_NAMES[party.party]
        if party.gain_db != last.gain_db:
            lines.append(f"{name}: volume {gain_text(party.gain_db)}.")
        if party.muted != last.muted:
            lines.append(f"{name}: {_muted_text(party)}.")
        if party.soloed != last.soloed:
            lines.append(f"{name}: {'solo' if party.soloed else 'no solo'}.")
    return lines


def _muted_text(party: PartyState) -> str:
    if not party.muted:
        return "not muted"
    return "muted, at the server" if party.muted_at_server else "muted"


class PlainPlayer(PlainActions):
    """One call in plain lines; `write` takes each line, without its end."""

    async def run(self, keys: AsyncIterator[str]) -> PlayerResult:
        """Play until the user leaves, the engine ends, or (without keys) the call is over."""
        self._write("Connecting.")
        self._load_bookmarks()
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
        before, now_s = self.view, self._clock()
        self.view = reduce(before, event, now_s)
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
                self._end_question(None if reply == "left" else self._question.text)
            return
        action = self._keys.get(key) or self._keys.get(key.lower()) or self._named.get(key)
        if action is None:
            self._write(f"{plain_text(key, 20)} does nothing.")
            return
        self._act(action)

    def take_line(self, line: str) -> None:
        """Take a line of a pipe: a key, an action's name, or the answer to what was asked."""
        key = key_of(line) or line
        if self._question is None:
            self.press(key)
        else:
            self._end_question(None if key == "escape" else line)

    def _end_question(self, text: str | None) -> None:
        """Answer what was asked; None leaves it."""
        question, self._question = self._question, None
        if question is None or text is None:
            self._write("Left as it was.")
        else:
            question.answer(text)

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
                self._send(request)
            if step.note:
                self._write(step.note)

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
        """Write words as they are heard, and turn the loop."""
        while True:
            await asyncio.sleep(TICK_S)
            self._say_words()
            self._say_trouble()
            self._skip_silence()
            state, loop = self.view.state, self.view.navigation.loop
            due_s = loop_turns_in_s(state, loop, self._clock())
            if loop is not None and due_s is not None and due_s < TICK_S:
                await asyncio.sleep(due_s)
                self._send(Scrub(loop.a_ms))
                await asyncio.sleep(2 * TICK_S)

    def _say_words(self) -> None:
        state = self.view.state
        if not state.advancing:
            return
        for line in self._reading.due(self.view.script, shown_position_ms(state, self._clock())):
            self._write(line)

    def _say_trouble(self) -> None:
        """Write why nothing is heard, or what is not confirmed: once for each time."""
        view, now_s = self.view, self._clock()
        notice = shown_notice(view, now_s, first_key(self._actions, "retry-now"))
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
