"""The hints of the first calls: one at a time, each until its key was used."""

from __future__ import annotations

from collections.abc import Collection

from callplayer.ui.first_run import HINTS, FirstRun
from callplayer.ui.key_profiles import remapped
from callplayer.ui.keymap import ACTIONS
from callplayer.ui.model.player import PlayerView, reduce
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.screens.player.config import ScreenConfig
from tests.rig.clock import SteppedClock
from tests.ui.scripted import (
    FROZEN_S,
    INCIDENT,
    PLAYING,
    ScriptedEngine,
    screen_text,
)
from tests.ui.talk import TALK


def view_of(*events: object) -> PlayerView:
    view = PlayerView()
    for event in events:
        view = reduce(view, event, FROZEN_S)  # type: ignore[arg-type]
    return view


CALL = view_of(PLAYING, *TALK)


def text(hints: FirstRun, view: PlayerView = CALL) -> str:
    notice = hints.hint(view)
    return notice.text if notice is not None else ""


def test_each_hint_goes_once_its_key_was_used_and_that_is_kept() -> None:
    kept: list[Collection[str]] = []
    hints = FirstRun(ACTIONS, (), kept.append)
    shown = []
    for name in HINTS:
        shown.append(text(hints))
        hints.use(name)
        hints.use(name)
    assert shown == [
        "Space plays and pauses.",
        "r says the last seconds again.",
        "/ finds what was said.",
        "? shows all keys.",
    ]
    assert text(hints) == ""
    assert len(kept) == len(HINTS)
    assert text(FirstRun(ACTIONS, kept[-1])) == ""
    assert text(FirstRun(ACTIONS, kept[0])) == shown[1]


def test_it_names_the_users_own_key_and_nothing_that_is_not_there() -> None:
    own = FirstRun(remapped({"toggle-pause": "F5"}), ())
    assert text(own) == "F5 plays and pauses."
    hints = FirstRun(ACTIONS, ("toggle-pause", "say-again"))
    assert text(hints, view_of(PLAYING)) == "? shows all keys.", "there are no words to search"
    assert text(hints, PlayerView()) == "", "there is no call yet"


def test_what_cannot_be_kept_does_not_matter() -> None:
    def full(_: Collection[str]) -> None:
        raise OSError(28, "No space left on device")

    hints = FirstRun(ACTIONS, (), full)
    hints.use("toggle-pause")
    assert text(hints).startswith("r says")


async def test_it_stands_where_a_notice_would_and_a_key_takes_it_away() -> None:
    likes = ScreenConfig(first_run=FirstRun(ACTIONS, ()))
    app = PlayerApp(ScriptedEngine(INCIDENT, PLAYING, *TALK), SteppedClock(), likes=likes)
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        assert "Space plays and pauses." in screen_text(app)
        await pilot.press("space")
        await pilot.pause(0.2)
        assert "Space plays" not in screen_text(app)
        assert "r says the last seconds again." in screen_text(app)
