"""The device picker: the sound devices there are, the chosen one marked, one pointed at."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import events
from textual.timer import Timer

from callplayer.ipc.messages import Device, DevicesEvent, SetOutputDevice
from callplayer.text import plain_text
from callplayer.ui.widgets.drag import Asked
from callplayer.ui.widgets.list_panel import ListPanel, moved, title_row
from callplayer.ui.widgets.rows import Part, Row, fit_words

SYSTEM_DEFAULT = Device("", "System default")
CLICK_PERIOD_S = 1.0
LIT_S = 0.1
"""How long the mark is lit; with the right delay it lights up when a click is heard."""


class DevicesPanel(ListPanel):
    """Lists the devices; `pointed` is the name of the one that Enter would choose."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pointed: str | None = None
        self._listed: DevicesEvent | None = None
        self._mark: Timer | None = None
        self._is_lit = False

    def open(self) -> None:
        """Point at what is chosen."""
        self.pointed = None

    def show(self, event: DevicesEvent | None) -> None:
        """Draw the devices of the last event."""
        is_new, self._listed = event is not self._listed, event
        self.draw_with(self._build_rows)
        if is_new:
            self._await_click()

    def _await_click(self) -> None:
        """Light the mark when the next click is heard."""
        if self._mark is not None:
            self._mark.stop()
        click_s = self._listed.click_s if self._listed is not None else None
        if click_s is not None and self.is_attached:
            wait_s = (click_s - time.monotonic()) % CLICK_PERIOD_S
            self._mark = self.set_timer(wait_s, lambda: self._light(True))

    def _light(self, lit: bool) -> None:
        self._is_lit = lit
        self.draw_with(self._build_rows)
        if lit:
            self._mark = self.set_timer(LIT_S, lambda: self._light(False))
        else:
            self._await_click()

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

    @property
    def _title(self) -> str:
        event = self._listed
        if event is None or (event.click_s is None and not event.output_delay_ms):
            return "sound device"
        mark = "" if event.click_s is None else "  ◉ click" if self._is_lit else "  ·"
        return f"sound device, heard {event.output_delay_ms} ms later than it says{mark}"

    def _build_rows(self, width: int, height: int) -> list[Row]:
        event, title = self._listed, title_row(self._title, width, has_keys=True)
        if event is None:
            return [title, (("… asking for the devices", "ask"),)]
        listed = devices(event)
        pointed = self._index(listed)

        def row(at: int) -> Row:
            return device_row(listed[at], event, width, pointed=at == pointed)

        rows = self.entry_rows(len(listed), pointed, row, height)
        return [title, *rows]


def devices(event: DevicesEvent | None) -> tuple[Device, ...]:
    """Return what can be picked: the system's default, then every device."""
    return (SYSTEM_DEFAULT, *(event.devices if event is not None else ()))


def device_row(device: Device, event: DevicesEvent, width: int, *, pointed: bool) -> Row:
    """Return one device: pointed at, chosen, and whether sound comes from it now."""
    chosen = "● " if device.name == event.chosen else "○ "
    plays = "  plays now" if device.name and device.name == event.current else ""
    label = plain_text(device.label, 80)
    marks: list[Part] = [("▸ " if pointed else "  ", "ask"), (chosen, "text")]
    shown = fit_words(label, max(width - 4 - len(plays), 0))
    return [*marks, (shown, "strong" if pointed else "text"), (plays, "play")]
