"""Plain mode: one line for each thing that happens, as a screen reader can follow, and the keys.

No Textual: lines go to stdout, keys come one by one from a terminal, or as a line each (a key or an
action's name) from a pipe.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from callplayer.bookmarks import Bookmark, BookmarkError, BookmarkStore
from callplayer.engine.messages import Event, Request, StateEvent
from callplayer.text import plain_text
from callplayer.ui.engine_client import EngineGone, EngineRestarting, Listener
from callplayer.ui.goto import CallFacts, Target, read_place
from callplayer.ui.keymap import Action, by_key, help_lines, key_name
from callplayer.ui.model import PlayerView, after, select_party
from callplayer.ui.navigation import is_move, jumped, loop_turns_in_s
from callplayer.ui.options import PlayerResult
from callplayer.ui.question import Hint, Question, typed
from callplayer.ui.script import LEAD_MS, SPEAKER_NAMES, find, quote
from callplayer.ui.settings import ScreenSettings
from callplayer.ui.view import (
    PARTY_NAMES,
    PHASE_LOOKS,
    clock_text,
    gain_text,
    is_growing,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.wire import Scrub, parse_datetime

TICK_S = 0.1


class Engine(Protocol):
    """What plain mode needs of an EngineClient."""

    async def run(self, listener: Listener) -> None:
        """Tell all events until the engine has ended for good."""

    def send(self, request: Request) -> bool:
        """Send a request; tell whether it was taken."""


def changes(before: PlayerView, view: PlayerView, now_s: float) -> list[str]:
    """Return what is to be said of a change, most of it one line or none."""
    lines = []
    if view.incident is not None and before.incident is None:
        lines.append(f"Incident {plain_text(view.incident.id, 80)}.")
    state, old = view.state, before.state
    if state.phase != old.phase:
        lines.append(f"{PHASE_LOOKS[state.phase].word.capitalize()}{_place(state, now_s)}.")
    elif old.requested_ms is not None and state.requested_ms is None:
        lines.append(f"At{_place(state, now_s).removeprefix(' at')}.")
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


class PlainPlayer:
    """One call in plain lines; `write` takes each line, without its end."""

    def __init__(
        self,
        engine: Engine,
        write: Callable[[str], None],
        actions: Sequence[Action],
        *,
        settings: ScreenSettings,
        store: BookmarkStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._write = write
        self._actions = actions
        self._keys = by_key(actions)
        self._named = {action.name: action for action in actions}
        self._settings = settings
        self._store = store
        self._clock = clock
        self._question: Question | None = None
        self._said = -1
        self._left = asyncio.Event()
        self.view = PlayerView()

    async def run(self, keys: AsyncIterator[str]) -> PlayerResult:
        """Play until the user leaves, the engine ends, or (without keys) the call is over."""
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

    def _request(self, request: Request) -> None:
        if is_move(request):
            left = jumped(self.view.navigation, self.view.state, self._clock())
            self.view = replace(self.view, navigation=left)
        if not self._engine.send(request):
            self._write("The audio engine is not ready.")

    def _do_quit(self) -> None:
        self._left.set()

    def _do_next_party(self, step: int = 1) -> None:
        self.view = select_party(self.view, step)
        if self.view.selected is not None:
            self._write(f"{PARTY_NAMES[self.view.selected]} selected.")

    def _do_last_party(self) -> None:
        self._do_next_party(-1)

    def _do_toggle_help(self) -> None:
        for keys, topic in help_lines(self._actions):
            self._write(f"{keys}: {topic}")

    def _do_toggle_stats(self) -> None:
        state, stats, now_s = self.view.state, self.view.stats, self._clock()
        delay = f" Delay {stats.delay_ms:.0f} ms." if stats is not None else ""
        behind_ms = shown_duration_ms(state, now_s) - shown_position_ms(state, now_s)
        behind = f" {behind_ms // 1000} s behind." if is_growing(state) else ""
        word = PHASE_LOOKS[state.phase].word.capitalize()
        self._write(f"{word}{_place(state, now_s)}.{behind}{delay}")

    def _do_go_to(self) -> None:
        def go(text: str) -> None:
            place = read_place(text, self._facts())
            if isinstance(place, Target):
                self._request(Scrub(place.position_ms))
            else:
                self._write(place)

        self._ask("Go to:", go)

    def _do_search(self) -> None:
        def search(text: str) -> None:
            hits = find(self.view.script, text)
            here_ms = self._facts().here_ms
            ahead = [hit for hit in hits if hit.position_ms > here_ms + LEAD_MS] or list(hits)
            if not ahead:
                self._write("Not said.")
                return
            self._write(f"{len(hits)} times.")
            self._request(Scrub(max(ahead[0].position_ms - LEAD_MS, 0)))

        self._ask("Search:", search)

    def _do_bookmark(self) -> None:
        place_ms = self._facts().here_ms
        words = quote(self.view.script, place_ms)
        made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        try:
            self._store.add(Bookmark(position_ms=place_ms, words=words, made_at=made_at))
        except OSError as error:
            self._write(f"Not saved yet: {error.strerror}.")
        except BookmarkError as error:
            self._write(f"Not saved yet. {error.what}")
        else:
            self._write(f"Bookmark at {clock_text(place_ms, self.view.state.duration_ms)}.")

    def _ask(self, label: str, answer: Callable[[str], None]) -> None:
        self._write(f"{label} type, then Enter.")
        self._question = Question(label, lambda _: Hint(""), answer)

    def _facts(self) -> CallFacts:
        state, now_s, incident = self.view.state, self._clock(), self.view.incident
        return CallFacts(
            shown_position_ms(state, now_s),
            shown_duration_ms(state, now_s),
            is_growing(state),
            parse_datetime(incident.created_at or "") if incident is not None else None,
        )

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


def _place(state: StateEvent, now_s: float) -> str:
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        return ""
    position = clock_text(shown_position_ms(state, now_s), duration_ms, tenths=False)
    return f" at {position} of {clock_text(duration_ms, duration_ms, tenths=False)}"
