"""What stands before each party's lane: its name, volume and level, and whether it is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from textual import events
from textual.message import Message

from callplayer.ipc.messages import LEVEL_FLOOR_DB, AdjustGain, LaneLevel, PartyState, SetPartyGain
from callplayer.ui.model.format import (
    PARTY_NAMES,
    Tone,
    column_to_gain_db,
    gain_text,
    gain_to_column,
    level_text,
)
from callplayer.ui.model.meters import OWN, PartyMeter
from callplayer.ui.widgets.drag import Asked, DragRows
from callplayer.ui.widgets.rows import Part, Row, cell_len, fit, fit_words
from callplayer.vendor.parties import PARTIES, Party

METER_FLOOR_DB = -60.0
LOUD_DB, CLIPPING_DB = -9.0, -3.0
"""Where the meter's zones begin, in dBFS."""

TICK = "│"
"""Stands where a zone of the meter begins: colour is not the only sign."""

NAME_CELLS, GAIN_CELLS = 12, 8
SHORT_CELLS = 23
"""A head of one row with no room for a meter: a level of one cell stands for it."""
LONG_CELLS = 33
LONGEST_SLIDER_CELLS = 40
SHORTEST_SLIDER_CELLS = 8
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEIGHTS = "▁▂▃▄▅▆▇█"


class PartyHead(msgspec.Struct, frozen=True):
    """What is drawn of a party; `level` is that of the meter's lane."""

    state: PartyState
    meter: PartyMeter
    level: LaneLevel | None
    is_selected: bool

    @property
    def rms_db(self) -> float:
        """How loud it is, in dBFS."""
        return self.level.rms_db if self.level is not None else LEVEL_FLOOR_DB

    @property
    def hold_db(self) -> float:
        """The loudest peak of the last moments, in dBFS."""
        return self.level.hold_db if self.level is not None else LEVEL_FLOOR_DB


class TrackHeads(DragRows):
    """The parties' heads, below a row for what is pointed at; the mouse sets a volume.

    Click, drag, wheel; a double-click is 0 dB. `head_rows` is how high each is.
    """

    head_rows = 1

    @dataclass
    class Picked(Message):
        """The user pointed at a party."""

        party: Party

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._held: Party = PARTIES[0]

    def show(self, heads: Sequence[PartyHead], title: Part = ("", "text")) -> None:
        """Draw the heads; `title` stands above them."""
        rows = self.head_rows

        def build(width: int, _: int) -> list[Row]:
            above = pointed_text(title[0], width - 1)
            return [
                ((above, title[1]),),
                *(row for head in heads for row in party_rows(head, width, rows)),
            ]

        self.draw_with(build)

    def party_at(self, row: int) -> Party | None:
        """Return whose head is at a row; None for none."""
        at = (row - 1) // self.head_rows
        return PARTIES[at] if 0 <= at < len(PARTIES) else None

    def can_hold(self, column: int, row: int) -> bool:
        """Take hold of a slider only."""
        party = self.party_at(row)
        first, cells = slider_place(self.size.width, self.head_rows)
        if party is None or (row - 1) % self.head_rows or not first <= column < first + cells:
            return False
        self._held = party
        return True

    def message_at(self, column: int) -> Asked:
        """Return the volume at a column."""
        first, cells = slider_place(self.size.width, self.head_rows)
        return Asked(SetPartyGain(column_to_gain_db(column - first, cells), self._held))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Select the party; Textual calls the base's handler, which drags, as well."""
        party = self.party_at(event.y)
        if party is not None:
            self.post_message(self.Picked(party))

    def on_click(self, event: events.Click) -> None:
        """Set 0 dB on a double-click."""
        party = self.party_at(event.y)
        if event.chain == 2 and party is not None:
            self.post_message(Asked(SetPartyGain(0.0, party)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Turn a party up."""
        self._turn(event, 1.0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Turn a party down."""
        self._turn(event, -1.0)

    def _turn(self, event: events.MouseEvent, delta_db: float) -> None:
        event.stop()
        party = self.party_at(event.y)
        if party is not None:
            self.post_message(Asked(AdjustGain(delta_db, party)))


def pointed_text(text: str, width: int) -> str:
    """Return offset, clock time and word of a place, two blanks between them, as they have room."""
    offset, *rest = text.split("  ")
    for shown in (rest, rest[1:], rest[:1]):
        if cell_len(shorter := "  ".join((offset, *shown))) <= width:
            return shorter
    return fit_words(text, width)


def slider_place(width: int, rows: int) -> tuple[int, int]:
    """Return a slider's first column and its cells; 0 cells where there is no room for one."""
    room = width - NAME_CELLS - GAIN_CELLS - 2
    if rows < 2:
        room -= LONG_CELLS - NAME_CELLS - GAIN_CELLS - 1
    return NAME_CELLS + 1, min(room, LONGEST_SLIDER_CELLS) if room >= SHORTEST_SLIDER_CELLS else 0


def party_rows(head: PartyHead, width: int, rows: int) -> list[Row]:
    """Return a party's rows: volume and level in one, or below each other."""
    state, selected = head.state, head.is_selected
    _, slider = slider_place(width, rows)
    volume = _volume(state.party, state.gain_db, selected, slider)
    if rows < 2:
        return [(*volume, (" ", "text"), *_short_level(head, width - SHORT_CELLS + 1))]
    (status, tone), label = _status(state), head.meter.label
    if not status and label != OWN:
        status, tone = label, "dim"
    edge: Part = ("┃" if selected else " ", "ask")
    name: Part = (fit(f" {status}", NAME_CELLS - 1), tone)
    level = [edge, name, (" ", "text"), *_level(head, slider)]
    return [volume, level, *([(edge,) if selected else ()] * (rows - 2))]


@lru_cache(maxsize=16)
def _volume(party: Party, gain_db: float, selected: bool, slider: int) -> Row:
    """Return a party's name and volume."""
    tone: Tone = "strong" if selected else "text"
    row: list[Part] = [(fit(("▸ " if selected else "  ") + PARTY_NAMES[party], NAME_CELLS), tone)]
    if slider:
        row += [(" ", "text"), *_slider(gain_db, slider, selected)]
    return (*row, (gain_text(gain_db).rjust(GAIN_CELLS), tone))


def _short_level(head: PartyHead, room: int) -> list[Part]:
    """Return in `room` cells whether a party is heard, or how loud it is."""
    state = head.state
    if room < LONG_CELLS - SHORT_CELLS:
        sign, tone = _letter(state)
        if sign:
            return [(sign, tone)]
        height = int(_meter_share(head.rms_db) * 7.99)
        known = head.meter.lane is not None
        return [(_HEIGHTS[height] if known else " ", _level_tone(head.rms_db))]
    room = min(room, LONG_CELLS - SHORT_CELLS + 1)
    text, tone = _status(state)
    if state.silenced or state.muted_at_server or state.muted:
        return [(fit(text, room), tone)]
    if head.meter.lane is None:
        solo: list[Part] = [("S ", "ask")] if state.soloed else []
        return [*solo, (fit(head.meter.short, room - 2 * len(solo)), "dim")]
    label = "" if head.meter.label == OWN else f"{head.meter.label[:5]} "
    label = "S " if state.soloed else label
    return [(label, "ask" if state.soloed else "dim"), *_meter(head, room - len(label))]


def _level(head: PartyHead, cells: int) -> list[Part]:
    meter = head.meter
    if meter.lane is None:
        room = cells + GAIN_CELLS
        text = meter.text if len(meter.text) <= room else meter.short
        return [(fit(text, room), "dim")]
    return [*_meter(head, cells), (level_text(head.rms_db).rjust(GAIN_CELLS), "dim")]


def _letter(state: PartyState) -> tuple[str, Tone]:
    if state.muted:
        return "M", "hold"
    if state.soloed:
        return "S", "ask"
    return ("×", "hold") if state.silenced or state.muted_at_server else ("", "text")


def _status(state: PartyState) -> Part:
    """Return whether a party is muted, soloed, or not heard since the other is soloed."""
    words = " ".join(
        word for word, on in (("M MUTED", state.muted), ("S SOLO", state.soloed)) if on
    )
    if state.muted and state.soloed:
        words = "M S MUTED"
    if state.muted_at_server:
        # Shown while it takes a moment to come about.
        words = ("M S SERVER" if state.soloed else "M SERVER") if state.muted else "not heard"
    elif not words and state.silenced:
        words = "not heard"
    return words, "hold" if state.silenced else "ask"


def _slider(gain_db: float, width: int, selected: bool) -> list[Part]:
    knob = gain_to_column(gain_db, width)
    zero = gain_to_column(0.0, width)
    track = "".join("┼" if column == zero else "─" for column in range(width))
    return [
        ("━" * knob, "ask" if selected else "text"),
        ("●", "strong" if selected else "text"),
        (track[knob + 1 :], "faint"),
    ]


def _meter(head: PartyHead, width: int) -> list[Part]:
    """Return the RMS bar in eighths of a cell, its zones by ticks, a mark at the held peak.

    Of a party that is not heard it is dim.
    """
    heard = not (head.state.silenced or head.state.muted)
    filled = _meter_share(head.rms_db) * width
    whole, part = int(filled), int(filled % 1.0 * 8)
    bar = ("█" * whole + (_EIGHTHS[part] if part else ""))[:width]
    rest = _empty_meter(width)
    bar = "".join(tick if tick == TICK else sign for sign, tick in zip(bar, rest, strict=False))
    held = _meter_column(head.hold_db, width)
    tone = _level_tone(head.rms_db) if heard else "dim"
    if head.hold_db <= METER_FLOOR_DB or held < len(bar):
        return [(bar, tone), (rest[len(bar) :], "faint")]
    return [
        (bar, tone),
        (rest[len(bar) : held], "faint"),
        ("┃", _level_tone(head.hold_db) if heard else "dim"),
        (rest[held + 1 :], "faint"),
    ]


@lru_cache(maxsize=4)
def _empty_meter(width: int) -> str:
    ticks = {_meter_column(zone_db, width) for zone_db in (LOUD_DB, CLIPPING_DB)}
    return "".join(TICK if column in ticks else "·" for column in range(width))


def _meter_column(level_db: float, width: int) -> int:
    return min(int(_meter_share(level_db) * width), width - 1)


def _meter_share(level_db: float) -> float:
    return min(max(1.0 - level_db / METER_FLOOR_DB, 0.0), 1.0)


def _level_tone(level_db: float) -> Tone:
    return "alert" if level_db > CLIPPING_DB else "hold" if level_db > LOUD_DB else "play"
