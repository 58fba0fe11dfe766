"""Keys as data: what each action asks of the engine or the screen, and which keys ask for it.

The footer, the help and the README's table are all made from here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from callplayer.engine.messages import (
    AdjustGain,
    Mute,
    PartyState,
    Request,
    RetryNow,
    SeekBy,
    SetGain,
    Solo,
    Unmute,
    Unsolo,
)
from callplayer.ui import navigation
from callplayer.ui.model import PlayerView
from callplayer.ui.view import is_growing
from callplayer.wire import Scrub, ScrubToEnd

Ask = Callable[[PlayerView], Request | str]
"""Returns the request for the engine, or a note for the user why there is none."""


@dataclass(frozen=True)
class Action:
    """One thing a key can do.

    It has either a fixed `request`, an `ask` that makes one from the view, a `steer` rule of the
    way through the call, or the name of a method of the screen. Actions of one `topic` share a line
    of the help; `title` is what it does by itself, where the topic tells of several. `footer` is
    the short word that the footer shows, if any, and `footer_at_rest` the one while the call stands
    still.
    """

    name: str
    topic: str
    keys: tuple[str, ...]
    request: Request | None = None
    ask: Ask | None = None
    steer: navigation.Steer | None = None
    screen: str | None = None
    title: str = ""
    footer: str = ""
    footer_at_rest: str = ""


def _selected(view: PlayerView) -> PartyState | None:
    return next((p for p in view.state.parties if p.party == view.selected), None)


def _of_party(make: Callable[[PartyState], Request]) -> Ask:
    def ask(view: PlayerView) -> Request | str:
        party = _selected(view)
        return make(party) if party is not None else "There is no party to change yet."

    return ask


def _to_percent(percent: int) -> Ask:
    def ask(view: PlayerView) -> Request | str:
        if view.state.duration_ms <= 0:
            return "The length of the call is not known yet."
        if is_growing(view.state):
            return "Percent keys rest while the call goes on: its length still grows."
        return Scrub(view.state.duration_ms * percent // 100)

    return ask


def _mute(party: PartyState) -> Request:
    return Unmute(party.party) if party.muted else Mute(party.party)


def _solo(party: PartyState) -> Request:
    return Unsolo(party.party) if party.soloed else Solo(party.party)


ACTIONS: tuple[Action, ...] = (
    Action(
        "toggle-pause",
        "Play / pause",
        ("space", "k"),
        steer=navigation.toggle_pause,
        footer="pause",
        footer_at_rest="play",
    ),
    Action(
        "back-5s",
        "5 s back / ahead",
        ("left",),
        request=SeekBy(-5_000),
        footer="5 s",
        title="5 s back",
    ),
    Action(
        "forward-5s",
        "5 s back / ahead",
        ("right",),
        request=SeekBy(5_000),
        footer="5 s",
        title="5 s ahead",
    ),
    Action(
        "back-1s",
        "1 s back / ahead",
        ("comma", "shift+left"),
        request=SeekBy(-1_000),
        title="1 s back",
    ),
    Action(
        "forward-1s",
        "1 s back / ahead",
        ("full_stop", "shift+right"),
        request=SeekBy(1_000),
        title="1 s ahead",
    ),
    Action("back-10s", "10 s back / ahead", ("j",), request=SeekBy(-10_000), title="10 s back"),
    Action("forward-10s", "10 s back / ahead", ("l",), request=SeekBy(10_000), title="10 s ahead"),
    Action(
        "back-60s", "60 s back / ahead", ("pageup",), request=SeekBy(-60_000), title="60 s back"
    ),
    Action(
        "forward-60s",
        "60 s back / ahead",
        ("pagedown",),
        request=SeekBy(60_000),
        title="60 s ahead",
    ),
    Action("to-start", "To the start", ("home",), request=Scrub(0)),
    Action("to-end", "To the end / live", ("end",), request=ScrubToEnd(), footer="to end"),
    *(
        Action(
            f"to-{n}0-percent",
            "To 10 … 90 %",
            (str(n),),
            ask=_to_percent(n * 10),
            title=f"To {n}0 %",
        )
        for n in range(1, 10)
    ),
    Action("say-again", "Say again", ("r",), steer=navigation.say_again),
    Action("loop", "Loop: from, to, off", ("a",), steer=navigation.turn_loop),
    Action("undo-jump", "Undo the jump", ("u",), steer=navigation.undo_jump),
    Action("skip-silence", "Skip silence, or not", ("S",), screen="skip_silence"),
    Action("go-to", "Go to a time", ("t",), screen="go_to"),
    Action("point", "Point at a place", ("p",), screen="point"),
    Action("bookmark", "Bookmark; again: a note", ("b",), screen="bookmark", title="Bookmark here"),
    Action("bookmarks", "Bookmarks", ("v",), screen="toggle_bookmarks", title="List the bookmarks"),
    Action("cite", "Copy a citation", ("c",), screen="cite"),
    Action("search", "Search the words", ("slash",), screen="search"),
    Action("next-mark", "Next / last mark", ("n",), screen="next_mark", title="Next mark"),
    Action("last-mark", "Next / last mark", ("N",), screen="last_mark", title="Mark before"),
    Action("read", "Read in the words", ("w",), screen="read"),
    Action(
        "zoom-in", "Timeline closer / whole", ("plus",), screen="zoom_in", title="Timeline closer"
    ),
    Action(
        "zoom-out",
        "Timeline closer / whole",
        ("minus",),
        screen="zoom_out",
        title="Timeline farther",
    ),
    Action(
        "zoom-fit", "Timeline closer / whole", ("f",), screen="zoom_fit", title="Timeline whole"
    ),
    Action("retry-now", "Reconnect now", ("R",), request=RetryNow()),
    Action(
        "next-party",
        "Other party",
        ("tab",),
        screen="next_party",
        footer="party",
        title="Next party",
    ),
    Action("last-party", "Other party", ("shift+tab",), screen="last_party", title="Party before"),
    Action(
        "gain-up",
        "Volume ±1 dB",
        ("up",),
        ask=_of_party(lambda party: AdjustGain(1.0, party.party)),
        title="Volume +1 dB",
        footer="volume",
    ),
    Action(
        "gain-down",
        "Volume ±1 dB",
        ("down",),
        ask=_of_party(lambda party: AdjustGain(-1.0, party.party)),
        title="Volume −1 dB",
        footer="volume",
    ),
    Action(
        "gain-zero",
        "Volume 0 dB",
        ("equals_sign",),
        ask=_of_party(lambda party: SetGain(0.0, party.party)),
    ),
    Action("mute", "Mute the party", ("m",), ask=_of_party(_mute), footer="mute"),
    Action("solo", "Solo the party", ("s",), ask=_of_party(_solo), footer="solo"),
    Action("devices", "Sound device", ("d",), screen="toggle_devices"),
    Action("stats", "Statistics", ("i",), screen="toggle_stats", footer="stats"),
    Action("palette", "Find an action", ("ctrl+p",), screen="palette"),
    Action("theme", "Dark, light, contrast", ("y",), screen="next_theme"),
    Action("help", "Help", ("question_mark",), screen="toggle_help", footer="help"),
    Action("close", "Close this", ("escape",), screen="close_panels"),
    Action("quit", "Quit", ("q", "ctrl+c", "ctrl+q"), screen="quit", footer="quit"),
)

KEYS: dict[str, Action] = {key: action for action in ACTIONS for key in action.keys}
"""The keys of those who changed none."""

_KEY_NAMES = {
    "space": "Space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "comma": ",",
    "full_stop": ".",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "equals_sign": "=",
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "delete": "Del",
    "escape": "Esc",
}
_MODIFIERS = {"shift": "Shift", "ctrl": "Ctrl", "alt": "Alt"}
_FOOTER_ORDER = (
    ("toggle-pause",),
    ("help",),
    ("quit",),
    ("back-5s", "forward-5s"),
    ("next-party",),
    ("gain-up", "gain-down"),
    ("mute",),
    ("solo",),
    ("to-end",),
    ("stats",),
)
"""The most needed first: a narrow footer leaves out the last."""
_FOOTER_LAST = ("stats", "help", "quit")


def key_name(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    *modifiers, last = key.split("+")
    name = _KEY_NAMES.get(last) or _character(last) or (last.upper() if modifiers else last)
    return "+".join((*(_MODIFIERS[modifier] for modifier in modifiers), name))


def _character(key: str) -> str:
    """Return the sign of a key that is named in words, "" for any other; `f5` is F5."""
    if key[:1] == "f" and key[1:].isdigit():
        return key.upper()
    try:
        return unicodedata.lookup(key.replace("_", " ")) if len(key) > 1 else ""
    except KeyError:
        return ""


def by_key(actions: Iterable[Action]) -> dict[str, Action]:
    """Return which key asks for which action."""
    return {key: action for action in actions for key in action.keys}


def help_lines(actions: Sequence[Action] = ACTIONS) -> tuple[tuple[str, str], ...]:
    """Return (keys, what they do), one line a topic, in the order of the table."""
    return tuple((_compact(keys), topic) for topic, keys in _topics(actions).items() if keys)


def footer_items(
    actions: Sequence[Action] = ACTIONS, *, at_rest: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return (keys, word) for the footer, the most needed first."""
    named = {action.name: action for action in actions}
    items = []
    for names in _FOOTER_ORDER:
        first = named[names[0]]
        word = (first.footer_at_rest if at_rest else "") or first.footer
        keys = [named[name].keys[0] for name in names if named[name].keys]
        if keys:
            items.append(("".join(map(key_name, keys)), word))
    return tuple(items)


def footer_action(
    column: int, width: int, actions: Sequence[Action] = ACTIONS, *, at_rest: bool = False
) -> Action | None:
    """Return the action at a column of the footer; of two that share an item, by their keys.

    The word that two share stands for the second: ahead, down.
    """
    at = 0
    named = {action.name: action for action in actions}
    of_word = {
        word: [named[name] for name in names if named[name].keys]
        for names in _FOOTER_ORDER
        for word in (named[names[0]].footer, named[names[0]].footer_at_rest)
    }
    for keys, word in fitting_footer(width, actions, at_rest=at_rest):
        cells = len(keys) + 1 + len(word)
        if at <= column < at + cells:
            first, *_, last = (*of_word[word], *of_word[word])
            return first if column - at < len(key_name(first.keys[0])) else last
        at += cells + 2
    return None


def fitting_footer(
    width: int, actions: Sequence[Action] = ACTIONS, *, at_rest: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return the footer's items that fit in `width` cells, two blanks between them."""
    chosen: list[tuple[str, str]] = []
    used = 0
    for keys, word in footer_items(actions, at_rest=at_rest):
        cells = len(keys) + 1 + len(word) + 2
        if used + cells - 2 <= width:
            chosen.append((keys, word))
            used += cells
    last = [item for word in _FOOTER_LAST for item in chosen if item[1] == word]
    return (*(item for item in chosen if item not in last), *last)


def markdown_table() -> str:
    """Return the README's table of keys."""
    rows = [
        f"| {' '.join(f'`{key_name(key)}`' for key in keys)} | {topic} |"
        for topic, keys in _topics(ACTIONS).items()
    ]
    return "\n".join(["| Keys | What they do |", "| --- | --- |", *rows]) + "\n"


def _topics(actions: Iterable[Action]) -> dict[str, list[str]]:
    """Return the keys of each topic: every action's first key, then every action's second."""
    by_topic: dict[str, list[tuple[str, ...]]] = {}
    for action in actions:
        by_topic.setdefault(action.topic, []).append(action.keys)
    return {
        topic: [key for rank in zip_longest(*keys) for key in rank if key is not None]
        for topic, keys in by_topic.items()
    }


def _compact(keys: Sequence[str]) -> str:
    names = [key_name(key).replace("Shift+", "⇧").replace("Ctrl+", "^") for key in keys]
    return f"{names[0]} … {names[-1]}" if len(names) > 4 else " ".join(names)
