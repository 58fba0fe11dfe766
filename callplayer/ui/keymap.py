"""Keys as data: what each action asks of the engine or the screen, and which keys ask for it.

The help and the table of docs/keys.md are made from here, and the footer in `callplayer.ui.footer`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from callplayer.ipc.messages import (
    AdjustGain,
    Mute,
    PartyState,
    Request,
    RetryNow,
    SeekBy,
    SetPartyGain,
    Solo,
    Unmute,
    Unsolo,
)
from callplayer.ui.model import navigation
from callplayer.ui.model.format import is_growing
from callplayer.ui.model.player import PlayerView
from callplayer.vendor.commands import Scrub, ScrubToEnd

Ask = Callable[[PlayerView], Request | str]
"""Returns the request for the engine, or a note for the user why there is none."""


@dataclass(frozen=True)
class Action:
    """One thing a key can do.

    It has either a fixed `request`, an `ask` that makes one from the view, a `steer` rule of the
    way through the call, or the name of a method of the screen. Actions of one `topic` share a line
    of the help; `title` is what it does by itself, where the topic covers several.
    """

    name: str
    topic: str
    keys: tuple[str, ...]
    request: Request | None = None
    ask: Ask | None = None
    steer: navigation.Steer | None = None
    screen: str | None = None
    title: str = ""


def _selected(view: PlayerView) -> PartyState:
    return next(p for p in view.state.parties if p.party == view.selected)


def _of_party(make: Callable[[PartyState], Request]) -> Ask:
    return lambda view: make(_selected(view))


def _to_percent(percent: int) -> Ask:
    def ask(view: PlayerView) -> Request | str:
        if view.state.duration_ms <= 0:
            return "The length of the call is not known yet."
        if is_growing(view.state):
            return "Percent keys rest while the call goes on: its length still grows."
        return Scrub(view.state.duration_ms * percent // 100)

    return ask


def _retry(view: PlayerView) -> Request | str:
    if view.offer.is_ready:
        return RetryNow()
    if view.offer.notice:
        return "There is no real room to go to yet."
    if view.state.source == "recording":
        return "This is a recording played without a server: there is nothing to reconnect."
    if view.state.phase in ("connecting", "reconnecting", "failed"):
        return RetryNow()
    return "The link stands: there is nothing to reconnect."


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
    ),
    Action("back-5s", "5 s back / ahead", ("left",), request=SeekBy(-5_000), title="5 s back"),
    Action("forward-5s", "5 s back / ahead", ("right",), request=SeekBy(5_000), title="5 s ahead"),
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
    Action("to-end", "To the end / live", ("end",), request=ScrubToEnd()),
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
    Action("loop", "Loop from, to, off", ("a",), steer=navigation.turn_loop),
    Action("undo-jump", "Undo the jump", ("u",), steer=navigation.undo_jump),
    Action("skip-silence", "Skip silence", ("S",), screen="skip_silence"),
    Action("go-to", "Go to a time", ("t",), screen="go_to"),
    Action("point", "Point at a place", ("p",), screen="point"),
    Action("bookmark", "Bookmark, its note", ("b",), screen="bookmark", title="Bookmark here"),
    Action("bookmarks", "Bookmarks", ("v",), screen="toggle_bookmarks", title="List the bookmarks"),
    Action("cite", "Copy a citation", ("c",), screen="cite"),
    Action("search", "Search the words", ("slash",), screen="search"),
    Action("next-mark", "Mark ahead / back", ("n",), screen="next_mark", title="Next mark"),
    Action("last-mark", "Mark ahead / back", ("N",), screen="last_mark", title="Mark before"),
    Action("read", "Read in the words", ("w",), screen="read"),
    Action("zoom-in", "Zoom in, out, whole", ("plus",), screen="zoom_in", title="Timeline closer"),
    Action(
        "zoom-out",
        "Zoom in, out, whole",
        ("minus",),
        screen="zoom_out",
        title="Timeline farther",
    ),
    Action("zoom-fit", "Zoom in, out, whole", ("f",), screen="zoom_fit", title="Timeline whole"),
    Action("retry-now", "Reconnect now", ("R",), ask=_retry),
    Action("next-party", "Other party", ("tab",), screen="next_party", title="Next party"),
    Action("last-party", "Other party", ("shift+tab",), screen="last_party", title="Party before"),
    Action(
        "gain-up",
        "Volume ±1 dB",
        ("up",),
        ask=_of_party(lambda party: AdjustGain(1.0, party.party)),
        title="Volume +1 dB",
    ),
    Action(
        "gain-down",
        "Volume ±1 dB",
        ("down",),
        ask=_of_party(lambda party: AdjustGain(-1.0, party.party)),
        title="Volume −1 dB",
    ),
    Action(
        "gain-zero",
        "Volume 0 dB",
        ("equals_sign",),
        ask=_of_party(lambda party: SetPartyGain(0.0, party.party)),
    ),
    Action("mute", "Mute the party", ("m",), ask=_of_party(_mute)),
    Action("solo", "Solo the party", ("s",), ask=_of_party(_solo)),
    Action("devices", "Sound device", ("d",), screen="toggle_devices"),
    Action("stats", "Statistics", ("i",), screen="toggle_stats"),
    Action("palette", "Find an action", ("ctrl+p",), screen="palette"),
    Action("theme", "Other colours", ("y",), screen="next_theme"),
    Action("help", "Help", ("question_mark",), screen="toggle_help"),
    Action("close", "Close this", ("escape",), screen="close_panels"),
    Action("quit", "Quit", ("q", "ctrl+c", "ctrl+q"), screen="quit"),
)

KEYS: dict[str, Action] = {key: action for action in ACTIONS for key in action.keys}
"""The keys of a user who changed none."""

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
    return tuple((_compact(keys), topic) for topic, keys in _topics(actions).items() if keys)


def first_key(actions: Iterable[Action], name: str) -> str:
    """Return the first key of an action as it is printed; "" if it has none."""
    return next((key_name(each.keys[0]) for each in actions if each.name == name and each.keys), "")


def markdown_table() -> str:
    """Return the table of docs/keys.md."""
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
