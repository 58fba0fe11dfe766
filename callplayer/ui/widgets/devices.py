"""The device picker: the sound devices there are, the chosen one marked, one pointed at."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from callplayer.ipc.messages import Device, DevicesEvent, SetOutputDevice
from callplayer.text import plain_text
from callplayer.ui.widgets.asked import Asked
from callplayer.ui.widgets.list_panel import ListPanel, keys_row, moved, title_row
from callplayer.ui.widgets.rows import Part, Row, fit

SYSTEM_DEFAULT = Device("", "System default")
KEYS_HELP = "↑↓ choose  Enter play there"


class DevicesPanel(ListPanel):
    """Lists the devices; `pointed` is the name of the one that Enter would choose."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointed: str | None = None
        self._listed: DevicesEvent | None = None

    def open(self) -> None:
        """Point at what is chosen."""
        self.pointed = None

    def show(self, event: DevicesEvent | None) -> None:
        """Draw the devices of the last event."""
        self._listed = event
        self.draw_with(self._build_rows)

    def move(self, key: str) -> None:
        """Point at another device."""
        listed = devices(self._listed)
        self.pointed = listed[moved(key, self._index(listed), len(listed) - 1)].name
        self.show(self._listed)

    def on_click(self, event: events.Click) -> None:
        """Pick the device that is clicked."""
        listed = devices(self._listed)
        at = self.clicked(event, len(listed))
        if self._listed is not None and at is not None:
            self.post_message(Asked(SetOutputDevice(listed[at].name)))

    @property
    def picked(self) -> str | None:
        """The name that Enter chooses; None before the first event."""
        if self._listed is None:
            return None
        listed = devices(self._listed)
        return listed[self._index(listed)].name

    def _index(self, listed: Sequence[Device]) -> int:
        chosen = self._listed.chosen if self._listed is not None else ""
        wanted = chosen if self.pointed is None else self.pointed
        return next((at for at, device in enumerate(listed) if device.name == wanted), 0)

    def _build_rows(self, width: int, height: int) -> list[Row]:
        event, title = self._listed, title_row("sound device", width)
        if event is None:
            return [title, (("… asking for the devices", "ask"),)]
        listed = devices(event)
        pointed = self._index(listed)

        def row(at: int) -> Row:
            return device_row(listed[at], event, width, pointed=at == pointed)

        rows = self.entry_rows(len(listed), pointed, row, height)
        return [title, *rows, keys_row(KEYS_HELP, self.close_key, width)]


def devices(event: DevicesEvent | None) -> tuple[Device, ...]:
    """Return what can be picked: the system's default, then every device."""
    return (SYSTEM_DEFAULT, *(event.devices if event is not None else ()))


def device_row(device: Device, event: DevicesEvent, width: int, *, pointed: bool) -> Row:
    """Return one device: pointed at, chosen, and whether sound comes from it now."""
    chosen = "● " if device.name == event.chosen else "○ "
    plays = "  plays now" if device.name and device.name == event.current else ""
    label = plain_text(device.label, 80)
    marks: list[Part] = [("▸ " if pointed else "  ", "ask"), (chosen, "text")]
    shown = fit(label, min(len(label), max(width - 4 - len(plays), 0)))
    return [*marks, (shown, "strong" if pointed else "text"), (plays, "play")]
