"""The transcript pane: it follows, it is searched, it is read, and it stays quick."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from callplayer.ipc.messages import AdjustGain, TranscriptEvent, WordsEvent
from callplayer.ui.actions.rules import search_for
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.player.config import ScreenConfig
from callplayer.ui.widgets.transcript import TranscriptPane
from callplayer.vendor.commands import Scrub
from tests.rig.call_count import calls_of
from tests.ui.scenes import SIZES, Scene, but
from tests.ui.scripted import FROZEN_S, INCIDENT, PLAYING, ScriptedEngine, screen_text, strips_of
from tests.ui.talk import TALK, events_of, long_talk, word


def scripted(*more: WordsEvent) -> tuple[PlayerApp, ScriptedEngine]:
    engine = ScriptedEngine(INCIDENT, PLAYING, *more)
    return PlayerApp(engine, lambda: FROZEN_S, INCIDENT.id, ScreenConfig()), engine


def lit(app: PlayerApp) -> list[str]:
    """Return the words that are drawn as heard now."""
    lit = app.get_component_styles("tone--lit").rich_style
    return [each.text for strip in strips_of(app) for each in strip if each.style == lit]


def line_of_marks(app: PlayerApp) -> str:
    return next(line for line in screen_text(app).splitlines() if "◆" in line)


async def test_the_word_that_is_heard_is_lit_and_no_other() -> None:
    app, _ = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert lit(app) == ["out"]
        for at_ms, wanted in ((82_200, ["There"]), (82_450, ["is"]), (88_650, ["am", "Please"])):
            app.player.take(but(PLAYING, audible_ms=at_ms))
            await pilot.pause()
            assert lit(app) == wanted
        app.player.take(but(PLAYING, audible_ms=87_000))
        await pilot.pause()
        assert lit(app) == []


@pytest.mark.parametrize("size", SIZES)
async def test_the_line_that_is_heard_is_in_sight_at_every_size(size: str) -> None:
    app, _ = scripted(*TALK)
    async with app.run_test(size=SIZES[size]) as pilot:
        for at_ms in (103_300, 70_300, 91_600, 98_000):
            app.player.take(but(PLAYING, position_ms=at_ms, audible_ms=at_ms))
            await pilot.pause()
            assert len(lit(app)) == 1, screen_text(app)


async def test_speakers_differ_without_colour_and_unsure_words_are_marked() -> None:
    app, _ = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        lines = screen_text(app).splitlines()
        caller = next(line for line in lines if "the house on" in line)
        taker = next(line for line in lines if "exactly what" in line)
        assert "CALLER     ┃ It's" in caller
        assert "1:18 Call taker ┊ 42" in taker
        assert taker.index("1:18") == caller.index("1:13")
        assert "~Maple" in caller
        assert "~Street" not in caller


async def test_a_call_without_words_says_so_in_their_place() -> None:
    app, _ = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        app.player.take(TranscriptEvent(state="none", detail="This call has no transcript."))
        await pilot.pause()
        assert "This call has no transcript." in screen_text(app)


async def test_words_that_come_later_are_drawn_and_corrections_are_drawn() -> None:
    app, _ = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.player.take(WordsEvent(words=(word(83.0, "fir"), word(83.4, "her"))))
        await pilot.pause()
        assert "fir her" in screen_text(app)
        app.player.take(WordsEvent(words=(word(83.0, "fire"),)))
        await pilot.pause()
        assert "┃ fire" in screen_text(app)
        assert "her" not in screen_text(app).split("─ transcript")[1]


async def test_search_goes_along_as_one_types_and_n_goes_on() -> None:
    app, engine = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"smo")
        await pilot.pause()
        assert "2 times" in screen_text(app)
        assert "“smo” 2 of 2" in screen_text(app)
        assert "┃" in line_of_marks(app), "the hit that Enter goes to is thick"
        await pilot.press(*"ke", "enter")
        await pilot.press("n", "N", "n")
        await pilot.pause()
        assert "“smoke” 1 of 2" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "“smoke”" not in screen_text(app)
        assert "┃" not in line_of_marks(app)
    second, first = Scrub(99_800), Scrub(82_200)
    assert engine.requests == [second, first, second, first]


async def test_search_that_is_left_changes_nothing() -> None:
    app, engine = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"reason", "escape")
        await pilot.pause()
        assert lit(app) == ["out"]
        assert "reason”" not in screen_text(app)
        await pilot.press("slash", *"ambulance")
        await pilot.pause()
        assert "not said" in screen_text(app)
        await pilot.press("enter", "n")
        await pilot.pause()
        assert "That is not said in this call." in screen_text(app)
    assert engine.requests == []


async def test_the_pane_follows_again_once_a_hit_is_heard() -> None:
    app, _ = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"house?", "enter")
        await pilot.pause()
        assert "not following" in screen_text(app)
        app.player.take(but(PLAYING, audible_ms=93_000))
        await pilot.pause()
        assert "not following" not in screen_text(app)
        assert app.player.parts.words.follows


async def test_a_word_is_read_with_the_arrows_and_heard_with_enter() -> None:
    app, engine = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("w")
        await pilot.pause()
        assert "Enter to hear" in screen_text(app)
        await pilot.press("up", "right", "right", "enter")
        await pilot.press("left", "left", "left", "enter", "end", "enter", "home", "enter")
        await pilot.press("escape", "up")
        await pilot.pause()
        assert "Enter to hear" not in screen_text(app)
    scrubs = [request for request in engine.requests if isinstance(request, Scrub)]
    assert scrubs == [Scrub(78_500), Scrub(76_100), Scrub(102_700), Scrub(69_700)]
    assert len(engine.requests) == 5, "the last arrow is a volume again"


@pytest.mark.parametrize("found", [False, True], ids=["read", "found"])
async def test_what_is_read_or_was_found_stays_in_sight_in_a_window_of_another_size(
    found: bool,
) -> None:
    app, _ = scripted(*long_talk(3_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        keys = ("slash", *"word1234", "enter") if found else ("w", *["pagedown"] * 9, "down")
        await pilot.press(*keys)
        await pilot.pause()
        words = app.player.parts.words
        wanted = "word1234" if found else "word" + str(_word_number(words))
        for size in ((60, 16), (140, 40), (80, 24), (70, 17)):
            assert wanted in screen_text(app).split()
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert wanted in screen_text(app).split()


def _word_number(words: TranscriptPane) -> int:
    assert words.pointed is not None
    utterance, word_at = words.pointed
    return utterance * 25 + word_at


async def test_words_may_be_corrected_while_they_are_read() -> None:
    app, engine = scripted(
        WordsEvent(words=(word(80.0, "Hello"),)),
        WordsEvent(words=(word(83.0, "fir"), word(83.4, "her"), word(90.0, "now"))),
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("w", "right")
        app.player.take(WordsEvent(words=(word(83.0, "fire"),)))
        await pilot.press("enter", "right", "down", "left", "up", "enter", "escape")
        await pilot.pause()
        assert app.return_code is None
    assert engine.requests == [Scrub(82_500), Scrub(79_500)]


async def test_why_there_are_no_words_is_reported() -> None:
    app, _ = scripted()
    async with app.run_test(size=(80, 24)) as pilot:
        for state, shown in (
            ("none", "This call has no transcript."),
            ("open", "No words of this call have come."),
            ("reconnecting", "The transcript is out of reach"),
        ):
            app.player.take(TranscriptEvent(state=state))
            for key in ("slash", "w"):
                await pilot.press(key)
                await pilot.pause()
                assert shown in screen_text(app)
                await pilot.press("y")  # another note


async def test_reading_and_searching_take_the_place_of_a_panel() -> None:
    app, _ = scripted(*TALK)
    async with app.run_test(size=(80, 24)) as pilot:
        for key, seen in (("w", "Enter to hear"), ("slash", "Search: "), ("p", "←→ place")):
            await pilot.press("question_mark")
            await pilot.pause()
            assert "Play / pause" in screen_text(app)
            await pilot.press(key)
            await pilot.pause()
            assert seen in screen_text(app)
            assert "Play / pause" not in screen_text(app)
            await pilot.press("escape")


async def test_in_a_window_without_room_for_words_reading_is_no_mode() -> None:
    app, engine = scripted(*TALK)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("i", "w")
        await pilot.pause()
        assert "There is no room for the words" in screen_text(app)
        await pilot.press("up")
    assert engine.requests == [AdjustGain(1.0, "caller")]


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_on_a_word_goes_to_half_a_second_before_it(size: str) -> None:
    app, engine = scripted(*TALK)
    async with app.run_test(size=SIZES[size]) as pilot:
        await pilot.pause()
        pane = app.player.parts.words
        lines = screen_text(app).splitlines()
        y = next(y for y, line in enumerate(lines) if "smoke coming" in line)
        x = lines[y].index("smoke") + 2
        await pilot.click(TranscriptPane, offset=(x - pane.region.x, y - pane.region.y))
        await pilot.pause()
    assert engine.requests == [Scrub(82_200)]


HARM = (
    "[bold]x[/]",
    "\x1b[2J",
    "\u202eabc",
    "🚒🚒",
    "ראשון",
    "e\u0301\u0301\u0301",
    "👩\u200d🚒",
    "消防車",
)


async def test_words_of_every_script_are_drawn_harmless_and_in_their_place() -> None:
    words = tuple(word(70 + 0.4 * n, text) for n, text in enumerate(HARM * 6))
    app, _ = scripted(WordsEvent(words=words))
    async with app.run_test(size=(80, 24)) as pilot:
        for at_ms in range(70_000, 92_000, 2_000):
            app.player.take(but(PLAYING, audible_ms=at_ms))
            await pilot.pause()
            text = screen_text(app)
            assert not set(text) & {"\x1b", "\u202e"}
            for strip in strips_of(app):
                assert strip.cell_length == 80
        assert "[bold]x[/]" in text


async def test_three_hours_of_words_cost_a_key_no_more_than_a_few_minutes() -> None:
    few, many = [await _calls_of_keys(count) for count in (3_000, 30_000)]
    assert few.keys() == many.keys()
    for key, calls in few.items():
        assert many[key] < 1.5 * calls, key


async def _calls_of_keys(words: int) -> dict[str, int]:
    """Return what each key and each search costs, drawn once."""
    app, _ = scripted(*long_talk(words))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        player = app.player

        def calls(work: Callable[[], None]) -> int:
            work()  # what is made once is made
            return calls_of(lambda: (work(), strips_of(app)))

        await pilot.press("w")
        keys = ("down", "up", "pagedown", "pageup", "right", "end", "home")
        moves = {key: calls(partial(player.parts.words.move, key)) for key in keys}
        await pilot.press("escape", "slash")
        typed = ("word1234", "word299")
        return moves | {
            text: calls(partial(player.control.do, partial(search_for, text))) for text in typed
        }


async def test_speech_at_the_live_end_is_reported_while_an_earlier_place_is_heard() -> None:
    live = but(PLAYING, call_over=False, duration_ms=109_000)
    app = Scene((INCIDENT, live, *TALK)).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.player.take(WordsEvent(words=(word(108.0, "Hello?"),)))
        await pilot.pause()
        assert "● Caller speaks" in screen_text(app)


async def test_at_the_live_end_no_speaker_is_announced() -> None:
    live = but(PLAYING, phase="live", call_over=False, duration_ms=109_000, audible_ms=108_900)
    app = Scene((INCIDENT, live, *TALK)).app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.player.take(WordsEvent(words=(word(108.0, "Hello?"),)))
        await pilot.pause()
        assert "speaks" not in screen_text(app)


async def test_silence_is_skipped_while_that_is_asked_for() -> None:
    app, engine = scripted(*events_of([word(80.0, "one"), word(120.0, "two")]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("S")
        await pilot.pause(0.3)
        assert engine.requests == [Scrub(119_500)]
        assert "36 s of silence skipped." in screen_text(app)
        await pilot.press("S")
        await pilot.pause()
        assert "Silence is played again." in screen_text(app)
