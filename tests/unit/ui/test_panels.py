"""What the panels do by themselves, without a key."""

from __future__ import annotations

from unittest.mock import Mock

from callplayer.bookmarks import BookmarkStore
from callplayer.ipc.messages import ListDevices, Request
from callplayer.ui.actions.control import CallControl
from callplayer.ui.keymap import ACTIONS
from callplayer.ui.screens.player.panels import Panels
from callplayer.ui.settings import ScreenSettings


def test_an_open_list_of_devices_asks_for_no_key_where_no_engine_answers() -> None:
    asked: list[Request] = []
    front = Mock()
    control = CallControl(
        lambda request: bool(asked.append(request)),
        front,
        ScreenSettings(),
        BookmarkStore("", None),
    )
    panels = Panels(control, ACTIONS, lambda: None)
    panels.toggle("devices")
    front.note.assert_called_once()  # the key was answered
    panels.keep_fresh(control.clock() + 60.0)
    assert asked == [ListDevices(), ListDevices()]
    front.note.assert_called_once()
