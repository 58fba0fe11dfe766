"""The mouse: scrub on the timeline, volumes on the sliders, parties by a click."""

from __future__ import annotations

import time
from datetime import UTC

import pytest
from textual import events

from callplayer.ipc.messages import (
    AdjustGain,
    AdjustOutputDelay,
    ListDevices,
    Mute,
    Request,
    SeekBy,
    SetOutputDevice,
    SetPartyGain,
    TogglePause,
)
from callplayer.ui.model.format import clock_text
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.picker import PickerApp, PickerScreen
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.widgets.timeline import Timeline
from callplayer.ui.widgets.track_heads import TrackHeads, slider_place
from callplayer.vendor.commands import Scrub
from tests.ui.scenes import DEVICES, PAUSED, but
from tests.ui.scripted import INCIDENT, ScriptedEngine, frozen_clock, screen_text
from tests.ui.talk import TALK
from tests.ui.test_picker import ROWS, Source


def scripted() -> tuple[PlayerApp, ScriptedEngine]:
    engine = ScriptedEngine(INCIDENT, PAUSED)
    return PlayerApp(engine, clock=frozen_clock), engine


async def test_a_click_on_the_timeline_scrubs_to_the_place() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        width = app.player.parts.timeline.size.width
        for column in (0, width // 2, width - 1):
            await pilot.click(Timeline, offset=(column, 1))
    assert engine.requests == [
        Scrub(0),
        Scrub(round((width // 2) / (width - 1) * 272_000)),
        Scrub(272_000),
    ]


async def test_a_drag_scrubs_along_and_never_asks_twice_for_one_place() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.mouse_down(Timeline, offset=(10, 1))
        for column in (10, 11, 12, 12, 40):
            await pilot.hover(Timeline, offset=(column, 1))
        await pilot.mouse_up(Timeline, offset=(40, 1))
        await pilot.hover(Timeline, offset=(40, 1))
        width = app.player.parts.timeline.size.width
    wanted = [Scrub(round(column / (width - 1) * 272_000)) for column in (10, 11, 12, 40)]
    assert engine.requests == wanted


def slider(app: PlayerApp, party: int) -> tuple[int, int, int]:
    """Return a slider's first column, its cells and its row, in the heads."""
    heads = app.player.parts.heads
    return *slider_place(heads.size.width, heads.head_rows), 1 + party * heads.head_rows


@pytest.mark.parametrize("size", [(120, 24), (100, 30), (160, 50), (240, 70)])
async def test_a_click_on_a_slider_sets_the_volume_and_selects_the_party(
    size: tuple[int, int],
) -> None:
    app, engine = scripted()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        start, width, row = slider(app, 1)
        assert 8 <= width <= 40
        await pilot.click(TrackHeads, offset=(start + width - 1, row))
        await pilot.pause()
        assert engine.requests == [SetPartyGain(20.0, "callTaker")]
        assert "▸ Call taker" in screen_text(app)
        await pilot.click(TrackHeads, offset=(2, row))
    assert engine.requests == [SetPartyGain(20.0, "callTaker")]


async def test_a_drag_past_the_slider_stays_inside_the_range() -> None:
    app, engine = scripted()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        start, _, row = slider(app, 0)
        await pilot.mouse_down(TrackHeads, offset=(start + 5, row))
        await pilot.hover(TrackHeads, offset=(start - 10, row))
        await pilot.mouse_up(TrackHeads, offset=(start - 10, row))
    assert engine.requests[-1] == SetPartyGain(-40.0, "caller")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_a_double_click_sets_0_db(size: tuple[int, int]) -> None:
    app, engine = scripted()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.double_click(TrackHeads, offset=(10, 1))
    assert engine.requests[-1] == SetPartyGain(0.0, "caller")


async def test_the_wheel_turns_a_party_up_and_down() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        heads = app.player.parts.heads
        for kind, row in ((events.MouseScrollUp, 1), (events.MouseScrollDown, 1 + heads.head_rows)):
            x, y = heads.region.x + 5, heads.region.y + row
            app.post_message(kind(None, x, y, 0, 0, 0, False, False, False, x, y))
            await pilot.pause()
    wanted: list[Request] = [AdjustGain(1.0, "caller"), AdjustGain(-1.0, "callTaker")]
    assert engine.requests == wanted


async def test_the_timeline_of_a_growing_call_stands_still_under_a_drag() -> None:
    """What is pointed at is the place that was there when the button went down."""
    now_s = 1000.0
    engine = ScriptedEngine(INCIDENT, but(PAUSED, call_over=False, duration_ms=57_000))
    app = PlayerApp(engine, clock=lambda: now_s)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        width = app.player.parts.timeline.size.width
        await pilot.mouse_down(Timeline, offset=(20, 1))
        app.player.take(but(PAUSED, call_over=False, duration_ms=61_000))
        await pilot.hover(Timeline, offset=(21, 1))
        await pilot.mouse_up(Timeline, offset=(21, 1))
        app.player.take(but(PAUSED, call_over=False, duration_ms=62_000))
        await pilot.click(Timeline, offset=(width - 1, 1))
    minute = [Scrub(round(column / (width - 1) * 60_000)) for column in (20, 21)]
    assert engine.requests == [*minute, Scrub(62_000)]


async def test_the_wheel_looks_closer_at_the_timeline_and_a_click_knows_where() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        place = app.player.parts.timeline.region
        for kind in (events.MouseScrollUp, events.MouseScrollUp, events.MouseScrollDown):
            x, y = place.x + 30, place.y + 1
            app.post_message(kind(None, x, y, 0, 0, 0, False, False, False, x, y))
            await pilot.pause()
        assert app.player.parts.pointer.zoom == 1
        span = app.player.parts.timeline.span
        assert span.length_ms == 136_000
        await pilot.click(Timeline, offset=(40, 1))
        assert engine.requests == [Scrub(span.position_ms(40, place.width))]


async def test_the_mouse_over_the_timeline_shows_offset_clock_and_word() -> None:
    engine = ScriptedEngine(INCIDENT, PAUSED, *TALK)
    app = PlayerApp(engine, frozen_clock, likes=ScreenConfig(zone=UTC))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        timeline = app.player.parts.timeline
        width = timeline.size.width
        column = timeline.span.column(83_400, width) - 2
        await pilot.hover(Timeline, offset=(column, 1))
        await pilot.pause()
        at_ms = timeline.span.position_ms(column, width)
        shown = f"╷{clock_text(at_ms, 272_000)}  10:31:"
        assert shown in screen_text(app)
        await pilot.hover(TrackHeads)
        await pilot.pause()
        assert "╷" not in screen_text(app)
    assert engine.requests == []


async def test_what_the_mouse_is_over_is_reported_after_a_closer_look_too() -> None:
    app, _ = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        timeline = app.player.parts.timeline
        await pilot.hover(Timeline, offset=(40, 1))
        before_ms = timeline.position_at(40)
        await pilot.press("plus", "plus")
        await pilot.pause(0.3)
        at_ms = timeline.position_at(40)
        assert at_ms != before_ms
        assert clock_text(at_ms, 272_000) in screen_text(app)
        assert clock_text(before_ms, 272_000) not in screen_text(app)


@pytest.mark.parametrize("held", ["timeline", "volume"])
async def test_what_is_held_while_it_goes_away_is_let_go(held: str) -> None:
    """The window shrinks to a line: the mouse goes on working."""
    app, engine = scripted()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        if held == "timeline":
            await pilot.mouse_down(Timeline, offset=(20, 1))
        else:
            start, _, row = slider(app, 0)
            await pilot.mouse_down(TrackHeads, offset=(start + 5, row))
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        await pilot.mouse_up("#small")
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert app.mouse_captured is None
        engine.requests.clear()
        await pilot.click(Timeline, offset=(0, 1))
        await pilot.pause()
    assert engine.requests == [Scrub(0)]


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_no_panel_hides_the_timeline(size: tuple[int, int]) -> None:
    app, engine = scripted()
    async with app.run_test(size=size) as pilot:
        for key in ("question_mark", "d", "v", "i"):
            await pilot.press(key)
            await pilot.pause()
            assert "◆" in screen_text(app)
            engine.requests.clear()
            await pilot.click(Timeline, offset=(0, 1))
            assert engine.requests == [Scrub(0)]


async def test_the_keys_of_a_mode_can_be_clicked_in_the_footer() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("t", *"60")
        for word, gone in (("empty", "60"), ("leave", "Go to")):
            await pilot.pause()
            footer = screen_text(app).splitlines()[-1]
            assert "q quit" not in footer
            await pilot.click("#footer", offset=(footer.index(word) - 1, 0))
            await pilot.pause()
            assert gone not in screen_text(app).splitlines()[-3]
        await pilot.press("p", "right")
        await pilot.pause()
        footer = screen_text(app).splitlines()[-1]
        await pilot.click("#footer", offset=(footer.index("go there") - 1, 0))
        await pilot.pause()
        column_ms = 272_000 / (app.player.parts.timeline.size.width - 1)
    assert engine.requests == [Scrub(round(83_520 + column_ms))]


async def test_what_the_footer_names_can_be_clicked() -> None:
    app, engine = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        footer = screen_text(app).splitlines()[-1]
        for word in ("Space", "←", "→", "mute"):
            await pilot.click("#footer", offset=(footer.index(word) - 1, 0))
        await pilot.click("#footer", offset=(footer.index("help") - 1, 0))
        await pilot.pause()
        assert "Play / pause" in screen_text(app)
    assert engine.requests == [TogglePause(), SeekBy(-5_000), SeekBy(5_000), Mute("caller")]


async def test_a_device_and_a_bookmark_are_picked_by_a_click() -> None:
    engine = ScriptedEngine(INCIDENT, PAUSED, DEVICES)
    app = PlayerApp(engine, clock=frozen_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d")
        await pilot.pause()
        await pilot.click("#devices", offset=(6, 3))
        await pilot.press("b", "v")
        await pilot.pause()
        await pilot.click("#bookmarks", offset=(6, 1))
        await pilot.pause()
    asked = [each for each in engine.requests if not isinstance(each, ListDevices)]
    assert asked == [SetOutputDevice("built-in"), Scrub(83_520)]


async def test_the_wheel_moves_through_bookmarks_and_devices() -> None:
    engine = ScriptedEngine(INCIDENT, PAUSED, DEVICES)
    app = PlayerApp(engine, clock=frozen_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        for at_ms in (10_000, 20_000):
            app.player.take(but(PAUSED, position_ms=at_ms))
            await pilot.press("b")
        for key, panel, pointed in (
            ("v", "#bookmarks", "▸  1    0:10.0"),
            ("d", "#devices", "▸ ○ Built-in Audio"),
        ):
            await pilot.press(key)
            await pilot.pause()
            place = app.player.query_one(panel).region
            for kind in (*[events.MouseScrollDown] * 3, events.MouseScrollUp):
                x, y = place.x + 5, place.y + 1
                app.post_message(kind(None, x, y, 0, 0, 0, False, False, False, x, y))
                await pilot.pause()
            assert pointed in screen_text(app)


async def test_the_picker_takes_clicks_and_the_wheel() -> None:
    app = PickerApp(PickerScreen(Source()))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.click("#list", offset=(8, 2))
        await pilot.pause()
        pointed = next(line for line in screen_text(app).splitlines() if "▸" in line)
        assert "+1 555 010 0150" in pointed
        await pilot.click("#list", offset=(8, 1), times=2)
        await pilot.pause()
    assert app.return_value == ROWS[1].id


async def test_the_playing_devices_delay_is_found_by_a_mark_that_lights_with_its_clicks() -> None:
    engine = ScriptedEngine(INCIDENT, PAUSED, DEVICES)
    app = PlayerApp(engine, clock=frozen_clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d", "plus", "minus", "plus")
        asked = [each for each in engine.requests if isinstance(each, AdjustOutputDelay)]
        assert asked == [AdjustOutputDelay(each) for each in (10, -10, 10)]
        click_s = time.monotonic() - 0.7
        app.player.take(but(DEVICES, output_delay_ms=180, click_s=click_s))
        await pilot.pause()
        assert "sound device, heard 180 ms later than it says  ·" in screen_text(app)
        lit = []
        while len(lit) < 2:
            await pilot.pause(0.02)
            at_s = time.monotonic()
            if "◉ click" in screen_text(app) and not (lit and at_s - lit[-1] < 0.5):
                lit.append(at_s)
        assert all((each - click_s) % 1.0 < 0.3 for each in lit)
        app.player.take(but(DEVICES, output_delay_ms=180))
        await pilot.pause(1.2)
        assert "later than it says ─" in screen_text(app)
