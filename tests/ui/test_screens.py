"""Pictures of the screen's states, sizes, and text that wants to do harm."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from textual.app import App

from callplayer.engine.messages import ErrorEvent
from tests.ui.scenes import PAUSED, SCENES, SIZES, Scene, but
from tests.ui.scripted import INCIDENT, LEVELS, PLAYING, screen_text

SnapCompare = Callable[..., bool]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_picture(scene: str, size: str, snap_compare: SnapCompare) -> None:
    chosen = SCENES[scene]
    assert snap_compare(chosen.app(), press=chosen.keys, terminal_size=SIZES[size])


def test_picture_without_colours(
    snap_compare: SnapCompare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(SCENES["muted-solo"].app(), terminal_size=SIZES["80x24"])


async def test_without_colours_each_state_is_still_told_apart_by_its_text() -> None:
    texts = []
    for phase in ("connecting", "playing", "paused", "at-end", "live", "reconnecting"):
        app = Scene((INCIDENT, but(PLAYING, phase=phase))).app()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            texts.append(screen_text(app))
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("size", [(59, 24), (60, 15), (20, 5), (1, 1), (59, 15)])
async def test_a_window_that_is_too_small_says_so_in_one_line(size: tuple[int, int]) -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert len(text.strip().splitlines()) <= 1
        if size[0] >= 59:
            assert "▶ PLAYING 1:23.4 of 4:32.0 · callplayer needs 60×16" in text


async def test_the_layout_follows_the_window() -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=(80, 24)) as pilot:
        for size in ((60, 16), (160, 50), (40, 10), (80, 24), (200, 16), (60, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            text = screen_text(app)
            lines = text.splitlines()
            assert len(lines) == size[1]
            assert max(len(line) for line in lines) <= size[0]
            if size != (40, 10):
                assert "q quit" in lines[-1]
                assert "Call taker" in text
                assert "4:32┘" in text
                assert "▶ PLAYING" in text


HARM = "[bold red]x[/] [@click=app.quit]y[/] \x1b[2J\x1b]0;title\x07\u202e\r\nz"


async def test_text_from_the_network_is_drawn_harmless() -> None:
    incident = msgspec.structs.replace(
        INCIDENT, id=HARM, caller_phone_number=HARM, created_at=HARM, location=HARM
    )
    error = ErrorEvent(code="x", message=HARM, hint=HARM)
    app = Scene((incident, but(PAUSED, device=HARM, detail=HARM), error), ("i",)).app()
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("i")
        await pilot.pause()
        text = screen_text(app)
        assert "[bold red]x[/]" in text
        assert "[@click=app.quit]" in text
        for harmful in ("\x1b", "\x07", "\r", "\u202e"):
            assert harmful not in text
        assert len(text.splitlines()) == 50


async def test_wide_characters_do_not_push_the_layout_apart() -> None:
    app = Scene((INCIDENT, LEVELS, but(PLAYING, device="耳机耳机耳机耳机 🎧"))).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for strip in app.screen._compositor.render_strips():
            assert strip.cell_length == 80


def test_no_widget_can_take_the_keys() -> None:
    from callplayer.ui.player_app import PlayerApp
    from callplayer.ui.screens.player import PlayerScreen

    assert issubclass(PlayerApp, App)
    assert PlayerApp._merge_bindings().key_to_bindings == {}
    assert PlayerScreen._merge_bindings().key_to_bindings == {}
