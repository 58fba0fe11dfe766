"""The panels that take the place of timeline and volumes, one at a time."""

from __future__ import annotations

from typing import Literal

from callplayer.ipc.messages import ListDevices, SetOutputDevice
from callplayer.ui.screens.player.base import PlayerBase
from callplayer.ui.widgets.devices import DevicesPanel, devices
from callplayer.ui.widgets.lines import HelpPanel, help_height
from callplayer.ui.widgets.list_panel import MOVES, list_height

DEVICES_S = 2.0
"""How often the open device picker asks anew: a device may come while it is looked for."""

PanelName = Literal["help", "devices", "bookmarks"]


class Panels(PlayerBase, inherit_bindings=False):
    """Which panel is open, and what its keys do."""

    _open: PanelName | None = None
    _devices_asked_s = 0.0
    help_panel: HelpPanel
    devices_panel: DevicesPanel

    def lay_out(self) -> None:
        """Share the window out anew."""
        raise NotImplementedError

    def close_panel(self) -> None:
        """Give timeline and words their place back, if a panel has it."""
        if self._open is not None:
            self._open = None
            self.lay_out()

    def do_toggle_help(self) -> None:
        """Show or hide all keys; the clock stays."""
        self._toggle("help")

    def do_toggle_devices(self) -> None:
        """Show or hide the device picker; the clock stays."""
        if self._open != "devices":
            self.devices_panel.open()
            self._ask_for_devices()
        self._toggle("devices")

    def _toggle(self, name: PanelName) -> None:
        self._open = None if self._open == name else name
        self.lay_out()

    def _panel_key(self, key: str) -> bool:
        """Give a key to the open panel; return whether it was for it."""
        if self._open == "devices" and key in (*MOVES, "enter"):
            self._pick_device(key)
            return True
        if self._open == "bookmarks":
            return self._bookmarks_key(key)
        return self._open == "help" and key in MOVES and self.help_panel.move(key)

    def _bookmarks_key(self, key: str) -> bool:
        raise NotImplementedError

    def _panel_rows(self, width: int, room: int) -> int:
        """Return how many rows the open panel takes; 0 if none is open."""
        match self._open:
            case "help":
                return min(help_height(width, self.likes.actions), room)
            case "devices":
                return list_height(len(devices(self.view.devices)), room)
        return 0

    def _draw_panel(self) -> None:
        match self._open:
            case "help":
                self.help_panel.show()
            case "devices":
                self.devices_panel.show(self.view.devices)

    def _keep_devices_fresh(self, now_s: float) -> None:
        if self._open == "devices" and now_s - self._devices_asked_s >= DEVICES_S:
            self._ask_for_devices()

    def _ask_for_devices(self) -> None:
        self._devices_asked_s = self._clock()
        self.request(ListDevices())

    def on_devices_panel_picked(self, message: DevicesPanel.Picked) -> None:
        """Play on the device that was clicked."""
        self._play_on(message.name)

    def _pick_device(self, key: str) -> None:
        if key in MOVES:
            self.devices_panel.move(key)
            return
        picked = self.devices_panel.picked
        if picked is not None:
            self._play_on(picked)

    def _play_on(self, name: str) -> None:
        self.do_toggle_devices()
        self.request(SetOutputDevice(name))
