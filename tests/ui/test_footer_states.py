"""The footer is true: what it names works, and what is important and works is named."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from callplayer.ipc.messages import StateEvent
from callplayer.ui.footer import footer_items
from callplayer.ui.model.player import without_answer
from callplayer.ui.player_app import PlayerApp
from callplayer.ui.widgets.lines import footer_row
from tests.ui.scenes import INCIDENT, LEVELS, PAUSED, PLAYING, SCENES, Scene, but
from tests.ui.scripted import ScriptedEngine, screen_text, strips_of
from tests.ui.talk import TALK

GROWING = but(PLAYING, call_over=False)
AT_END = but(
    PLAYING, phase="at-end", position_ms=272_000, audible_ms=272_000, at_end=True, advancing=False
)
AGAIN = StateEvent(
    phase="connecting", detail="The room server does not answer.", retry_at_s=1004.0, as_of_s=1000.0
)
LINES = ("going to a place", "searching as one types", "palette")
"""States in which letters are typed."""

STATES: dict[str, Scene] = {
    **{name: SCENES[name] for name in ("connecting", "reconnecting", "failed", "live", "help")},
    "connecting again": Scene((AGAIN,)),
    "playing": Scene((INCIDENT, LEVELS, PLAYING, *TALK)),
    "paused": Scene((INCIDENT, PAUSED)),
    "waiting for a device": SCENES["device-opening"],
    "behind live": Scene((INCIDENT, GROWING)),
    "at end": Scene((INCIDENT, AT_END)),
    "statistics": SCENES["stats"],
    "devices": SCENES["devices"],
    "devices not listed yet": Scene((INCIDENT, PLAYING), ("d",)),
    "bookmarks": SCENES["bookmarks"],
    "no bookmarks": Scene((INCIDENT, PLAYING), ("v",)),
    "search": SCENES["words-search"],
    "search of what is not said": Scene((INCIDENT, PLAYING, *TALK), ("slash", *"xyz", "enter")),
    "pointing": SCENES["pointing"],
    "reading": SCENES["words-read"],
    "going to a place": Scene((INCIDENT, PLAYING), ("t", "9")),
    "searching as one types": Scene((INCIDENT, PLAYING, *TALK), ("slash", *"smoke")),
    "palette": Scene((INCIDENT, PLAYING), ("ctrl+p",)),
}
IMPORTANT = ("space", "R", "question_mark", "q", "escape", "enter")


class Driven:
    """An application in one of the states, brought there anew once a key has led it elsewhere."""

    def __init__(self, app: PlayerApp, pilot: Pilot[Any], engine: ScriptedEngine) -> None:
        self.app, self.pilot, self.engine = app, pilot, engine

    def named(self) -> list[str]:
        """Return the keys that the footer names; they must stand on the screen as well."""
        footer = self.app.player.parts.footer
        assert footer.moment is not None
        items = footer_items(footer.moment, footer.size.width)
        assert screen_text(self.app).splitlines()[-1].strip() == "".join(
            text for text, _ in footer_row(items)
        )
        return [key for item in items for key in item.keys]

    def seen(self) -> tuple[object, ...]:
        strips = strips_of(self.app)
        drawn = [(part.text, part.style) for strip in strips for part in strip]
        return drawn, len(self.engine.requests), self.app.screen, self.app.return_value

    async def does_something(self, key: str) -> bool:
        """Press a key; return whether that did more than to say why it does nothing."""
        control = self.app.player.control
        control.view = without_answer(control.view)
        self.app.player.parts.draw_time()
        await self.pilot.pause()
        before = self.seen()
        await self.pilot.press(key)
        for _ in range(3):
            await self.pilot.pause()
        notice = self.app.player.view.notice
        refused = notice is not None and notice.answers
        refused = refused and (notice.tone == "hold" or "does nothing" in notice.text)
        return self.seen() != before and not refused

    async def is_back(self, named: list[str]) -> bool:
        """Return whether the footer names the same keys as before, if need be after Esc."""
        if self.app.return_value is None and self.named() != named:
            await self.pilot.press("escape")
            await self.pilot.pause()
        return self.app.return_value is None and self.named() == named


async def driven_by(state: str, size: tuple[int, int]) -> tuple[list[str], dict[str, bool]]:
    """Return the keys that the footer names, and which of these and the important ones work."""
    scene, named, works = STATES[state], [""], dict[str, bool]()
    while "" in named or not works.keys() >= {*named, *IMPORTANT}:
        engine = scene.engine()
        app = scene.app(engine=engine)
        async with app.run_test(size=size) as pilot:
            await pilot.press(*scene.keys)
            await pilot.pause(0.05)
            driven = Driven(app, pilot, engine)
            named = driven.named()
            for key in sorted(
                {*named, *IMPORTANT} - works.keys(), key=lambda key: (key == "q", key)
            ):
                works[key] = await driven.does_something(key)
                if not await driven.is_back(named):
                    break  # it has led elsewhere
    return named, works


def dead(named: list[str], works: dict[str, bool]) -> list[str]:
    """Return the keys that are named and do nothing; at the top of a list there is no way up."""
    at_top = {"up"} if works.get("down") else set()
    return [key for key in named if not works[key] and key not in at_top]


@pytest.mark.parametrize("state", STATES)
async def test_what_is_named_works_and_what_works_is_named(state: str) -> None:
    named, works = await driven_by(state, (80, 24))
    assert dead(named, works) == [], "named, but does nothing"
    important = {"enter", "escape"} if state in LINES else set(IMPORTANT)
    if state.startswith("connecting"):
        important.discard("space")  # there is no call to pause: it would only begin otherwise
    hidden = [key for key in sorted(important) if works[key] and key not in named]
    assert hidden == [], "does something, but is not named"


@pytest.mark.parametrize("state", ["search", "search of what is not said", "help"])
async def test_in_a_small_window_too(state: str) -> None:
    named, works = await driven_by(state, (60, 16))
    assert dead(named, works) == []
    wanted = {"search": {"n", "N", "escape"}, "help": {"up", "down", "escape"}}
    assert wanted.get(state, {"escape"}) <= set(named)


async def test_the_count_of_hits_stands_in_a_small_window() -> None:
    scene = STATES["search"]
    app = scene.app()
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press(*scene.keys)
        await pilot.pause()
        assert "nN 2 of 2  Esc end search" in screen_text(app)
        await pilot.press("n")
        assert "nN 1 of 2" in screen_text(app)
