"""The table of keys."""

from __future__ import annotations

from collections import Counter

import pytest

from callplayer.bookmarks import BookmarkStore
from callplayer.ui import keymap
from callplayer.ui.plain.player import PlainPlayer
from callplayer.ui.screens.player.screen import PlayerScreen
from callplayer.ui.settings import ScreenSettings
from tests.tools import tables
from tests.ui.scripted import ScriptedEngine


def test_no_key_is_bound_twice_and_no_action_named_twice() -> None:
    keys = Counter(key for action in keymap.ACTIONS for key in action.keys)
    names = Counter(action.name for action in keymap.ACTIONS)
    assert [key for key, count in keys.items() if count > 1] == []
    assert [name for name, count in names.items() if count > 1] == []


def test_every_action_does_exactly_one_kind_of_thing() -> None:
    for action in keymap.ACTIONS:
        assert (action.rule is None) != (action.front is None), action


def test_the_screen_has_each_front_action_and_plain_mode_those_that_need_no_picture() -> None:
    wanted = {action.front for action in keymap.ACTIONS} - {None}
    assert PlayerScreen(lambda _: True).front_actions.keys() == wanted
    plain = PlainPlayer(
        ScriptedEngine(),
        lambda _: None,
        keymap.ACTIONS,
        settings=ScreenSettings(),
        store=BookmarkStore("", None),
    )
    drawn = {"point", "zoom-in", "zoom-out", "zoom-fit", "read", "palette", "theme"}
    assert plain.front_actions.keys() == wanted - drawn


def test_every_key_is_in_the_help_and_in_the_table() -> None:
    table = tables.keys()
    for key in keymap.by_key(keymap.ACTIONS):
        assert f"`{keymap.key_name(key)}`" in table
    topics = {topic for _, topic in keymap.help_lines()}
    assert topics == {action.topic for action in keymap.ACTIONS}
    assert table.count("\n") == 2 + len(topics)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("space", "Space"),
        ("shift+left", "Shift+←"),
        ("full_stop", "."),
        ("ctrl+c", "Ctrl+C"),
        ("k", "k"),
        ("question_mark", "?"),
    ],
)
def test_key_names(key: str, name: str) -> None:
    assert keymap.key_name(key) == name


def test_every_sign_of_a_keyboard_is_a_key_and_printed_as_that_sign() -> None:
    for sign in map(chr, range(0x21, 0x7F)):
        key = keymap.character_key(sign)
        assert key is not None
        assert keymap.key_name(key) == sign
    assert keymap.key_name("ctrl+c") == "Ctrl+C"
