"""The command palette: every action with its key, found by typing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from callplayer.ui.keymap import Action, key_name
from callplayer.ui.screens.player import PlayerScreen

PLACEHOLDER = "What do you want to do?"


class Actions(Provider):
    """All actions of the player's screen."""

    async def discover(self) -> Hits:
        """Give all of them while nothing is typed."""
        for action, text in self._named():
            yield DiscoveryHit(text, partial(self._act, action), help=action.name)

    async def search(self, query: str) -> Hits:
        """Give those that match what is typed."""
        matcher = self.matcher(query)
        for action, text in self._named():
            score = max(matcher.match(text), matcher.match(action.name))
            if score > 0:
                yield Hit(
                    score, matcher.highlight(text), partial(self._act, action), help=action.name
                )

    def _named(self) -> Iterator[tuple[Action, str]]:
        screen = self.screen
        if isinstance(screen, PlayerScreen):
            for action in screen.likes.actions:
                keys = " ".join(map(key_name, action.keys))
                yield action, f"{action.title or action.topic}   {keys}".rstrip()

    def _act(self, action: Action) -> None:
        screen = self.screen
        if isinstance(screen, PlayerScreen):
            screen.act(action)


def palette() -> CommandPalette:
    """Return a palette of all actions."""
    return CommandPalette([Actions], placeholder=PLACEHOLDER)
