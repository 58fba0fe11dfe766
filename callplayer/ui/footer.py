"""The footer: the keys most needed now, and what a click on them presses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from rich.cells import cell_len

from callplayer.ipc.messages import Phase
from callplayer.ui.keymap import ACTIONS, Action, key_name

Mode = Literal[
    "typing", "palette", "pointing", "reading",
    "help", "long-help", "devices", "bookmarks", "one-bookmark", "empty-list",
]  # fmt: skip
"""What keys are for, beside their actions: a line, a place on the timeline, a word, a panel."""

GAP_CELLS = 2


class FooterContext(msgspec.Struct, frozen=True):
    """What the footer goes by.

    `phase` is the call's; `at_rest`: the key that pauses would play; `goes_on`: the call does;
    `behind_live`: it does, and an earlier place is heard; `words`: there is a transcript. `retry`
    is what trying to connect would do, "" where it would do nothing. `found` is the hit that was
    gone to and how many there are, None where nothing is searched. `closes`: statistics are shown;
    `can_go_back`: there is a list of incidents.
    """

    phase: Phase = "playing"
    at_rest: bool = False
    goes_on: bool = False
    behind_live: bool = False
    words: bool = False
    mode: Mode | None = None
    retry: str = ""
    found: tuple[int, int] | None = None
    closes: bool = False
    can_go_back: bool = False


class FooterItem(msgspec.Struct, frozen=True):
    """Keys that belong together, and one word for what they do."""

    keys: tuple[str, ...]
    word: str

    @property
    def label(self) -> str:
        """The keys as they are printed."""
        return self._between.join(map(key_name, self.keys))

    @property
    def _between(self) -> str:
        return "" if all(len(key_name(key)) == 1 for key in self.keys) else " "

    @property
    def cells(self) -> int:
        """How wide it is."""
        return cell_len(self.label) + 1 + cell_len(self.word)

    def key_at(self, column: int) -> str:
        """Return the key that stands at a column; the word stands for the last: ahead, down."""
        for key in self.keys:
            column -= cell_len(key_name(key) + self._between)
            if column < 0:
                return key
        return self.keys[-1]


_LAST = ("stats", "help", "quit")
"""Drawn at the end, whatever else has room."""


def footer_items(
    moment: FooterContext, width: int, actions: Sequence[Action] = ACTIONS
) -> tuple[FooterItem, ...]:
    """Return what fits in `width` cells, GAP_CELLS between them, in the order it is drawn."""
    chosen: dict[str, FooterItem] = {}
    used = 0
    for name, item in _wanted(moment, {action.name: action.keys for action in actions}):
        if item.keys and used + item.cells <= width:
            chosen[name] = item
            used += item.cells + GAP_CELLS
    last = [chosen.pop(name) for name in _LAST if name in chosen]
    return (*chosen.values(), *last)


def key_at(items: Sequence[FooterItem], column: int) -> str | None:
    """Return the key that a click on a column of the footer presses; None between the items."""
    for item in items:
        if 0 <= column < item.cells:
            return item.key_at(column)
        column -= item.cells + GAP_CELLS
    return None


def _wanted(
    moment: FooterContext, keys: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, FooterItem]]:
    """Give names and items, the most needed first: a narrow footer leaves out the last."""
    taken: set[str] = set()
    for item in _of_mode(moment.mode, keys):
        taken.update(item.keys)
        yield item.word, item
    if moment.mode in ("typing", "palette"):
        return
    for names, word in _of_call(moment):
        item = FooterItem(tuple(key for name in names for key in keys[name][:1]), word)
        if taken.isdisjoint(item.keys):
            yield names[0], item


_CHOOSE = (("up", "down"), "move")
PANELS: tuple[Mode, ...] = (
    *("help", "long-help", "devices", "bookmarks", "one-bookmark", "empty-list"),
)
"""Modes in which the parties are not in sight."""

_LEAVE, _CLOSE = (("escape",), "leave"), (("close",), "close")
_OF_BOOKMARK = ((("enter",), "go"), (("e",), "note"), (("delete",), "remove"))
_OF_MODE: dict[Mode, tuple[tuple[tuple[str, ...], str], ...]] = {
    "typing": ((("enter",), "done"), _LEAVE, (("ctrl+u",), "empty"), (("ctrl+c",), "quit")),
    "palette": (_CHOOSE, (("enter",), "do it"), _LEAVE, (("ctrl+c",), "quit")),
    "pointing": ((("left", "right"), "place"), (("enter",), "go there"), (("close",), "leave")),
    "reading": (
        (("up", "down", "left", "right"), "word"),
        (("enter",), "hear it"),
        (("close",), "follow"),
    ),
    "devices": (_CHOOSE, (("enter",), "play there"), _CLOSE, (("plus", "minus"), "delay")),
    "bookmarks": (_CHOOSE, *_OF_BOOKMARK, _CLOSE),
    "one-bookmark": (*_OF_BOOKMARK, _CLOSE),
    "long-help": ((("up", "down"), "more"), (("pagedown",), "page"), _CLOSE),
    "help": (_CLOSE,),
    "empty-list": (_CLOSE,),
}
"""The keys of each mode; `close` is the action of that name, whatever its key."""


def _of_mode(mode: Mode | None, keys: dict[str, tuple[str, ...]]) -> Iterator[FooterItem]:
    for names, word in _OF_MODE[mode] if mode is not None else ():
        yield FooterItem(keys["close"][:1] if names == ("close",) else names, word)


def _of_call(moment: FooterContext) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give actions and words; where a call is not there, what moves in it is left out."""
    if moment.retry:
        yield ("retry-now",), moment.retry
    if moment.phase not in ("failed", "connecting"):
        yield ("toggle-pause",), "play" if moment.at_rest else "pause"
    yield ("help",), "help"
    yield ("quit",), "quit"
    yield from _of_list(moment)
    if moment.phase == "connecting":
        yield ("devices",), "device"
    elif moment.phase != "failed":
        yield from _of_open_call(moment)
    elif moment.words:
        yield ("read",), "read the words"


def _of_list(moment: FooterContext) -> Iterator[tuple[tuple[str, ...], str]]:
    if moment.found is not None:
        at, count = moment.found
        if count:
            yield ("next-mark", "last-mark"), f"{at} of {count}"
        yield ("close",), "end search" if count else "not said: end"
    elif moment.closes:
        yield ("close",), "close"
    elif moment.can_go_back:
        yield ("close",), "list"


def _of_open_call(moment: FooterContext) -> Iterator[tuple[tuple[str, ...], str]]:
    if moment.behind_live:
        yield ("to-end",), "live"
    yield ("back-5s", "forward-5s"), "5 s"
    yield ("say-again",), "again"
    if moment.mode not in PANELS:
        yield ("next-party",), "party"
        yield ("gain-up", "gain-down"), "volume"
        yield ("mute",), "mute"
        yield ("solo",), "solo"
    if moment.words:
        yield ("search",), "search"
    yield ("bookmark",), "bookmark"
    yield ("go-to",), "go to"
    if not moment.behind_live:
        yield ("to-end",), "live" if moment.goes_on else "to end"
    yield ("stats",), "stats"
