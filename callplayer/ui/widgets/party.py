"""One party: its name, volume slider, level meter, and whether it is heard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from textual import events
from textual.message import Message

from callplayer.ipc.messages import (
    LEVEL_FLOOR_DB,
    AdjustGain,
    LaneLevel,
    PartyState,
    SetPartyGain,
)
from callplayer.ui.model.format import (
    PARTY_NAMES,
    Tone,
    column_to_gain_db,
    gain_text,
    gain_to_column,
    level_text,
)
from callplayer.ui.model.meters import PartyMeter
from callplayer.ui.widgets.asked import Asked
from callplayer.ui.widgets.drag import DragRows
from callplayer.ui.widgets.rows import Part, Row, cells, fit
from callplayer.vendor.parties import Party

METER_FLOOR_DB = -60.0
ZONES_DB = (-9.0, -3.0)
"""From here on a level is loud, from here on it may clip."""

TICK = "│"
"""Stands where a zone of the meter begins: colour is not the only sign."""

_NAME_CELLS, _LABEL_CELLS, _VALUE_CELLS = 13, 8, 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


class PartyPanel(DragRows):
    """Shows one party; the mouse sets its volume (click, drag, wheel; double-click is 0 dB)."""

    @dataclass
    class Picked(Message):
        """The user pointed at the party."""

        party: Party

    def __init__(self, party: Party) -> None:
        super().__init__()
        self.party: Party = party
        self.framed = False

    def show(
        self, state: PartyState, meter: PartyMeter, level: LaneLevel | None, *, selected: bool
    ) -> None:
        """Draw the party; `level` is that of the meter's lane."""
        framed = self.framed
        self.draw_with(
            lambda width, _: party_rows(
                state, meter, level, width, selected=selected, framed=framed
            )
        )

    def can_hold(self, column: int, row: int) -> bool:
        """Take hold of the slider only."""
        start, width = slider_place(self.size.width, framed=self.framed)
        return row == (1 if self.framed else 0) and start <= column < start + width

    def message_at(self, column: int) -> Asked:
        """Return the volume at a column."""
        start, width = slider_place(self.size.width, framed=self.framed)
        return Asked(SetPartyGain(column_to_gain_db(column - start, width), self.party))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Select the party; Textual calls the base's handler, which drags, as well."""
        self.post_message(self.Picked(self.party))

    def on_click(self, event: events.Click) -> None:
        """Set 0 dB on a double-click."""
        if event.chain == 2:
            self.post_message(Asked(SetPartyGain(0.0, self.party)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Turn the party up."""
        event.stop()
        self.post_message(Asked(AdjustGain(1.0, self.party)))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Turn the party down."""
        event.stop()
        self.post_message(Asked(AdjustGain(-1.0, self.party)))


def slider_place(width: int, *, framed: bool) -> tuple[int, int]:
    """Return the slider's first column and its width in a panel of `width` cells."""
    edge = 2 if framed else 0
    start = edge + _NAME_CELLS + _LABEL_CELLS
    return start, max(width - start - _VALUE_CELLS - edge, 4)


def party_rows(
    state: PartyState,
    meter: PartyMeter,
    level: LaneLevel | None,
    width: int,
    *,
    selected: bool,
    framed: bool,
) -> list[Row]:
    """Return a party's two rows, in a frame or bare."""
    _, slider = slider_place(width, framed=framed)
    words, words_tone = _marks(state)
    volume = list(_volume(state.party, state.gain_db, slider, selected))
    sound: list[Part] = [
        (fit(words, _NAME_CELLS), words_tone),
        (fit(meter.label, _LABEL_CELLS), "dim"),
    ]
    if meter.lane is None:
        text = "muted at the server" if state.muted_at_server else meter.text
        sound.append((fit(text, slider + _VALUE_CELLS), "dim"))
    else:
        rms_db = level.rms_db if level is not None else LEVEL_FLOOR_DB
        hold_db = level.hold_db if level is not None else LEVEL_FLOOR_DB
        sound += _meter(rms_db, hold_db, slider, state.silenced)
        sound.append((level_text(rms_db).rjust(_VALUE_CELLS), "dim"))
    return _frame([volume, sound], width, selected) if framed else [volume, sound]


@lru_cache(maxsize=16)
def _volume(party: Party, gain_db: float, slider: int, selected: bool) -> Row:
    mark = "▸ " if selected else "  "
    name_tone: Tone = "strong" if selected else "text"
    return (
        (fit(mark + PARTY_NAMES[party], _NAME_CELLS), name_tone),
        (fit("volume", _LABEL_CELLS), "dim"),
        *_slider(gain_db, slider, selected),
        (gain_text(gain_db).rjust(_VALUE_CELLS), name_tone),
    )


def _marks(state: PartyState) -> tuple[str, Tone]:
    words = " ".join(
        word for word, on in (("M MUTED", state.muted), ("S SOLO", state.soloed)) if on
    )
    if state.muted and state.soloed:
        words = "M S MUTED"
    if state.muted_at_server:
        # Shown while it takes a moment to come about.
        words = "S" * state.soloed + "M AT SERVER" if state.muted else "AT SERVER"
    elif not words and state.silenced:
        words = "not heard"
    indent = " " * min(2, _NAME_CELLS - 1 - len(words))
    return indent + words, "hold" if state.silenced else "ask"


def _slider(gain_db: float, width: int, selected: bool) -> list[Part]:
    knob = gain_to_column(gain_db, width)
    zero = gain_to_column(0.0, width)
    track = "".join("┼" if column == zero else "─" for column in range(width))
    set_tone: Tone = "ask" if selected else "text"
    return [
        ("━" * knob, set_tone),
        ("●", "strong" if selected else "text"),
        (track[knob + 1 :], "faint"),
    ]


def _meter(rms_db: float, hold_db: float, width: int, muted: bool) -> list[Part]:
    """Return the RMS bar in eighths of a cell, a mark at the held peak, and ticks at the zones."""
    filled = _meter_share(rms_db) * width
    whole, part = int(filled), int(filled % 1.0 * 8)
    bar = ("█" * whole + (_EIGHTHS[part] if part else ""))[:width]
    ticks = {_meter_column(zone_db, width) for zone_db in ZONES_DB}
    bar = "".join(TICK if column in ticks else sign for column, sign in enumerate(bar))
    rest = "".join(TICK if column in ticks else "·" for column in range(width))[len(bar) :]
    held = _meter_column(hold_db, width)
    tone: Tone = "dim" if muted else _level_tone(rms_db)
    if hold_db <= METER_FLOOR_DB or held < len(bar):
        return [(bar, tone), (rest, "faint")]
    before = held - len(bar)
    return [
        (bar, tone),
        (rest[:before], "faint"),
        ("┃", "dim" if muted else _level_tone(hold_db)),
        (rest[before + 1 :], "faint"),
    ]


def _meter_column(level_db: float, width: int) -> int:
    return min(int(_meter_share(level_db) * width), width - 1)


def _meter_share(level_db: float) -> float:
    return min(max(1.0 - level_db / METER_FLOOR_DB, 0.0), 1.0)


def _level_tone(level_db: float) -> Tone:
    loud_db, clipping_db = ZONES_DB
    return "alert" if level_db > clipping_db else "hold" if level_db > loud_db else "play"


def _frame(rows: list[list[Part]], width: int, selected: bool) -> list[Row]:
    tone: Tone = "ask" if selected else "faint"
    corners = "┏┓┗┛━┃" if selected else "╭╮╰╯─│"
    top = corners[0] + corners[4] * (width - 2) + corners[1]
    bottom = corners[2] + corners[4] * (width - 2) + corners[3]
    inside: list[Row] = [
        [
            (corners[5] + " ", tone),
            *row,
            (" " * (width - 4 - cells(row)), "text"),
            (" " + corners[5], tone),
        ]
        for row in rows
    ]
    return [((top, tone),), *inside, ((bottom, tone),)]
