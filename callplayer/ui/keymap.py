"""Keys as data: what each action is called and does, and which keys ask for it.

The help and the table of docs/keys.md are made from here, and the footer in `callplayer.ui.footer`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal

import msgspec

from callplayer.ipc.messages import EvenVolumes, MakeAudible, SeekBy
from callplayer.ui.actions import clip_rules, rules
from callplayer.ui.actions.outcome import Rule
from callplayer.ui.model import navigation
from callplayer.vendor.commands import Scrub, ScrubToEnd

FrontAction = Literal[
    "help", "stats", "devices", "bookmarks", "close", "quit",
    "suspend",
    "point", "zoom-in", "zoom-out", "zoom-fit", "read", "palette", "theme",
]  # fmt: skip
"""What a front end shows in a way of its own; only a screen has those of the second row."""


class Action(msgspec.Struct, frozen=True):
    """One thing a key can do.

    It has either a `rule`, the same for screen and plain mode, or is one of the `front` end's own.
    Actions of one `topic` share a line of the help; `title` is what it does by itself, where the
    topic covers several.
    """

    name: str
    topic: str
    keys: tuple[str, ...]
    rule: Rule | None = None
    front: FrontAction | None = None
    title: str = ""


_STEPS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (5, ("left",), ("right",)),
    (1, ("comma", "shift+left"), ("full_stop", "shift+right")),
    (10, ("j",), ("l",)),
    (60, ("pageup",), ("pagedown",)),
)
"""How far the steps go, in s, and the keys back and ahead."""

_SPEEDS = (
    ("slower", "left_square_bracket", False, False),
    ("faster", "right_square_bracket", True, False),
    ("half-speed", "left_curly_bracket", False, True),
    ("double-speed", "right_curly_bracket", True, True),
)
"""Names, keys, whether faster, and whether by half or double."""

ACTIONS: tuple[Action, ...] = (
    Action(
        "toggle-pause", "Play / pause", ("space", "k"), rule=rules.steers(navigation.toggle_pause)
    ),
    *(
        Action(
            f"{way}-{seconds}s",
            f"{seconds} s back / ahead",
            keys,
            rule=rules.sends(SeekBy(seconds * (1000 if way == "forward" else -1000))),
            title=f"{seconds} s {'ahead' if way == 'forward' else 'back'}",
        )
        for seconds, *both in _STEPS
        for way, keys in zip(("back", "forward"), both, strict=True)
    ),
    Action("to-start", "To the start", ("home",), rule=rules.sends(Scrub(0))),
    Action("to-end", "To the end / live", ("end",), rule=rules.sends(ScrubToEnd())),
    *(
        Action(
            f"to-{n}0-percent",
            "To 10 … 90 %",
            (str(n),),
            rule=rules.to_percent(n * 10),
            title=f"To {n}0 %",
        )
        for n in range(1, 10)
    ),
    Action("say-again", "Say again", ("r",), rule=rules.steers(navigation.say_again)),
    Action("loop", "Loop: start, end, off", ("a",), rule=rules.steers(navigation.turn_loop)),
    *(
        Action(
            name,
            "Half / double speed" if far else "Slower / faster",
            (key,),
            rule=rules.steers(navigation.change_speed(faster, far=far)),
            title=name.replace("-", " ").capitalize(),
        )
        for name, key, faster, far in _SPEEDS
    ),
    Action(
        "own-speed", "At its own speed", ("backspace",), rule=rules.steers(navigation.at_own_speed)
    ),
    Action("catch-up", "Catch up with live", ("C",), rule=rules.steers(navigation.catch_up)),
    Action("undo-jump", "Undo the jump", ("u",), rule=rules.steers(navigation.undo_jump)),
    Action("go-on", "Go on where it was left", ("enter",), rule=rules.go_on),
    Action("skip-silence", "Skip silence", ("S",), rule=rules.skip_silence),
    Action("go-to", "Go to a time", ("t",), rule=rules.go_to),
    Action("point", "Point at a place", ("p",), front="point"),
    Action(
        "bookmark", "Bookmark, its note", ("b",), rule=rules.set_bookmark, title="Bookmark here"
    ),
    Action("bookmarks", "Bookmarks", ("v",), front="bookmarks", title="List the bookmarks"),
    Action("cite", "Copy a citation", ("c",), rule=rules.cite),
    Action("clip", "Save a clip", ("x",), rule=clip_rules.save_clip),
    Action("search", "Search the transcript", ("slash",), rule=rules.search),
    Action(
        "next-mark",
        "Next / previous hit or bookmark",
        ("n",),
        rule=rules.mark_by(1),
        title="Next hit or bookmark",
    ),
    Action(
        "last-mark",
        "Next / previous hit or bookmark",
        ("N",),
        rule=rules.mark_by(-1),
        title="Previous hit or bookmark",
    ),
    Action("read", "Browse the transcript", ("w",), front="read"),
    Action("zoom-in", "Zoom in, out, whole", ("plus",), front="zoom-in", title="Timeline closer"),
    Action(
        "zoom-out",
        "Zoom in, out, whole",
        ("minus",),
        front="zoom-out",
        title="Timeline farther",
    ),
    Action("zoom-fit", "Zoom in, out, whole", ("f",), front="zoom-fit", title="Timeline whole"),
    Action("retry-now", "Reconnect now", ("R",), rule=rules.retry_now),
    Action("next-party", "Other party", ("tab",), rule=rules.next_party, title="Next party"),
    Action(
        "last-party", "Other party", ("shift+tab",), rule=rules.next_party, title="Party before"
    ),
    Action(
        "gain-up",
        "Volume ±1 dB",
        ("up",),
        rule=rules.turned(1.0),
        title="Volume +1 dB",
    ),
    Action(
        "gain-down",
        "Volume ±1 dB",
        ("down",),
        rule=rules.turned(-1.0),
        title="Volume −1 dB",
    ),
    Action("gain-zero", "Volume 0 dB", ("equals_sign",), rule=rules.gain_zero),
    Action("mute", "Mute the party", ("m",), rule=rules.mute),
    Action("solo", "Solo the party", ("s",), rule=rules.solo),
    Action("even", "Both equally loud", ("e",), rule=rules.sends(EvenVolumes())),
    Action("audible", "Undo desktop mute", ("X",), rule=rules.sends(MakeAudible())),
    Action("devices", "Sound device", ("d",), front="devices"),
    Action("stats", "Statistics", ("i",), front="stats"),
    Action("palette", "Find an action", ("ctrl+p",), front="palette"),
    Action("theme", "Theme", ("y",), front="theme"),
    Action("help", "Help", ("question_mark",), front="help"),
    Action("close", "Close this", ("escape",), front="close"),
    Action("suspend", "Suspend; fg comes back", ("ctrl+z",), front="suspend"),
    Action("quit", "Quit", ("q", "ctrl+c", "ctrl+q"), front="quit"),
)

_KEY_NAMES = {
    "space": "Space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "delete": "Del",
    "escape": "Esc",
    "enter": "Enter",
    "backspace": "Backspace",
}
_MODIFIERS = {"shift": "Shift", "ctrl": "Ctrl", "alt": "Alt"}


def key_name(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last) or _character(last) or (last.upper() if modifiers else last)
    return "+".join((*(_MODIFIERS[modifier] for modifier in modifiers), name))


def _character(key: str) -> str:
    """Return the sign of a key that is named in words, "" for any other; `f5` is F5."""
    if key[:1] == "f" and key[1:].isdigit():
        return key.upper()
    if key in _SIGNS:
        return _SIGNS[key]
    try:
        return unicodedata.lookup(key.replace("_", " ")) if len(key) > 1 else ""
    except KeyError:
        return ""


def character_key(character: str) -> str | None:
    """Return the name of the key that types a character; None for one that no key types."""
    if character.isalnum():
        return character
    if character == " ":
        return "space"
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name) if character.isprintable() and name else None


_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SIGNS = {
    name: sign
    for sign in map(chr, range(0x21, 0x7F))
    if not sign.isalnum() and (name := character_key(sign))
}


def by_key(actions: Iterable[Action]) -> dict[str, Action]:
    """Return which key asks for which action."""
    return {key: action for action in actions for key in action.keys}


def help_lines(actions: Sequence[Action] = ACTIONS) -> tuple[tuple[str, str], ...]:
    """Return (keys, what they do), one line a topic, in the order of the table."""
    return tuple((_compact(keys), topic) for topic, keys in by_topic(actions).items() if keys)


_GROUP_STARTS = {
    "toggle-pause": "play and move",
    "bookmark": "mark and find",
    "zoom-in": "the timeline",
    "retry-now": "link, parties and sound",
    "stats": "the program",
}
"""The first action of each group, and what the group is called."""


def help_groups(
    actions: Sequence[Action] = ACTIONS,
) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the lines of the help by groups, each with its title."""
    groups: dict[str, list[Action]] = {}
    title = ""
    for action in actions:
        title = _GROUP_STARTS.get(action.name, title)
        groups.setdefault(title, []).append(action)
    lines = ((title, help_lines(members)) for title, members in groups.items())
    return tuple((title, each) for title, each in lines if each)


def first_key(actions: Iterable[Action], name: str) -> str:
    """Return the first key of an action as it is printed; "" if it has none."""
    return next((key_name(each.keys[0]) for each in actions if each.name == name and each.keys), "")


def by_topic(actions: Iterable[Action]) -> dict[str, list[str]]:
    """Return the keys of each topic: every action's first key, then every action's second."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for action in actions:
        found.setdefault(action.topic, []).append(action.keys)
    return {
        topic: [key for rank in zip_longest(*keys) for key in rank if key is not None]
        for topic, keys in found.items()
    }


def _compact(keys: Sequence[str]) -> str:
    names = [key_name(key) for key in keys]
    for long, short in (("Shift+", "⇧"), ("Ctrl+", "^"), ("Backspace", "Bksp")):
        names = [name.replace(long, short) for name in names]
    if len(names) > 4 and names[0].isdigit():
        return f"{names[0]} … {names[-1]}"
    return " ".join(names[:4])  # what has more of them has each way twice in these
