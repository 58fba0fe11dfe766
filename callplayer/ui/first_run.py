"""The hints of the first calls: one line each, gone once its key was used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence

from callplayer.ui.keymap import Action, first_key
from callplayer.ui.model.player import Notice, PlayerView

HINTS = {
    "toggle-pause": "{key} plays and pauses.",
    "say-again": "{key} says the last seconds again.",
    "search": "{key} finds what was said.",
    "help": "{key} shows all keys.",
}
"""Actions, and what their keys do, in the order in which they are shown."""


class FirstRun:
    """What is still to be hinted at; `keep` keeps which actions were used, it may raise OSError."""

    def __init__(
        self,
        actions: Sequence[Action] = (),
        used: Collection[str] = tuple(HINTS),
        keep: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._keys = {name: first_key(actions, name) for name in HINTS}
        self._used = set(used)
        self._keep = keep

    def use(self, name: str) -> None:
        """Note that an action was used; a hint that cannot be kept off comes again next time."""
        if name in HINTS and name not in self._used:
            self._used.add(name)
            with contextlib.suppress(OSError):
                self._keep(sorted(self._used & HINTS.keys()))

    def hint(self, view: PlayerView) -> Notice | None:
        """Return the hint to show where there is nothing else to say."""
        if view.failure is not None or view.state.phase in ("connecting", "reconnecting", "failed"):
            return None
        for name, text in HINTS.items():
            is_of_use = name != "search" or bool(view.script)
            if name not in self._used and self._keys[name] and is_of_use:
                return Notice(text.format(key=self._keys[name]), tone="dim")
        return None
