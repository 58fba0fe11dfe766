"""What is said of a key: nothing, that it does nothing, or that a capital means something else."""

from __future__ import annotations

import pytest

from callplayer.ui.key_reader import KeyReader
from callplayer.ui.keymap import ACTIONS
from callplayer.ui.plain.lines import spoken_key


@pytest.mark.parametrize(
    ("key", "character", "shown"),
    [
        ("latin_small_letter_e_with_acute", "é", "é"),
        ("latin_small_letter_sharp_s", "ß", "ß"),
        ("f7", "", "F7"),
    ],
)
def test_a_key_that_does_nothing_says_which_key_helps(key: str, character: str, shown: str) -> None:
    reader = KeyReader(ACTIONS)
    meant, remark = reader.read(key, character)
    assert reader.action(meant) is None
    assert remark == f"{shown} does nothing here. Help: ?."
    spoken = KeyReader(ACTIONS, spoken_key).read(key, character)[1]
    assert spoken.endswith("Help: question mark.")


def test_a_key_with_an_action_is_not_remarked_on() -> None:
    reader = KeyReader(ACTIONS)
    for key, character in (("m", "m"), ("space", " "), ("left", ""), ("question_mark", "?")):
        assert reader.read(key, character) == (key, "")


def test_escape_and_a_letter_that_come_as_one_key_are_the_letter() -> None:
    assert KeyReader(ACTIONS).read("alt+q", "q") == ("q", "")


def test_a_capital_that_means_something_else_says_so_once() -> None:
    reader = KeyReader(ACTIONS)
    meant, remark = reader.read("N", "N")
    assert meant == "N"
    assert remark == "Is Caps Lock on? N: previous hit or bookmark; n: next hit or bookmark."
    assert reader.read("N", "N") == ("N", "")
    assert reader.read("S", "S") == ("S", "")


def test_a_capital_that_the_screen_asks_for_is_meant() -> None:
    reader = KeyReader(ACTIONS)
    assert reader.read("R", "R", {"retry-now"}) == ("R", "")
    assert reader.read("N", "N", {"retry-now"})[1].startswith("Is Caps Lock on?")


def test_a_capital_without_an_action_is_the_small_letter_and_reports_caps_lock_once() -> None:
    reader = KeyReader(ACTIONS)
    meant, remark = reader.read("M", "M")
    assert meant == "m"
    assert remark == "Caps Lock seems to be on: C, N, R, S, X mean something else."
    assert reader.read("M", "M") == ("m", "")
