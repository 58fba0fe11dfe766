"""The command palette: every action with its key, found by typing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from callplayer.ui.keymap import Action, key_name

PLACEHOLDER = "What do you want to do?"


def palette(actions: Sequence[Action], act: Callable[[Action], None]) -> CommandPalette:
    """Return a palette of `actions`; `act` does the one that is chosen."""

    titles = [action.title or action.topic for action in actions]
    title_cells = max(map(len, titles)) + 2

    def named() -> Iterator[tuple[Action, str]]:
        for action, title in zip(actions, titles, strict=True):
            keys = " ".join(map(key_name, action.keys))
            yield action, f"{title:<{title_cells}}{keys}".rstrip()

    class Actions(Provider):
        async def discover(self) -> Hits:
            """Give all of them while nothing is typed."""
            for action, text in named():
                yield DiscoveryHit(text, partial(act, action))

        async def search(self, query: str) -> Hits:
            """Give those that match what is typed."""
            matcher = self.matcher(query)
            for action, text in named():
                score = max(matcher.match(text), matcher.match(action.name))
                if score > 0:
                    shown = matcher.highlight(text)
                    yield Hit(score, shown, partial(act, action))

    return CommandPalette([Actions], placeholder=PLACEHOLDER)
