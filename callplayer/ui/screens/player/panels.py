"""The panels that take the place of timeline and volumes, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from callplayer.ipc.messages import AdjustOutputDelay, ListDevices, SetOutputDevice
from callplayer.ui.actions.control import CallControl
from callplayer.ui.actions.rules import ask_note, remove_bookmark
from callplayer.ui.footer import Mode
from callplayer.ui.keymap import Action
from callplayer.ui.screens.player.help import PAGES, HelpPanel
from callplayer.ui.widgets.bookmarks import BookmarksPanel
from callplayer.ui.widgets.devices import DevicesPanel
from callplayer.ui.widgets.list_panel import MOVES
from callplayer.ui.widgets.rows import Rows
from callplayer.vendor.commands import Scrub

DEVICES_S = 2.0
"""How often the open device picker asks anew: a device may come while it is looked for."""

DELAY_KEYS = {"plus": 10, "minus": -10}
"""What keys in the device picker add to the playing device's delay, in ms."""

PanelName = Literal["help", "devices", "bookmarks"]


class Panels:
    """Which panel is open, what its keys do, and what it shows; `changed` shares the window anew.

    `open` is its name, None for none.
    """

    def __init__(
        self, control: CallControl, actions: tuple[Action, ...], changed: Callable[[], None]
    ) -> None:
        self._control = control
        self._changed = changed
        self._devices_asked_s = 0.0
        self.open: PanelName | None = None
        self.help = HelpPanel(id="help")
        self.devices = DevicesPanel(id="devices")
        self.bookmarks = BookmarksPanel(id="bookmarks")
        self.help.actions = actions

    @property
    def named(self) -> dict[PanelName, Rows]:
        """The panels by name."""
        return {"help": self.help, "devices": self.devices, "bookmarks": self.bookmarks}

    def toggle(self, name: PanelName) -> None:
        """Open a panel in place of any other, or close it."""
        if name == "devices" and self.open != name:
            self.devices.open()
            self._devices_asked_s = self._control.clock()
            self._control.request(ListDevices())
        if name == "bookmarks" and self.open != name:
            self._control.load_bookmarks()  # another player may have kept some meanwhile
        self.show(None if self.open == name else name)

    def show(self, name: PanelName | None) -> None:
        """Open a panel, or none."""
        self.open = name
        self._control.lists_bookmarks = name == "bookmarks"
        self._changed()

    def close(self) -> None:
        """Give timeline and words their place back, if a panel has it."""
        if self.open is not None:
            self.show(None)

    def draw(self) -> None:
        """Draw the open panel."""
        view = self._control.view
        match self.open:
            case "help":
                self.help.show()
            case "devices":
                self.devices.show(view.devices)
            case "bookmarks":
                self.bookmarks.show(self._control.store.bookmarks, view.state.duration_ms)

    def mode(self) -> Mode:
        """Return what the keys are for in the open panel."""
        match self.open:
            case "devices" if self._control.view.devices is not None:
                return "devices"
            case "bookmarks" if self._control.store.bookmarks:
                return "bookmarks" if len(self._control.store.bookmarks) > 1 else "one-bookmark"
            case "help":
                return "long-help" if self.help.hidden_rows > 0 else "help"
        return "empty-list"

    def press(self, key: str) -> bool:
        """Give a key to the open panel; return whether it was for it."""
        match self.open:
            case "help":
                return key in (*MOVES, *PAGES) and self.help.move(key)
            case "devices":
                return self._press_in_devices(key)
            case "bookmarks":
                return self._press_in_bookmarks(key)
        return False

    def point_at(self, place_ms: int) -> None:
        """Point at the bookmark at a place, if the list is open."""
        if self.open == "bookmarks":
            self.bookmarks.point_at(place_ms)

    def keep_fresh(self, now_s: float) -> None:
        """Ask for the devices anew from time to time while they are shown."""
        if self.open == "devices" and now_s - self._devices_asked_s >= DEVICES_S:
            self._devices_asked_s = now_s
            self._control.ask_quietly(ListDevices())

    def _press_in_devices(self, key: str) -> bool:
        if key in MOVES:
            self.devices.move(key)
        elif key in DELAY_KEYS:
            self._control.request(AdjustOutputDelay(DELAY_KEYS[key]))
        elif key != "enter":
            return False
        elif (picked := self.devices.picked) is not None:
            self.close()
            self._control.request(SetOutputDevice(picked))
        return True

    def _press_in_bookmarks(self, key: str) -> bool:
        control, pointed = self._control, self.bookmarks.pointed
        if key in MOVES:
            self.bookmarks.move(key)
        elif pointed is None or key not in ("enter", "delete", "e"):
            return False
        elif key == "enter":
            control.request(Scrub(pointed.position_ms))
        elif key == "e":
            control.do(lambda call: ask_note(pointed, call))
        else:
            control.do(lambda call: remove_bookmark(pointed, call))
        return True
