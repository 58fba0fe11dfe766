"""Pictures of the screen's states, sizes, and text that wants to do harm."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from callplayer.ipc.messages import ErrorEvent, StateEvent
from callplayer.ui.screens.player.help import SIGNS, help_rows
from callplayer.ui.theme import DEFAULT, THEMES
from callplayer.ui.widgets.clock import clock_rows, state_line
from callplayer.ui.widgets.timeline_rows import AHEAD, HOVERS, PLAYED, PLAYHEAD, POINTS
from callplayer.ui.widgets.track_heads import TICK
from callplayer.ui.widgets.transcript_lines import BARS
from tests.ui.scenes import PAUSED, SCENES, SIZES, Scene, but
from tests.ui.scripted import INCIDENT, LEVELS, PLAYING, screen_text, strips_of

SnapCompare = Callable[..., bool]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_picture(scene: str, size: str, snap_compare: SnapCompare) -> None:
    chosen = SCENES[scene]
    assert snap_compare(chosen.app(), press=chosen.keys, terminal_size=SIZES[size])


@pytest.mark.parametrize("theme", [theme for theme in THEMES if theme != DEFAULT])
@pytest.mark.parametrize("scene", ["words-search", "live", "help", "stats", "failed"])
def test_picture_in_other_colours(scene: str, theme: str, snap_compare: SnapCompare) -> None:
    chosen = SCENES[scene]
    app = chosen.app(theme)
    assert snap_compare(app, press=chosen.keys, terminal_size=SIZES["80x24"])


def test_picture_without_colours(
    snap_compare: SnapCompare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(SCENES["muted-solo"].app(), terminal_size=SIZES["80x24"])


async def test_without_colours_each_state_differs_by_its_text() -> None:
    texts = []
    for phase in ("connecting", "playing", "paused", "at-end", "live", "reconnecting"):
        app = Scene((INCIDENT, but(PLAYING, phase=phase))).app()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            texts.append(screen_text(app))
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("size", [(59, 24), (60, 15), (20, 5), (1, 1), (59, 15), (25, 2)])
async def test_a_window_that_is_too_small_says_so_in_one_line_or_two(size: tuple[int, int]) -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        text = screen_text(app)
        lines = text.strip().splitlines()
        assert len(lines) <= 2
        if 25 <= size[0] < 59:
            assert lines[1].strip() == "callplayer needs 60×16"
        if size[0] >= 59:
            assert len(lines) == 1
            assert "▶ PLAYING 1:23.4 of 4:32.0 · callplayer needs 60×16" in text


@pytest.mark.parametrize("keys", [(), ("i",), ("question_mark",)], ids=["-", "stats", "help"])
@pytest.mark.parametrize("large", [(80, 24), (160, 50), (60, 16)])
async def test_a_window_made_too_small_and_large_again_looks_as_it_did(
    large: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=large) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        before = screen_text(app)
        assert "q quit" in before
        for small in ((50, 10), (60, 15), (59, 16), (20, 5)):
            await pilot.resize_terminal(*small)
            await pilot.pause()
            lines = screen_text(app).strip().splitlines()
            assert len(lines) == (1 if small[0] >= 59 else 2)
            assert lines[0].startswith("▶ PLAYING")
            if small[0] >= 50:
                assert "callplayer needs 60×16" in lines[-1]
            await pilot.resize_terminal(*large)
            await pilot.pause()
            assert screen_text(app) == before


async def test_both_volumes_are_there_before_any_state_and_in_a_window_that_was_too_small() -> None:
    app = Scene(()).app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert "Caller" in screen_text(app)
        assert "Call taker" in screen_text(app)
        await pilot.resize_terminal(59, 15)
        await pilot.pause()
        app.player.take(PLAYING)
        await pilot.pause()
        assert len(screen_text(app).strip().splitlines()) == 1
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "Call taker" in screen_text(app)
        assert "callplayer needs" not in screen_text(app)


async def test_the_footer_says_what_space_will_do() -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for state, word in (
            (PLAYING, "pause"),
            (PAUSED, "play"),
            (but(PLAYING, phase="live", call_over=False), "pause"),
            (but(PAUSED, held=True), "pause"),
            (but(PLAYING, phase="at-end", at_end=True, advancing=False), "play"),
        ):
            app.player.take(state)
            await pilot.pause()
            assert screen_text(app).splitlines()[-1].startswith(f" Space {word}  ")


@pytest.mark.parametrize("size", SIZES)
async def test_a_broken_link_shows_why_without_the_statistics(size: str) -> None:
    app = SCENES["reconnecting"].app()
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.pause()
        text = screen_text(app)
        assert "↻ RECONNECTING" in text
        assert "! The room server does not answer." in text
        assert "Lost 12 s ago; next try in 4 s." in text
        assert "Call taker" in text


async def test_the_layout_follows_the_window() -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=(80, 24)) as pilot:
        for size in ((60, 16), (160, 50), (40, 10), (80, 24), (200, 16), (60, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            text = screen_text(app)
            lines = text.split("\n")
            assert len(lines) == size[1]
            assert max(len(line) for line in lines) <= size[0]
            if size != (40, 10):
                assert "q quit" in lines[-1]
                assert "Call taker" in text
                assert "4:32┘" in text
                assert "▶ PLAYING" in text


PLAIN_SIGNS = set("…–“”−±·×←→↑↓⇧─└┘▏▎▍▌▋▊▉▁▂▃▄▅▆▇█▀\xa0")
"""Punctuation, keys, rules, and what digits, bars and heights are made of."""


def test_every_sign_that_is_drawn_is_in_the_legend_of_the_help() -> None:
    legend = {sign for signs, _ in SIGNS for sign in signs}
    pictures = Path(__file__).with_name("__snapshots__") / "test_screens"
    drawn = set("".join((POINTS, HOVERS, PLAYED, AHEAD, PLAYHEAD, TICK, *BARS.values())))
    for picture in pictures.glob("*.svg"):
        if "torture" not in picture.name:  # those signs are of a language
            texts = re.findall("<text[^>]*>([^<]*)</text>", picture.read_text(encoding="utf-8"))
            drawn.update(sign for text in texts for sign in unescape(text) if not sign.isascii())
    waves = {sign for sign in drawn if "\u2800" <= sign <= "\u28ff"}
    assert len(waves) > 10
    drawn -= waves  # two of them stand for all in the legend
    assert len(drawn) > 40
    assert drawn - legend - PLAIN_SIGNS == set()


async def test_the_least_window_keeps_state_date_link_device_the_time_of_each_line_and_keys() -> (
    None
):
    async with SCENES["heard"].app().run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        lines = screen_text(pilot.app).splitlines()
        assert lines[0].startswith(" RECORDED 2026-01-15 10:30 +1 555 010 0199 ▂▄▆ ♪ Headphones")
        assert "▶ PLAYING   10:31:23 UTC" in lines[1]
        title = next(y for y, line in enumerate(lines) if line.startswith(" ─ transcript"))
        said = [line for line in lines[title + 1 : -2] if line.strip()]
        assert len(said) == 5
        assert all(re.match(r" +\d:\d\d ", line) for line in said)
        assert said[0].split() == ["1:20", "Call", "taker", "┊", "what", "happened."]
        for named in ("Space pause", "←→ 5 s", "? help", "q quit"):
            assert named in lines[-1]


async def test_a_wide_window_shows_the_keys_that_have_room() -> None:
    async with SCENES["heard"].app().run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "─ play and move ─" in text
        assert "Next / previous hit or bookmark" in text
        await pilot.resize_terminal(160, 34)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "─ call ─" in text
        assert "─ play and move ─" not in text


async def test_the_help_is_read_page_by_page_and_no_page_ends_in_a_title() -> None:
    seen = list[str]()
    async with SCENES["help"].app().run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        panel = pilot.app.screen.query_one("#help")
        while True:
            await pilot.pause()
            lines = screen_text(pilot.app).splitlines()[panel.region.y : panel.region.bottom]
            *page, more = [line.strip() for line in lines if line.strip()]
            assert not page[-1].startswith("─ ")
            seen += page
            if more == "↑ more":
                break
            await pilot.press("pagedown")
    rows = ["".join(text for text, _ in row).strip() for row in help_rows(78)]
    assert [row for row in rows if row not in seen] == []


def test_no_place_is_shown_while_nothing_is_known_of_the_call() -> None:
    state = StateEvent(phase="connecting")
    ((place, *_),) = clock_rows(state, 0.0, 78, 0)
    assert place[0] == "-:--.-"
    assert state_line(state, 0.0) == "… CONNECTING"
    for scale in (1, 2, 3):
        drawn = "".join(text for row in clock_rows(state, 0.0, 118, scale) for text, _ in row[:1])
        assert drawn.count("█") < 12 * scale**2, "it is dashes"


async def test_the_title_of_what_the_arrows_move_in_is_lit() -> None:
    app = SCENES["bookmarks"].app()
    async with app.run_test(size=(160, 50)) as pilot:
        for keys, lit in ((SCENES["bookmarks"].keys, "bookmarks"), (("v", "w"), "transcript")):
            await pilot.press(*keys)
            await pilot.pause()
            ask = app.get_component_styles("tone--ask").rich_style.color
            parts = [part for strip in strips_of(app) for part in strip if part.style]
            lit_parts = [part.text for part in parts if part.style.color == ask]
            titles = [text for text in lit_parts if text.startswith("─ ")]
            assert [title.strip("─ 1") for title in titles] == [lit]


async def test_a_wide_window_lists_what_was_found_with_the_words_there() -> None:
    async with SCENES["words-search"].app().run_test(size=(160, 50)) as pilot:
        await pilot.press(*SCENES["words-search"].keys)
        await pilot.pause()
        text = screen_text(pilot.app)
        assert "─ hits 2 ─" in text
        assert "   1    1:22.7  CALLER     “There is smoke coming out" in text
        assert " ▸  2    1:40.3  CALLER     “can see the smoke.”" in text


@pytest.mark.parametrize(
    ("scene", "keys"),
    [
        ("unconfirmed", ""), ("skips-silence", ""), ("reconnecting", ""), ("failed", ""),
        ("device-lost", ""), ("words", ""), ("words", "i"), ("words", "d"), ("stats", ""),
    ],
)  # fmt: skip
async def test_what_is_noted_has_room_in_the_least_window(scene: str, keys: str) -> None:
    chosen = SCENES[scene]
    app = chosen.app()
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press(*chosen.keys, *keys)
        await pilot.pause()
        before = screen_text(app).splitlines()
        rows = 2
        if not before[-2].strip():
            error = ErrorEvent(code="x", message=f"It is {'so ' * 25}long.", hint="Do that." * 9)
            app.player.take(error)
            rows = 4
        await pilot.pause(0.05)
        lines = screen_text(app).splitlines()
        assert len(lines) == len(before) == 16
        assert (lines[:5], lines[-1]) == (before[:5], before[-1])
        assert all(line.strip() for line in lines[-1 - rows : -1])
        assert "…" not in "".join(lines[-1 - rows : -1])
        app.player.control.view = replace(app.player.view, notice=None)
        app.player.tick()
        await pilot.pause(0.05)
        assert rows == 2 or screen_text(app).splitlines() == before


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
        for strip in strips_of(app):
            assert strip.cell_length == 80


async def test_no_widget_can_take_the_keys() -> None:
    app = SCENES["playing"].app()
    async with app.run_test(size=(80, 24)):
        assert set(app.active_bindings) == {"ctrl+c", "ctrl+q", "ctrl+z"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("requested_ms", [None, 30_000])
async def test_how_far_behind_live_is_always_shown(size: str, requested_ms: int | None) -> None:
    live = but(PLAYING, phase="playing", call_over=False, requested_ms=requested_ms)
    app = Scene((INCIDENT, live)).app()
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.pause()
        assert "3:08 behind" in screen_text(app)
        app.player.take(but(live, audible_ms=263_000, requested_ms=None))
        await pilot.pause()
        assert "9 s behind" in screen_text(app)
