"""The footer: what it names as things are, at every width, and what a click presses."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callplayer.ui.footer import GAP_CELLS, FooterContext, FooterItem, Mode, footer_items, key_at
from callplayer.ui.key_profiles import remapped
from callplayer.ui.keymap import ACTIONS, by_key
from callplayer.ui.model.layout import MIN_WIDTH
from callplayer.ui.widgets.lines import footer_row
from callplayer.ui.widgets.rows import cells

MOMENTS = st.builds(
    FooterContext,
    at_rest=st.booleans(),
    goes_on=st.booleans(),
    behind_live=st.booleans(),
    words=st.booleans(),
    mode=st.sampled_from([None, *get_args(Mode)]),
    found=st.sampled_from([None, (0, 0), (2, 17)]),
    closes=st.booleans(),
    can_go_back=st.booleans(),
)
NARROW, USUAL, WIDE = 58, 78, 198


def reported(moment: FooterContext, width: int) -> list[str]:
    return [f"{item.label} {item.word}" for item in footer_items(moment, width)]


@given(MOMENTS, st.integers(MIN_WIDTH - 2, 300))
def test_it_fits_and_shows_what_is_most_needed(moment: FooterContext, width: int) -> None:
    items = footer_items(moment, width)
    assert cells(footer_row(items)) <= width
    keys = [key for item in items for key in item.keys]
    assert len(set(keys)) == len(keys), "a key is named for one thing only"
    if moment.mode not in ("typing", "palette"):
        assert "space" in keys or (moment.mode in ("bookmarks", "devices") and width < USUAL)
        assert set(keys) <= {*by_key(ACTIONS), "enter", "e", "delete"}
    if moment.mode is None or width >= USUAL:
        assert items[-1].word == "quit"
        assert "question_mark" in keys or moment.mode in ("typing", "palette")


def test_what_has_room_is_there() -> None:
    assert reported(FooterContext(), USUAL)[:3] == ["Space pause", "←→ 5 s", "r again"]
    assert reported(FooterContext(at_rest=True), USUAL)[0] == "Space play"
    assert "End to end" not in reported(FooterContext(), USUAL)
    wide = reported(FooterContext(words=True), WIDE)
    assert {"s solo", "/ search", "b bookmark", "t go to", "End to end", "i stats"} <= set(wide)
    assert "/ search" not in reported(FooterContext(), WIDE), "there are no words to search"


@pytest.mark.parametrize("width", [NARROW, USUAL, WIDE])
def test_behind_live_the_way_back_is_always_shown(width: int) -> None:
    assert "End live" in reported(FooterContext(goes_on=True, behind_live=True), width)


def test_in_a_mode_its_keys_come_first_and_none_is_shown_for_another_mode() -> None:
    assert reported(FooterContext(mode="typing"), WIDE) == [
        *("Enter done", "Esc leave", "Ctrl+U empty", "Ctrl+C quit"),
    ]
    pointing = reported(FooterContext(mode="pointing"), USUAL)
    assert pointing[:3] == ["←→ place", "Enter go there", "Esc leave"]
    assert "←→ 5 s" not in pointing
    reading = reported(FooterContext(mode="reading"), USUAL)
    assert reading[:3] == ["↑↓←→ word", "Enter hear it", "Esc follow"]
    assert "↑↓ volume" not in reading


def test_it_shows_the_users_own_keys() -> None:
    actions = remapped({"profile": "otranscribe", "stats": []})
    items = footer_items(FooterContext(mode="pointing"), WIDE, actions)
    assert items[2] == FooterItem(("backspace",), "leave")
    assert not any(item.word == "stats" for item in items)
    assert footer_items(FooterContext(), WIDE, actions)[0].label == "Esc"


@given(MOMENTS, st.integers(MIN_WIDTH - 2, 300))
def test_a_click_presses_the_key_under_it(moment: FooterContext, width: int) -> None:
    items = footer_items(moment, width)
    at = 0
    for item in items:
        assert key_at(items, at) == item.keys[0]
        assert key_at(items, at + item.cells - 1) == item.keys[-1], "a word stands for the last key"
        assert key_at(items, at + item.cells) is None
        at += item.cells + GAP_CELLS
    assert key_at(items, -1) is None


def test_every_action_it_names_is_there() -> None:
    for item in footer_items(FooterContext(words=True), WIDE):
        assert all(key in by_key(ACTIONS) for key in item.keys)


def test_what_is_not_there_is_not_offered() -> None:
    failed = reported(FooterContext(phase="failed", retry="try again"), USUAL)
    assert failed == ["R try again", "? help", "q quit"]
    connecting = reported(FooterContext(phase="connecting"), USUAL)
    assert connecting == ["d device", "? help", "q quit"]
    waiting = reported(FooterContext(phase="connecting", retry="try now"), USUAL)
    assert waiting[0] == "R try now"


@pytest.mark.parametrize("width", [NARROW, USUAL])
def test_a_search_shows_its_keys_and_its_count(width: int) -> None:
    searching = reported(FooterContext(words=True, found=(2, 17)), width)
    assert {"nN 2 of 17", "Esc end search", "q quit"} <= set(searching)
    missing = reported(FooterContext(words=True, found=(1, 0)), width)
    assert "Esc not said: end" in missing
    assert not any(each.startswith("n") for each in missing)
