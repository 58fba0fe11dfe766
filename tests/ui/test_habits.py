"""What a user is used to: own keys, the palette, colours, the way back, the window's title."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from callplayer.ipc.messages import MakeAudible, RetryNow, SeekBy, StateEvent
from callplayer.ipc.news import EngineGone
from callplayer.ui import terminal
from callplayer.ui.key_profiles import remapped
from callplayer.ui.keymap import ACTIONS
from callplayer.ui.options import PickerRow, PlayerResult
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.picker import PickerApp, PickerScreen
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.settings import ScreenSettings
from callplayer.ui.theme import CONTRAST, DARK, LIGHT, THEMES
from tests.ui.scenes import PAUSED, SIZES, but
from tests.ui.scripted import FROZEN_S, INCIDENT, PLAYING, ScriptedEngine, screen_text
from tests.ui.talk import TALK


def scripted(likes: ScreenConfig, *more: Any) -> tuple[PlayerApp, ScriptedEngine]:
    engine = ScriptedEngine(INCIDENT, PLAYING, *more)
    return PlayerApp(engine, lambda: FROZEN_S, INCIDENT.id, likes), engine


async def test_own_keys_work_and_footer_and_help_show_them() -> None:
    actions = remapped({"profile": "otranscribe", "back-10s": "x"})
    app, engine = scripted(ScreenConfig(actions=actions))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1", "x", "j")
        await pilot.pause()
        assert "Esc pause" in screen_text(app)
        await pilot.press("question_mark")
        await pilot.pause()
        assert "60 s back / ahead" in screen_text(app)
        assert screen_text(app).count("F1 F2") == 2, "in the help and in the footer"
        await pilot.press("backspace")
        await pilot.pause()
        assert "60 s back / ahead" not in screen_text(app)
        await pilot.press("v")
        await pilot.pause()
        assert "Backspace close" in screen_text(app)
        await pilot.press("backspace", "p")
        await pilot.pause()
        assert "Backspace leave" in screen_text(app)
        await pilot.press("backspace")
        await pilot.pause()
        assert "leave" not in screen_text(app)
    assert engine.requests == [SeekBy(-5_000), SeekBy(-10_000)]


async def test_escape_closes_what_is_seen_first() -> None:
    app, _ = scripted(ScreenConfig())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p", "question_mark", "escape")
        await pilot.pause()
        assert "60 s back / ahead" not in screen_text(app)
        assert "←→ place" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "←→ place" not in screen_text(app)


async def test_the_key_that_reconnects_does_so_while_the_link_is_lost() -> None:
    lost = but(PLAYING, phase="reconnecting", advancing=False, detail="No answer.", lost_at_s=990.0)
    actions = remapped({"retry-now": "F9"})
    app, engine = scripted(ScreenConfig(actions=actions), but(lost, retry_at_s=1004.0))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "next try in 4 s. F9 tries at once." in screen_text(app)
        await pilot.press("f9")
    assert engine.requests == [RetryNow()]


@pytest.mark.parametrize("size", SIZES)
async def test_that_silence_is_skipped_is_seen_for_as_long_as_it_is(size: str) -> None:
    live = but(PLAYING, call_over=False)
    for state in (
        PLAYING,
        live,
        but(live, requested_ms=10_000),
        but(PLAYING, duration_ms=4_000_000),
    ):
        app, _ = scripted(ScreenConfig(), state)
        async with app.run_test(size=SIZES[size]) as pilot:
            await pilot.press("S")
            app.player.take(but(state, device="another"))
            await pilot.pause()
            assert "skips silence" in screen_text(app)
            await pilot.press("S")
            await pilot.pause()
            assert "skips silence" not in screen_text(app)


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_desktops_mixer_takes_away_is_said_with_the_key_that_undoes_it(
    size: str,
) -> None:
    app, engine = scripted(ScreenConfig(actions=remapped({"audible": "f9"})))
    async with app.run_test(size=SIZES[size]) as pilot:
        for level, lacks in (
            ({"desktop_muted": True, "desktop_percent": 20}, "muted"),
            ({"desktop_percent": 20}, "at 20 %"),
        ):
            app.player.take(but(PLAYING, **level))
            await pilot.pause()
            text = screen_text(app)
            assert f"The call is {lacks} in the desktop's mixer." in text
            assert "F9 undoes it." in text
            assert lacks in text.splitlines()[0]
            engine.requests.clear()
            await pilot.press("f9")
            assert engine.requests == [MakeAudible()]
            # A call at rest is quiet anyway: only the header says it.
            app.player.take(but(PAUSED, **level))
            await pilot.pause()
            assert "The call is" not in screen_text(app)
            assert lacks in screen_text(app).splitlines()[0]
        app.player.take(PLAYING)
        await pilot.pause()
        assert "desktop's mixer" not in screen_text(app)


async def test_the_palette_lists_every_action_with_its_key_and_does_what_is_chosen() -> None:
    app, engine = scripted(ScreenConfig())
    async with app.run_test(size=(120, 200)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause(0.5)
        text = screen_text(app)
        for action in ACTIONS:
            assert (action.title or action.topic) in text
        assert "Go to a time t" in " ".join(text.split())
        await pilot.press(*"60 s ahead")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.screen is app.player
    assert engine.requests == [SeekBy(60_000)]


async def test_the_palette_closes_and_the_call_goes_on_behind_it() -> None:
    app, _ = scripted(ScreenConfig())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause(0.3)
        app.player.take(but(PAUSED, position_ms=100_000))
        await pilot.press("escape")
        await pilot.pause(0.3)
        assert "▮▮ PAUSED" in screen_text(app)


async def test_colours_turn_round_and_are_remembered() -> None:
    kept: list[str] = []
    app, _ = scripted(ScreenConfig(theme="contrast", keep_theme=kept.append))
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.theme == "contrast"
        await pilot.press("y", "y", "y")
        await pilot.pause()
    assert kept == ["dark", "light", "contrast"]


async def test_colours_that_cannot_be_remembered_are_reported() -> None:
    def full(_name: str) -> None:
        raise OSError(28, "No space left on device")

    app, _ = scripted(ScreenConfig(keep_theme=full))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("y")
        await pilot.pause()
        assert "cannot be remembered: No space left" in screen_text(app)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("name", "tones", "least"),
    [("dark", DARK, 4.5), ("light", LIGHT, 4.5), ("contrast", CONTRAST, 7)],
)
def test_what_is_to_be_read_stands_out(name: str, tones: dict[str, str], least: float) -> None:
    """The contrast of WCAG 2: 4.5 to be read, 7 for high contrast; `past`, `faint` are no text."""
    ground = luminance(str(THEMES[name].background))
    for tone, colour in tones.items():
        if tone in ("faint", "past"):
            continue
        light, dark = max(luminance(colour), ground), min(luminance(colour), ground)
        assert (light + 0.05) / (dark + 0.05) >= least, tone


async def test_escape_goes_back_to_the_list_only_where_there_is_one() -> None:
    app, _ = scripted(ScreenConfig(can_go_back=True), *TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark", "escape", "slash", *"smoke", "enter", "escape")
        await pilot.pause()
        assert app.return_value is None
        await pilot.press("escape")
        await pilot.pause()
    assert app.return_value == PlayerResult(back=True)
    app, _ = scripted(ScreenConfig())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert app.return_value is None


@pytest.mark.parametrize("can_go_back", [True, False])
async def test_a_call_that_cannot_be_played_leads_back_to_the_list_if_there_is_one(
    can_go_back: bool,
) -> None:
    gone = EngineGone("There is no such incident.", "Check its id.", 4)
    app = PlayerApp(
        ScriptedEngine(gone), incident="i1", likes=ScreenConfig(can_go_back=can_go_back)
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    wanted = PlayerResult(4, "There is no such incident.", "Check its id.", back=can_go_back)
    assert app.return_value == wanted


@pytest.mark.parametrize("size", SIZES)
async def test_hidden_phone_numbers_are_nowhere_on_the_screen(size: str) -> None:
    app, _ = scripted(ScreenConfig(ScreenSettings(hide_phone=True)))
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.pause()
        assert "+• ••• ••• ••99" in screen_text(app)
        assert "0199" not in screen_text(app)


async def test_the_list_hides_phone_numbers_too() -> None:
    async def fetch() -> list[PickerRow]:
        return [PickerRow("i1", "today", "+15550100199", True)]

    app = PickerApp(PickerScreen(fetch, hide_phone=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "+• ••• ••• ••99" in screen_text(app)
        assert "0199" not in screen_text(app)


def test_the_title_shows_state_and_place_and_nothing_private() -> None:
    assert terminal.title(PLAYING, FROZEN_S) == "\x1b]0;▶ 1:23 / 4:32 callplayer\x07"
    assert terminal.title(StateEvent(phase="connecting"), 0.0) == (
        "\x1b]0;… connecting callplayer\x07"
    )


def test_progress_shows_how_far_and_whether_it_stands_still() -> None:
    assert terminal.progress(PLAYING, FROZEN_S) == "\x1b]9;4;1;31\x07"
    assert terminal.progress(PAUSED, FROZEN_S) == "\x1b]9;4;4;31\x07"
    assert terminal.progress(StateEvent(phase="connecting"), 0.0) == "\x1b]9;4;3;\x07"
    failed = but(PLAYING, phase="failed")
    assert terminal.progress(failed, FROZEN_S) == "\x1b]9;4;2;100\x07"


def test_progress_goes_only_to_terminals_that_take_it_for_progress() -> None:
    assert terminal.knows_progress({"TERM_PROGRAM": "ghostty"})
    assert terminal.knows_progress({"WT_SESSION": "1"})
    assert not terminal.knows_progress({"TERM_PROGRAM": "iTerm.app"})
    assert not terminal.knows_progress({})


def test_every_action_has_a_name_of_its_own_in_the_palette() -> None:
    names = [action.title or action.topic for action in ACTIONS]
    assert len(set(names)) == len(names)
    assert replace(ACTIONS[0]).name == "toggle-pause"
