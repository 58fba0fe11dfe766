"""Reads keys: which action one asks for, and what is to be said of the key itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from callplayer.text import plain_text
from callplayer.ui.keymap import Action, by_key, key_name


class KeyReader:
    """The keys of `actions`. A capital without an action of its own counts as small."""

    def __init__(
        self, actions: Sequence[Action], key_text: Callable[[str], str] = key_name
    ) -> None:
        """`key_text` writes a key."""
        self._keys = by_key(actions)
        self._text = key_text
        keys = next((each.keys for each in actions if each.name == "help"), ())
        self._help_key = key_text(keys[0]) if keys else ""
        self._said_of_capitals = False

    def action(self, key: str) -> Action | None:
        """Return the action of a key that was read; None if it has none."""
        return self._keys.get(key)

    def read(self, key: str, character: str, named: Collection[str] = ()) -> tuple[str, str]:
        """Return which key is meant, and a remark on it, or "".

        `character` is what the key typed, "" for one that was only named. That a capital means
        something else is said once: Caps Lock may be on without being seen. It is not said of the
        actions `named`, those that the user is asked for by name.
        """
        letter = character or (key if len(key) == 1 else "")
        is_letter = len(letter) == 1 and letter.isalpha()
        small = letter.lower() if is_letter else key
        capital = is_letter and letter != small
        # Esc and a letter that come at once are one key, with Alt: the letter counts.
        meant = small if is_letter and key not in self._keys else key
        if meant not in self._keys:
            return meant, self._nothing(key, character)
        if not capital or not character or self._said_of_capitals:
            return meant, ""
        own = self._keys.get(key)
        remark = "" if own is not None and own.name in named else self._of_capital(key, small)
        self._said_of_capitals = bool(remark)
        return meant, remark

    def _of_capital(self, key: str, small: str) -> str:
        own, other = self._keys.get(key), self._keys.get(small)
        if own is not None:
            if other is None or other is own:
                return ""
            return f"Is Caps Lock on? {key}: {_title(own)}; {small}: {_title(other)}."
        others = [
            each
            for each in self._keys
            if len(each) == 1 and each.isupper() and each.lower() in self._keys
        ]
        if not others:
            return ""
        return f"Caps Lock seems to be on: {', '.join(sorted(others))} mean something else."

    def _nothing(self, key: str, character: str) -> str:
        shown = character if character.strip() and character.isprintable() else self._text(key)
        shows = f" Help: {self._help_key}." if self._help_key else ""
        return f"{plain_text(shown, 20)} does nothing here.{shows}"


def _title(action: Action) -> str:
    return (action.title or action.topic).lower()
