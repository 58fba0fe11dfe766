"""The device picker: the sound devices there are, the chosen one marked, one pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from callplayer.engine.messages import Device, DevicesEvent
from callplayer.text import plain_text
from callplayer.ui.layout import window_start
from callplayer.ui.widgets.rows import Part, Row, Rows, fit, keys_row

SYSTEM_DEFAULT = Device("", "System default")
MOVES = ("up", "down", "home", "end")
KEYS_HELP = "↑↓ choose  Enter play there"
LONGEST_ROWS = 14


class DevicesPanel(Rows):
    """Lists the devices; `pointed` is the name of the one that Enter would choose.

    `close_key` is what the key is called that closes the list, "" if there is none.
    """

    close_key = "Esc"

    @dataclass
    class Picked(Message):
        """The user clicked the device of this name."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointed: str | None = None
        self._told: DevicesEvent | None = None
        self._start = 0

    def open(self) -> None:
        """Point at what is chosen."""
        self.pointed = None

    def show(self, told: DevicesEvent | None) -> None:
        """Draw the devices that were told last."""
        self._told = told
        self.draw_with(self._build_rows)

    def move(self, key: str) -> None:
        """Point at another device."""
        listed = devices(self._told)
        last = len(listed) - 1
        at = self._index(listed)
        wanted = {"home": 0, "end": last, "up": at - 1, "down": at + 1}[key]
        self.pointed = listed[min(max(wanted, 0), last)].name
        self.show(self._told)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Point at the device above."""
        event.stop()
        self.move("up")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Point at the device below."""
        event.stop()
        self.move("down")

    def on_click(self, event: events.Click) -> None:
        """Pick the device that is clicked."""
        listed = devices(self._told)
        at = self._start + event.y - 1
        if self._told is not None and 1 <= event.y < self.size.height - 1 and at < len(listed):
            self.post_message(self.Picked(listed[at].name))

    @property
    def picked(self) -> str | None:
        """The name that Enter chooses; None before any device was told."""
        if self._told is None:
            return None
        listed = devices(self._told)
        return listed[self._index(listed)].name

    def _index(self, listed: Sequence[Device]) -> int:
        chosen = self._told.chosen if self._told is not None else ""
        wanted = chosen if self.pointed is None else self.pointed
        return next((at for at, device in enumerate(listed) if device.name == wanted), 0)

    def _build_rows(self, width: int, height: int) -> list[Row]:
        title = "─ sound device "
        rows: list[Row] = [((title, "dim"), ("─" * max(width - len(title), 0), "faint"))]
        if self._told is None:
            return [*rows, (("… asking for the devices", "ask"),)]
        listed = devices(self._told)
        room = max(height - 2, 1)
        at = self._index(listed)
        self._start = window_start(at, len(listed), room, self._start)
        for place in range(self._start, min(self._start + room, len(listed))):
            rows.append(device_row(listed[place], self._told, width, pointed=place == at))
        return [*rows, keys_row(KEYS_HELP, self.close_key, width)]


def devices(told: DevicesEvent | None) -> tuple[Device, ...]:
    """Return what can be picked: the system's default, then every device."""
    return (SYSTEM_DEFAULT, *(told.devices if told is not None else ()))


def devices_height(told: DevicesEvent | None, room: int) -> int:
    """Return how many rows the picker takes of `room`: title, devices, keys."""
    return min(len(devices(told)) + 2, LONGEST_ROWS, room)


def device_row(device: Device, told: DevicesEvent, width: int, *, pointed: bool) -> Row:
    """Return one device: pointed at, chosen, and whether sound comes from it now."""
    chosen = "● " if device.name == told.chosen else "○ "
    plays = "  plays now" if device.name and device.name == told.current else ""
    label = plain_text(device.label, 80)
    marks: list[Part] = [("▸ " if pointed else "  ", "ask"), (chosen, "text")]
    shown = fit(label, min(len(label), max(width - 4 - len(plays), 0)))
    return [*marks, (shown, "strong" if pointed else "text"), (plays, "play")]
