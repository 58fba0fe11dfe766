"""Moving about in the call: keys pressed, what the engine is asked, what the screen shows."""

from __future__ import annotations

from pathlib import Path

from callplayer.ui.model.format import clock_text
from tests.ui.live import Session, player


async def ready(session: Session, clock: str = "1:23.4") -> None:
    await session.until_text("▸ Caller")
    await session.until(lambda: session.shows_clock(clock))


async def test_say_again_goes_further_with_each_press_and_undo_comes_back(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await ready(session)
        await session.pilot.press("r", "r", "r")
        await session.until_text("The last 6 s again.")
        await session.until_text("▶ PLAYING")
        await session.pilot.press("space", "u")
        await session.until_text("Back to 1:23.4.")
        await session.until(lambda: session.shows_clock("1:23.4"))
    scrubs = [line for line in session.requests() if "seek-to" in line]
    assert scrubs == [
        f'{{"cmd":"seek-to","position_ms":{ms}}}' for ms in (81_400, 79_400, 77_400, 83_400)
    ]


async def test_go_to_shows_what_it_would_do_and_does_it(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await ready(session)
        await session.pilot.press("t")
        await session.until_text("Go to: ▏")
        await session.pilot.press(*"2:00")
        await session.until_text("→ 2:00.0   10:32:00 UTC")
        await session.pilot.press("enter")
        await session.until(lambda: session.shows_clock("2:00.0"))
        assert "Go to:" not in session.text
        await session.pilot.press("t", *"@10:31:00", "enter")
        await session.until(lambda: session.shows_clock("1:00.0"))
        await session.pilot.press("t", *"nowhere", "enter")
        await session.until_text("That is no place in the call.")
        await session.pilot.press("t", *"5", "escape", "u")
        await session.until_text("Back to")
    assert session.requests()[:2] == [
        f'{{"cmd":"seek-to","position_ms":{ms}}}' for ms in (120_000, 60_000)
    ]


async def test_keys_are_letters_while_a_line_is_typed(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await ready(session)
        await session.pilot.press("t", "m", "q", "space", "k", "ctrl+u", "escape", "m")
        await session.until_text("M MUTED")
    assert [line for line in session.requests() if "quit" not in line] == [
        '{"cmd":"mute","callerType":"caller"}'
    ]


async def test_a_loop_is_asked_of_the_engine_until_it_is_off(tmp_path: Path) -> None:
    async with player(tmp_path, "--playing", "--position-ms=21000") as session:
        await session.until_text("▶ PLAYING")
        await session.pilot.press("a")
        await session.until_text("Loop from 0:2")
        await session.pilot.pause(0.9)
        await session.pilot.press("a")
        await session.until_text("Loop 0:2")
        await session.until(lambda: any("set-loop" in line for line in session.requests()), "loop")
        assert "A" in session.text
        await session.pilot.press("a")
        await session.until_text("The loop is off.")
        await session.until(lambda: '{"cmd":"end-loop"}' in session.requests(), "its end")


async def test_going_on_steps_back_from_where_it_was_paused_only(tmp_path: Path) -> None:
    async with player(tmp_path, "--playing") as session:
        await session.until_text("▶ PLAYING")
        await session.pilot.press("space")
        await session.until_text("▮▮ PAUSED")
        await session.pilot.press("space")
        await session.until_text("▶ PLAYING")
        await session.pilot.press("space")
        await session.until_text("▮▮ PAUSED")
        await session.pilot.press("left", "space")
        await session.until_text("▶ PLAYING")
    asked = [line for line in session.requests() if "quit" not in line]
    toggle, back = '{"cmd":"toggle-pause"}', '{"cmd":"seek-by","offset_ms":-1000}'
    assert asked == [
        *(toggle, back, toggle),
        *(toggle, '{"cmd":"seek-by","offset_ms":-5000}', toggle),
    ]


async def test_the_keys_point_at_a_place_show_of_it_and_go_there(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await ready(session)
        await session.pilot.press("p")
        await session.until_text("↓1:23.4  10:31:23 UTC")
        await session.until_text("←→ place  Enter go there  Esc leave  Space play")
        column_ms = 272_000 / (session.app.player.parts.timeline.size.width - 1)
        place_ms = 83_400
        for key, columns in (("right", 1), ("shift+right", 5), ("pagedown", 10), ("left", -1)):
            await session.pilot.press(key)
            place_ms = round(place_ms + columns * column_ms)
            await session.until_text(f"↓{clock_text(place_ms, 272_000)}")
        await session.pilot.press("space")
        await session.until_text("▶ PLAYING")
        await session.pilot.press("space", "enter")
        await session.until(lambda: session.shows_clock(clock_text(place_ms, 272_000)))
        await session.until(lambda: "↓" not in session.text.split("─ transcript")[0])
        await session.pilot.press("p", "home", "escape", "right")
        await session.until(lambda: "↓" not in session.text.split("─ transcript")[0])
    asked = [line for line in session.requests() if "pause" not in line]
    assert asked[:2] == [
        f'{{"cmd":"seek-to","position_ms":{place_ms}}}',
        '{"cmd":"seek-by","offset_ms":5000}',
    ]


async def test_what_is_pointed_at_stays_in_sight_of_a_closer_look(tmp_path: Path) -> None:
    async with player(tmp_path) as session:
        await ready(session)
        await session.pilot.press("plus", "plus", "plus", "p", *["pagedown"] * 12)
        place_ms = session.app.player.parts.pointer.point_ms
        assert place_ms is not None
        await session.until_text(clock_text(place_ms, 272_000))
        assert session.app.player.parts.timeline.span.holds(place_ms)
        assert not session.app.player.parts.timeline.span.holds(83_400)
        await session.pilot.press("escape")
        await session.until(lambda: session.app.player.parts.timeline.span.holds(83_400))
