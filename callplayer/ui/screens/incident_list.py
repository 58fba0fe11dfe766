"""The rows of the list of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual import events
from textual.message import Message

from callplayer.text import plain_text
from callplayer.ui.model.format import Tone
from callplayer.ui.model.incident_row import ago_text, caller_text, kind_text
from callplayer.ui.model.layout import window_start
from callplayer.ui.options import PickerRow
from callplayer.ui.widgets.lines import SHORT_ID_CHARS
from callplayer.ui.widgets.rows import Part, Row, Rows, cell_len, cells, fit, fit_words

DATES_FROM = 96
"""The width in cells from which on rows show their date."""

_DATED = (("Date", 23),)

LEAST_CELLS = 8
"""A place or an id that has less room is left out."""


class PickerList(Rows):
    """The rows, one of them chosen."""

    @dataclass
    class Clicked(Message):
        """The user clicked a row; `twice`: it was a double click."""

        row: PickerRow
        twice: bool

    DEFAULT_CSS = """
    PickerList { height: 1fr; }
    """

    def __init__(self, hide_phone: bool) -> None:
        super().__init__(id="list")
        self._hide_phone = hide_phone
        self._start = 0
        self._listed: Sequence[PickerRow] = ()

    def show(self, rows: Sequence[PickerRow], chosen: int, now: datetime) -> None:
        """Draw the rows around the chosen one, as they are at a time of day."""
        self._listed = rows

        def build(width: int, height: int) -> list[Row]:
            self._start = window_start(chosen, len(rows), height, self._start)
            shown = rows[self._start : self._start + height]
            return [
                _list_row(
                    row,
                    width,
                    now,
                    chosen=self._start + y == chosen,
                    hide_phone=self._hide_phone,
                )
                for y, row in enumerate(shown)
            ]

        self.draw_with(build)

    def on_click(self, event: events.Click) -> None:
        """Choose what is clicked; a double-click opens it."""
        at = self._start + event.y
        if at < len(self._listed):
            self.post_message(self.Clicked(self._listed[at], event.chain == 2))


def columns_row(width: int) -> Row:
    date = _DATED if width >= DATES_FROM else ()
    heads = _columns(("Call", 12), ("When", 10), ("Caller", 15), *date, ("Place, id", 9))
    return ((fit("  " + heads, width), "dim"),)


def _list_row(row: PickerRow, width: int, now: datetime, *, chosen: bool, hide_phone: bool) -> Row:
    """Return a row: kind, age, caller and, as far as there is room, date, place and id."""
    tone: Tone = "strong" if chosen else "text"
    parts: list[Part] = [
        ("▸ " if chosen else "  ", "ask"),
        (fit(kind_text(row, now), 12), "play" if row.live else "dim"),
        ("  " + _columns((ago_text(row, now), 10), (caller_text(row, hide_phone), 15)), tone),
    ]
    if width >= DATES_FROM:
        parts.append(("  " + fit(plain_text(row.when, 32), 23), "dim"))
    room = width - cells(parts) - 2
    if row.place and room >= LEAST_CELLS:
        parts.append(("  " + fit_words(plain_text(row.place, 48), room), tone))
    room, whole = width - cells(parts) - 2, plain_text(row.id, 80)
    if room >= LEAST_CELLS:
        shown = whole if cell_len(whole) <= room else fit(whole[:SHORT_ID_CHARS], SHORT_ID_CHARS)
        parts.append(("  " + shown.rstrip(), tone))
    return parts


def chosen_row(chosen: PickerRow | None, width: int) -> Row:
    """Return date, place and id of the chosen incident, where its row has no room for them."""
    if chosen is None or width >= DATES_FROM:
        return ()
    facts = [text for text in (plain_text(chosen.when, 32), plain_text(chosen.place, 48)) if text]
    whole = "  ".join((*facts, plain_text(chosen.id, 80)))
    shorter = "  ".join((*facts, plain_text(chosen.id)[:SHORT_ID_CHARS]))
    return ((whole if cell_len(whole) <= width else fit_words(shorter, width), "dim"),)


def _columns(*texts: tuple[str, int]) -> str:
    return "  ".join(fit(text, width) for text, width in texts)
