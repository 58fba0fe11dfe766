"""Which stretch a clip is cut from, and how it is asked for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from callplayer.bookmarks import Bookmark
from callplayer.ipc.messages import SaveClip
from callplayer.ui.actions.clip_rules import NO_CLIP, bookmark_stretch, read_clip, save_clip
from callplayer.ui.actions.outcome import CallContext
from callplayer.ui.model.navigation import Loop, Navigation
from callplayer.ui.model.player import PlayerView, reduce
from tests.ui.scripted import FROZEN_S, PLAYING

CALL = CallContext(reduce(PlayerView(), PLAYING, FROZEN_S), FROZEN_S)


def looping(loop: Loop) -> CallContext:
    return replace(CALL, view=replace(CALL.view, navigation=Navigation(loop=loop)))


def marks(*places_ms: int) -> tuple[Bookmark, ...]:
    return tuple(Bookmark(position_ms=ms, clock="", words="", made_at="") for ms in places_ms)


def test_a_loop_is_saved_to_the_ms_and_only_once_it_is_confirmed() -> None:
    call = looping(Loop(61_237, 75_008))
    asked = save_clip(call)
    assert asked.requests == ()
    assert asked.prompt is not None
    assert asked.prompt.text == "1:01.237 - 1:15.008"
    assert (
        "13.8 s, FLAC, a channel for each party" in asked.prompt.hint(asked.prompt.text, call).text
    )
    assert asked.prompt.answer(asked.prompt.text, call).requests == (SaveClip(61_237, 75_008),)


@pytest.mark.parametrize(
    ("typed", "request_"),
    [
        ("1:02 - 1:10", SaveClip(62_000, 70_000)),
        ("1:02 1:10.5 wav mixed", SaveClip(62_000, 70_500, "wav", True)),
        ("mixed 62 – 70", SaveClip(62_000, 70_000, "flac", True)),
        ("-10 -5", SaveClip(73_400, 78_400)),
    ],
)
def test_places_and_how_it_is_saved_can_be_typed(typed: str, request_: SaveClip) -> None:
    clip = read_clip(typed, CALL)
    assert not isinstance(clip, str)
    assert clip.request == request_


@pytest.mark.parametrize("typed", ["", "1:02", "1:10 - 1:02", "1:02 - x", "1 2 3", "1:02 - 1:02"])
def test_what_is_no_stretch_is_a_line_and_nothing_is_saved(typed: str) -> None:
    assert isinstance(read_clip(typed, CALL), str)
    prompt = save_clip(looping(Loop(61_000, 75_000))).prompt
    assert prompt is not None
    outcome = prompt.answer(typed, CALL)
    assert (outcome.requests, bool(outcome.note)) == ((), True)


@pytest.mark.parametrize(
    ("places_ms", "here_ms", "stretch"),
    [
        ((10_000,), 15_000, (10_000, 15_000)),
        ((10_000, 12_000), 15_000, (12_000, 15_000)),
        ((10_000, 20_000), 15_000, (10_000, 20_000)),
        ((20_000,), 15_000, None),
        ((15_000,), 15_050, None),
        ((), 15_000, None),
    ],
)
def test_a_bookmark_s_stretch_goes_to_the_next_one_or_to_what_is_heard(
    places_ms: tuple[int, ...], here_ms: int, stretch: tuple[int, int] | None
) -> None:
    assert bookmark_stretch(marks(*places_ms), here_ms) == stretch


def test_without_loop_and_bookmark_a_line_says_what_to_do() -> None:
    assert save_clip(CALL).note == NO_CLIP
    assert save_clip(replace(CALL, bookmarks=marks(80_000))).prompt is not None
