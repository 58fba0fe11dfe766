"""A user's own keys: the `[keys]` table of config.toml over a profile over the defaults. Pure.

Raises UsageError, before any screen is up, for an action or a key that is none and for two actions
on one key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from callplayer.errors import UsageError
from callplayer.text import plain_text
from callplayer.ui.keymap import ACTIONS, Action, character_key, key_name

PROFILES: dict[str, dict[str, tuple[str, ...]]] = {
    "mpv": {},
    # oTranscribe's keys: Esc plays and pauses, F1 and F2 go back and ahead, F3 and F4 change the
    # speed. Backspace closes what Esc would.
    "otranscribe": {
        "toggle-pause": ("escape", "space", "k"),
        "back-5s": ("f1", "left"),
        "forward-5s": ("f2", "right"),
        "slower": ("f3", "left_square_bracket"),
        "faster": ("f4", "right_square_bracket"),
        "own-speed": ("backslash",),
        "close": ("backspace",),
    },
    # The right hand writes, or holds the telephone: all that is needed most is under the left one.
    # What stood on these keys is on the same ones with Shift, or on its others.
    "left-hand": {
        "toggle-pause": ("space", "s", "k"),
        "back-5s": ("a", "left"),
        "forward-5s": ("d", "right"),
        "back-1s": ("z", "comma", "shift+left"),
        "forward-1s": ("x", "full_stop", "shift+right"),
        "back-10s": ("q", "j"),
        "forward-10s": ("e", "l"),
        "gain-up": ("f", "up"),
        "gain-down": ("v", "down"),
        "mute": ("g", "m"),
        "solo": ("G",),
        "loop": ("c",),
        "cite": ("C",),
        "bookmarks": ("V",),
        "devices": ("D",),
        "zoom-fit": ("F",),
        "catch-up": ("T",),
        "clip": ("W",),
        "even": ("E",),
        "quit": ("Q", "ctrl+c", "ctrl+q"),
    },
}
NEEDED = ("quit", "help")
MAX_KEYS = 8
FIXED = {"ctrl+c": "quit", "ctrl+q": "quit", "ctrl+z": "suspend"}
"""Keys that do the same wherever one is: no other action can have them."""

_PRINTED = {
    "space": "space",
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "←": "left",
    "→": "right",
    "↑": "up",
    "↓": "down",
}
_NAMED = frozenset(
    (
        *("space", "escape", "enter", "tab", "backspace", "delete", "insert"),
        *("home", "end", "pageup", "pagedown", "left", "right", "up", "down"),
        *(f"f{number}" for number in range(1, 25)),
    )
)
_MODIFIERS = ("ctrl", "alt", "shift")


def remapped(table: Mapping[str, Any]) -> tuple[Action, ...]:
    """Return all actions with the keys that a `[keys]` table gives them.

    `profile` names a set to begin with; every other entry is an action's name and its keys, one
    text or a list (none: the action has no key).
    """
    profile = table.get("profile", "mpv")
    if not isinstance(profile, str) or profile not in PROFILES:
        raise UsageError(
            f"[keys] has no profile {plain_text(str(profile), 40)!r}.",
            f"Choose {' or '.join(PROFILES)}.",
        )
    wanted: dict[str, tuple[str, ...]] = dict(PROFILES[profile])
    names = {action.name for action in ACTIONS}
    for name, keys in table.items():
        if name == "profile":
            continue
        if name not in names:
            raise UsageError(
                f"[keys] names {plain_text(name, 40)!r}, which is no action.",
                "`callplayer keys` lists them.",
            )
        wanted[name] = _keys(name, keys)
    actions = tuple(
        replace(action, keys=wanted.get(action.name, action.keys)) for action in ACTIONS
    )
    return _checked(actions, set(wanted))


def key_of(text: str) -> str | None:
    """Return a key's name, for `x`, `X`, `?`, `F5`, `PgUp`, `Ctrl+X`, `full_stop`; None for none.

    A capital letter is that letter with Shift.
    """
    if len(text) == 1:
        return _PRINTED.get(text) or character_key(text)
    *modifiers, last = text.split("+") if not text.endswith("+") else (*text[:-2].split("+"), "+")
    modifiers = [modifier.strip().lower() for modifier in modifiers]
    if any(modifier not in _MODIFIERS for modifier in modifiers):
        return None
    last = last.strip()
    small = last.lower()
    name = _PRINTED.get(small, small)
    if name not in _NAMED:
        named = character_key(last.lower()) if len(last) == 1 else _spelt(small)
        if named is None or (modifiers == ["shift"] and not named.isalpha()):
            return None
        name = named
    if modifiers == ["shift"] and len(name) == 1:
        return name.upper()
    return "+".join((*modifiers, name))


def table_lines(actions: Sequence[Action]) -> list[str]:
    """Return a line an action: its name, its keys, what it does."""
    name_cells = max(len(action.name) for action in actions)
    keys = [" ".join(key_name(key) for key in action.keys) or "—" for action in actions]
    key_cells = max(map(len, keys))
    return [
        f"{action.name:<{name_cells}}  {shown:<{key_cells}}  {action.title or action.topic}"
        for action, shown in zip(actions, keys, strict=True)
    ]


def _spelt(name: str) -> str | None:
    """Return a key that is spelt out as the program names it, such as `full_stop`."""
    spelt = {character_key(chr(code)) for code in range(0x21, 0x7F)}
    return name if name in spelt else None


def _keys(name: str, value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise UsageError(
            f"The keys of {name} are no keys.", 'Write "x", or a list such as ["x", "F5"].'
        )
    keys = []
    for each in listed:
        key = key_of(each) if isinstance(each, str) and each else None
        if key is None:
            raise UsageError(
                f"[keys] gives {name} {plain_text(str(each), 40)!r}, which is no key.",
                'Keys are written as in "x", "X", "?", "F5", "Ctrl+X", "Shift+Left", "PgUp".',
            )
        if FIXED.get(key, name) != name:
            raise UsageError(
                f"[keys] gives {name} {key_name(key)}, which always is {FIXED[key]}.",
                f"Give {name} another key.",
            )
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def _checked(actions: tuple[Action, ...], chosen: set[str]) -> tuple[Action, ...]:
    """Let a chosen key go before a default one; refuse two choices of one key."""
    owners: dict[str, str] = {}
    for action in actions:
        for key in action.keys if action.name in chosen else ():
            if key in owners:
                raise UsageError(
                    f"[keys] gives {key_name(key)} to {owners[key]} and to {action.name}.",
                    "Give one of them another key.",
                )
            owners[key] = action.name
    free = tuple(
        action
        if action.name in chosen
        else replace(action, keys=tuple(key for key in action.keys if key not in owners))
        for action in actions
    )
    for action in free:
        if not action.keys and action.name in NEEDED:
            raise UsageError(f"[keys] leaves no key to {action.name}.", f"Give {action.name} one.")
    return free
