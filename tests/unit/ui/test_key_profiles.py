"""A user's own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.keys import _character_to_key

from callplayer.config import load_settings
from callplayer.errors import UsageError
from callplayer.ui.key_profiles import PROFILES, key_of, remapped, table_lines
from callplayer.ui.keymap import ACTIONS, by_key, help_lines, key_name


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        ("X", "X"),
        ("shift+x", "X"),
        ("Shift+Left", "shift+left"),
        ("F5", "f5"),
        ("Ctrl+G", "ctrl+g"),
        ("alt+f", "alt+f"),
        ("PgUp", "pageup"),
        ("Space", "space"),
        (" ", "space"),
        ("?", "question_mark"),
        ("full_stop", "full_stop"),
        ("+", "plus"),
        ("ctrl++", "ctrl+plus"),
        ("←", "left"),
        ("ö", "ö"),
    ],
)
def test_keys_are_written_as_people_write_them(text: str, key: str) -> None:
    assert key_of(text) == key


@pytest.mark.parametrize("text", ["", "xy", "f25", "hyper+x", "ctrl+", "\x1b", "shift+?", "nokey"])
def test_what_is_no_key(text: str) -> None:
    assert key_of(text) is None


@settings(deadline=None)
@given(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
def test_signs_are_named_as_the_terminal_library_names_them(character: str) -> None:
    assert key_of(character) == _character_to_key(character)


def test_every_default_key_can_be_written_as_it_is_printed() -> None:
    for key in by_key(ACTIONS):
        assert key_of(key_name(key)) == key


def test_a_chosen_key_goes_before_a_default_and_no_key_is_none() -> None:
    keys = by_key(remapped({"mute": ["x", "F5"], "say-again": "m", "stats": []}))
    assert keys["x"].name == keys["f5"].name == "mute"
    assert keys["m"].name == "say-again"
    assert "r" not in keys
    assert "i" not in keys
    assert keys["space"].name == "toggle-pause"


def test_profiles_and_own_keys_over_them() -> None:
    assert by_key(remapped({"profile": "mpv"})) == by_key(ACTIONS)
    keys = by_key(remapped({"profile": "otranscribe", "mute": "f4"} | {"faster": "f9"}))
    assert keys["escape"].name == "toggle-pause"
    assert (keys["f1"].name, keys["f2"].name) == ("back-5s", "forward-5s")
    assert keys["f4"].name == "mute"
    assert keys["backspace"].name == "close"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_keeps_every_action_at_hand(profile: str) -> None:
    actions = remapped({"profile": profile})
    assert all(action.keys for action in actions)
    assert len(by_key(actions)) == sum(len(action.keys) for action in actions)


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        ({"mute": "x", "solo": "x"}, "gives x to mute and to solo"),
        ({"profile": "otranscribe", "mute": "f1"}, "F1"),
        ({"mutes": "x"}, "'mutes', which is no action"),
        ({"mute": "nokey"}, "'nokey', which is no key"),
        ({"mute": 5}, "are no keys"),
        ({"mute": [5]}, "is no key"),
        ({"profile": "vim"}, "no profile 'vim'"),
        ({"profile": ["mpv"]}, "no profile"),
        ({"quit": []}, "no key to quit"),
        ({"mute": "ctrl+c"}, "Ctrl+C, which always is quit"),
        ({"quit": "ctrl+z"}, "Ctrl+Z, which always is suspend"),
        ({"\x1b[2J": "x"}, "which is no action"),
    ],
)
def test_what_cannot_be_is_reported_in_one_line(table: dict[str, Any], reported: str) -> None:
    with pytest.raises(UsageError) as refused:
        remapped(table)
    assert reported in refused.value.what
    assert "\n" not in refused.value.what + refused.value.hint
    assert "\x1b" not in refused.value.what


def test_help_and_table_show_the_keys_that_are() -> None:
    actions = remapped({"toggle-pause": "F5", "stats": []})
    assert ("F5", "Play / pause") in help_lines(actions)
    lines = table_lines(actions)
    assert len(lines) == len(ACTIONS)
    assert lines[0].split() == ["toggle-pause", "F5", "Play", "/", "pause"]
    assert [line.split()[-1] for line in lines[1:3]] == ["back", "ahead"]


def test_the_table_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[keys]\nprofile = "otranscribe"\nmute = "x"\n')
    loaded = load_settings({}, environment={}, file=path)
    assert loaded.warnings == ()
    assert by_key(remapped(loaded.keys))["x"].name == "mute"
