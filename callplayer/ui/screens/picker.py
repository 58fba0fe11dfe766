"""The picker: the incidents there are, filtered as the user types."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from textual import events
from textual.screen import Screen

from callplayer.errors import CallplayerError, UnreachableError
from callplayer.retry import LONGEST_ASKED_S
from callplayer.text import plain_text
from callplayer.ui.actions.prompt import InputLine, pasted, typed
from callplayer.ui.base_app import BaseApp
from callplayer.ui.footer import FooterItem
from callplayer.ui.model.incident_row import matches
from callplayer.ui.model.player import Notice
from callplayer.ui.options import PickerPages, PickerRow
from callplayer.ui.screens.incident_list import PickerList, chosen_row, columns_row
from callplayer.ui.widgets.lines import footer_row, notice_rows
from callplayer.ui.widgets.rows import EDGE_CELLS, Part, Rows

Fetch = Callable[[], Awaitable[Sequence[PickerRow]]]

REFRESH_S = 5.0
FILTER_MAX_CHARS = 40
SETTLES_S = 1.0
"""A key so soon after another call came under the mark was meant for the one before."""

CHANGED = ("Another call has just come under the mark.", "Enter opens the one that is marked now.")
_KEYS = (FooterItem(("up", "down"), "choose"), FooterItem(("enter",), "open"))


def _utc() -> datetime:
    return datetime.now(UTC)


def matching(rows: Sequence[PickerRow], text: str) -> list[PickerRow]:
    """Return the rows in which every word of `text` stands."""
    return [row for row in rows if matches(row, text)]


class PickerScreen(Screen[None], inherit_bindings=False):
    """Lets the user choose one incident; `notice` is why the last one could not be played.

    `utc` is the time of day, for how long ago an incident was made. The list is asked for again
    after `refresh_s`.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PickerScreen { background: $background; overflow: hidden; }
    PickerScreen #title, PickerScreen #columns { margin: 0 1 1 1; }
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        hide_phone: bool = False,
        notice: tuple[str, str] | None = None,
        pages: PickerPages | None = None,
        utc: Callable[[], datetime] = _utc,
        refresh_s: float = REFRESH_S,
    ) -> None:
        super().__init__()
        self._refresh_s = refresh_s
        self._utc = utc
        self._fetch = fetch
        self._pages = pages
        self._to_end = False
        self._wants_more = asyncio.Event()
        self._all: Sequence[PickerRow] | None = None
        self._line = InputLine("filter", max_chars=FILTER_MAX_CHARS)
        self._chosen_id = ""
        self._changed_s = float("-inf")
        self._notice = notice
        self._problem: tuple[str, str] | None = None
        self.title_line = Rows(id="title")
        self.columns = Rows(id="columns")
        self.list = PickerList(hide_phone)
        self.notice = Rows(id="notice")
        self.keys = Rows(id="keys")

    def compose(self) -> list[Rows]:
        """Lay out title, list, notice and keys."""
        return [self.title_line, self.columns, self.list, self.notice, self.keys]

    def on_mount(self) -> None:
        """Fetch the list at once, and then repeatedly."""
        self.draw()
        self.set_interval(1.0, self.draw)
        self.run_worker(self._keep_fresh(), name="incidents", exit_on_error=True)
        if self._pages is not None:
            self.run_worker(self._keep_loading(self._pages), name="pages", exit_on_error=True)

    def on_key(self, event: events.Key) -> None:
        """Filter, choose, open or leave; a `q` in a filter is a letter."""
        event.stop()
        event.prevent_default()
        self._notice = None
        match event.key:
            case "q" | "escape" if not self._line.text:
                self.app.exit(None)
            case "escape":
                self._line = replace(self._line, text="")
            case "enter":
                self._open_marked()
            case "up" | "down" | "pageup" | "pagedown" | "home" | "end":
                self._move(event.key)
            case _:
                self._line, _ = typed(self._line, event.key, event.character)
        self.draw()

    def on_paste(self, event: events.Paste) -> None:
        """Filter by a pasted text, such as an incident's id."""
        event.stop()
        self._line = pasted(self._line, event.text)
        self.draw()

    def on_picker_list_clicked(self, message: PickerList.Clicked) -> None:
        """Choose what was clicked, or open it; the second click may meet another row."""
        is_same = message.row.id == self._chosen_id
        self._chosen_id = message.row.id
        if message.twice and is_same:
            self.app.exit(message.row.id)
        self.draw()

    def on_mouse_scroll_up(self) -> None:
        """Choose the incident above."""
        self._move("up")
        self.draw()

    def on_mouse_scroll_down(self) -> None:
        """Choose the incident below."""
        self._move("down")
        self.draw()

    def draw(self) -> None:
        """Draw everything."""
        rows = self._shown()
        index = self._index(rows)
        count = "" if self._all is None else f"{len(rows)} of {len(self._all)}"
        if count and self._pages is not None and not self._pages.ended:
            count += " loaded so far"
            if self._is_near_end(rows, index):
                self._wants_more.set()
        title: list[Part] = [
            ("callplayer", "strong"),
            ("   filter: ", "dim"),
            (self._line.text + "▏", "ask"),
            ("" if self._line.text else " number, place or date", "dim"),
            (f"   {count}", "dim"),
        ]
        self.title_line.draw_with(lambda _width, _height: [title])
        self.columns.draw_with(lambda width, _: [columns_row(width)])
        self.list.show(rows, index, self._utc())
        noted, width = self._noted(), max(self.size.width - 2 * EDGE_CELLS, 1)
        lines = notice_rows(noted, width, 0) if noted else [chosen_row(self._chosen(), width)]
        self.notice.styles.height = len(lines)
        self.notice.draw_with(lambda *_: lines)
        quits = FooterItem(("escape", "q"), "quit")
        leaves = FooterItem(("escape",), "clear") if self._line.text else quits
        self.keys.draw_with(
            lambda *_: [(("type to filter  ", "dim"), *footer_row((*_KEYS, leaves)))]
        )

    def _take(self, rows: Sequence[PickerRow]) -> None:
        """Take the rows as they are now; note whether another one is marked by that alone."""
        before, self._all, self._problem = self._chosen(), rows, None
        after = self._chosen()
        if before is not None and (after is None or after.id != before.id):
            self._changed_s = time.monotonic()

    def _open_marked(self) -> None:
        """Open the marked call, if it has stood there for long enough to be meant."""
        marked = self._chosen()
        if marked is None:
            return
        if time.monotonic() - self._changed_s < SETTLES_S:
            self._changed_s, self._notice = float("-inf"), CHANGED
        else:
            self.app.exit(marked.id)

    async def _keep_fresh(self) -> None:
        while True:
            wait_s = self._refresh_s
            try:
                self._take(await self._fetch())
            except CallplayerError as error:
                wait_s = self._wait_s(error)
                self._problem = (error.what, error.hint)
            self.draw()
            await asyncio.sleep(wait_s)

    def _wait_s(self, error: CallplayerError) -> float:
        """Return how long to leave the API alone after an error, as far as it asks for that."""
        asked_s = error.retry_after_s if isinstance(error, UnreachableError) else 0.0
        return min(max(self._refresh_s, asked_s), LONGEST_ASKED_S)

    async def _keep_loading(self, pages: PickerPages) -> None:
        """Load further pages while the filter or the scrolling may need them."""
        while not pages.ended:
            await self._wants_more.wait()
            self._wants_more.clear()
            try:
                self._take(await pages.load_more())
            except CallplayerError as error:
                self._problem = (error.what, error.hint)
                self.draw()
                await asyncio.sleep(self._wait_s(error))
            if self._to_end:
                self._move("end")
            self.draw()

    def _is_near_end(self, rows: Sequence[PickerRow], index: int) -> bool:
        """Return whether less than a window of rows is left below, or a filter hides some."""
        below = len(rows) - 1 - index
        return bool(self._line.text) or self._to_end or below <= max(self.list.size.height, 1)

    def _shown(self) -> list[PickerRow]:
        return matching(self._all or (), self._line.text)

    def _index(self, rows: Sequence[PickerRow]) -> int:
        """Return where the chosen incident stands now: it stays chosen when others come."""
        for index, row in enumerate(rows):
            if row.id == self._chosen_id:
                return index
        return 0

    def _chosen(self) -> PickerRow | None:
        rows = self._shown()
        return rows[self._index(rows)] if rows else None

    def _move(self, key: str) -> None:
        rows = self._shown()
        if not rows:
            return
        self._to_end, self._changed_s = key == "end", float("-inf")
        page = max(self.list.size.height - 1, 1)
        steps = {"up": -1, "down": 1, "pageup": -page, "pagedown": page}
        last = len(rows) - 1
        wanted = {"home": 0, "end": last}.get(key, self._index(rows) + steps.get(key, 0))
        self._chosen_id = rows[min(max(wanted, 0), last)].id

    def _noted(self) -> Notice | None:
        """Return what is to be said of the list."""
        problem = self._problem or self._notice
        if problem is not None:
            return Notice(plain_text(problem[0]), plain_text(problem[1]), "alert")
        if self._all is None:
            return Notice("… asking for the incidents", tone="ask")
        if not self._all:
            return Notice("There are no incidents yet.", tone="dim")
        if not self._shown():
            return Notice("No incident has these words.", tone="hold")
        left_out = self._pages.left_out if self._pages is not None else ""
        return Notice(plain_text(left_out), tone="hold") if left_out else None


class PickerApp(BaseApp[str]):
    """Runs the picker; its return value is the chosen incident's id."""

    def __init__(self, picker: PickerScreen, theme: str = "") -> None:
        super().__init__(theme)
        self.picker = picker

    def get_default_screen(self) -> Screen[None]:
        """Start on the picker."""
        return self.picker
