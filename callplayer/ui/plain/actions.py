"""What the keys do in plain mode, written in lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from callplayer.bookmarks import Bookmark, BookmarkError, BookmarkStore
from callplayer.ipc.messages import DevicesEvent, ListDevices, Request, SetOutputDevice, StateEvent
from callplayer.ipc.news import EngineSession
from callplayer.text import plain_text
from callplayer.ui.keymap import Action, by_key, help_lines
from callplayer.ui.model.citation import (
    RecentBookmark,
    bookmark_here,
    call_facts,
    citation,
    mark_from,
    noted_next,
)
from callplayer.ui.model.format import (
    PARTY_NAMES,
    PHASE_LOOKS,
    aimed_ms,
    clock_text,
    is_growing,
    is_heard,
    shown_duration_ms,
    shown_position_ms,
)
from callplayer.ui.model.navigation import is_move, jumped
from callplayer.ui.model.player import NO_WORDS, PlayerView, call_levels, select_next_party
from callplayer.ui.model.prompt import Prompt, PromptHint
from callplayer.ui.model.skip_silence import SilenceSkipping
from callplayer.ui.model.speech import SpeechLanes
from callplayer.ui.model.time_input import TimeTarget, read_place
from callplayer.ui.model.transcript import LEAD_MS
from callplayer.ui.model.transcript_search import Hit, find, times_text
from callplayer.ui.plain.transcript import SpokenTranscript
from callplayer.ui.settings import ScreenSettings
from callplayer.vendor.commands import Scrub


class PlainActions:
    """Asks the engine, and writes what comes of it; `write` takes each line, without its end.

    With `ends_with_call` the end of the call is the end, whether or not keys may still come.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._write = write
        self._actions = actions
        self._keys = by_key(actions)
        self._named = {action.name: action for action in actions}
        self._settings = settings
        self._store = store
        self._ends_with_call = ends_with_call
        self._clock = clock
        self._question: Prompt | None = None
        self._reading = SpokenTranscript()
        self._trouble = ""
        self._fresh: RecentBookmark | None = None
        self._hits: tuple[Hit, ...] = ()
        self._lanes = SpeechLanes()
        self._skipping = SilenceSkipping()
        self._wants_devices = False
        self._left = asyncio.Event()
        self.view = PlayerView()

    def _load_bookmarks(self) -> None:
        try:
            self._store.load()
        except BookmarkError as error:
            self._write(f"{error.what} {error.hint}")

    def _request(self, request: Request) -> None:
        if is_move(request):
            left = jumped(self.view.navigation, self.view.state, self._clock())
            self.view = replace(self.view, navigation=left)
        self._send(request)

    def _send(self, request: Request) -> None:
        if not self._engine.send(request):
            self._write("The audio engine is not ready.")

    def _do_quit(self) -> None:
        self._left.set()

    def _do_next_party(self) -> None:
        self.view = select_next_party(self.view)
        self._write(f"{PARTY_NAMES[self.view.selected]} selected.")

    def _do_last_party(self) -> None:
        self._do_next_party()

    def _do_toggle_help(self) -> None:
        for keys, topic in help_lines(self._actions):
            self._write(f"{keys}: {topic}")

    def _do_toggle_stats(self) -> None:
        state, stats, now_s = self.view.state, self.view.stats, self._clock()
        delay = f" Delay {stats.delay_ms:.0f} ms." if stats is not None else ""
        behind_ms = shown_duration_ms(state, now_s) - shown_position_ms(state, now_s)
        behind = f" {behind_ms // 1000} s behind." if is_growing(state) else ""
        word = PHASE_LOOKS[state.phase].word.capitalize()
        self._write(f"{word}{place_text(state, now_s)}.{behind}{delay}")

    def _do_go_to(self) -> None:
        def go(text: str) -> None:
            place = read_place(text, call_facts(self.view, self._clock()))
            if isinstance(place, TimeTarget):
                self._request(Scrub(place.position_ms))
            else:
                self._write(place)

        self._ask("Go to:", go)

    def _do_search(self) -> None:
        def search(text: str) -> None:
            self._hits = hits = find(self.view.script, text)
            here_ms = shown_position_ms(self.view.state, self._clock())
            ahead = [hit for hit in hits if hit.position_ms > here_ms + LEAD_MS] or list(hits)
            if not ahead:
                self._write("Not said.")
                return
            self._write(f"{times_text(len(hits)).capitalize()}.")
            self._request(Scrub(max(ahead[0].position_ms - LEAD_MS, 0)))

        if self.view.script:
            self._ask("Search:", search)
        else:
            self._write(NO_WORDS[self.view.transcript])

    def _do_close_panels(self) -> None:
        line = "The search is over." if self._hits else "There is nothing to close."
        self._hits = ()
        self._write(line)

    def _do_bookmark(self) -> None:
        view, now_s = self.view, self._clock()
        facts = call_facts(view, now_s)
        if facts.duration_ms <= 0:
            self._write("There is no place to mark yet.")
            return
        at = clock_text(facts.here_ms, facts.duration_ms)
        noted = noted_next(self._fresh, self._store.bookmarks, facts.here_ms, now_s)
        if noted is not None:
            self._fresh = None
            self._ask_note(noted)
            return
        bookmark = bookmark_here(view, facts, datetime.now(UTC))
        self._fresh = RecentBookmark(bookmark, now_s)
        line = f"Bookmark at {at}: the key again adds a note."
        self._keep(lambda: self._store.add(bookmark), line)

    def _ask_note(self, bookmark: Bookmark) -> None:
        def note(text: str) -> None:
            self._keep(lambda: self._store.replace(bookmark, bookmark.noted(text)), "Noted.")

        self._ask("Note:", note)

    def _keep(self, change: Callable[[], None], line: str) -> None:
        try:
            change()
        except OSError as error:
            line = f"Not saved yet: {error.strerror}."
        except BookmarkError as error:
            line = f"Not saved yet. {error.what}"
        self._write(line)

    def _do_toggle_bookmarks(self) -> None:
        kept = self._store.bookmarks
        for each in kept:
            place = clock_text(each.position_ms, self.view.state.duration_ms)
            parts = (place, plain_text(each.note), plain_text(each.words))
            self._write("  ".join(part for part in parts if part))
        if not kept:
            self._write("There are no bookmarks.")

    def _do_next_mark(self, step: int = 1) -> None:
        places = [max(hit.position_ms - LEAD_MS, 0) for hit in self._hits]
        places = places or [each.position_ms for each in self._store.bookmarks]
        place_ms = mark_from(places, aimed_ms(self.view.state, self._clock()), step)
        if place_ms is None:
            where = "further on" if step > 0 else "before this place"
            self._write(f"There is none {where}." if places else "There are no bookmarks.")
        else:
            self._request(Scrub(place_ms))

    def _do_last_mark(self) -> None:
        self._do_next_mark(-1)

    def _do_cite(self) -> None:
        self._write(citation(self.view, call_facts(self.view, self._clock())))

    def _do_skip_silence(self) -> None:
        self._write(self._skipping.turn(self._settings.silence_s, self.view))

    def _do_toggle_devices(self) -> None:
        self._wants_devices = True
        self._request(ListDevices())

    def _ask_device(self, listed: DevicesEvent) -> None:
        for number, device in enumerate(listed.devices, 1):
            plays = ", plays now" if device.name == listed.current else ""
            self._write(f"{number}: {plain_text(device.label, 80)}{plays}")

        def choose(text: str) -> None:
            if text.strip() == "0":
                self._request(SetOutputDevice(""))
            elif text.strip().isdecimal() and int(text) <= len(listed.devices):
                self._request(SetOutputDevice(listed.devices[int(text) - 1].name))
            else:
                self._write("That is none of them.")

        self._ask("Device, 0 for the system's default:", choose)

    def _note_heard(self) -> None:
        now_s, state = self._clock(), self.view.state
        if is_heard(state, now_s) and self.view.link.quality != "cut":
            self._lanes.note(call_levels(self.view), shown_position_ms(state, now_s))

    def _skip_silence(self) -> None:
        if self.view.quiet_since_s is not None:
            self._note_heard()
        longest_s = self._settings.silence_s
        skip = self._skipping.due(self.view, self._lanes, longest_s, self._clock())
        if skip is not None:
            self._send(Scrub(skip.to_ms))
            self._write(skip.notice)

    def _ask(self, label: str, answer: Callable[[str], None]) -> None:
        self._write(f"{label} type, then Enter.")
        self._question = Prompt(label, lambda _: PromptHint(""), answer)


def place_text(state: StateEvent, now_s: float, *, asked: bool = False) -> str:
    """Return ` at 1:23 of 4:32`; "" while no length is known. `asked`: where it is to be, if that
    was asked for."""
    duration_ms = shown_duration_ms(state, now_s)
    if duration_ms <= 0:
        return ""
    asked_ms = state.requested_ms if asked else None
    place_ms = shown_position_ms(state, now_s) if asked_ms is None else asked_ms
    position = clock_text(place_ms, duration_ms, tenths=False)
    return f" at {position} of {clock_text(duration_ms, duration_ms, tenths=False)}"
