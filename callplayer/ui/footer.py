"""The footer: the keys most needed now, and what a click on them presses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from callplayer.ui.keymap import ACTIONS, Action, key_name

Mode = Literal["typing", "pointing", "reading"]
"""What keys are for, beside their actions: a line, a place on the timeline, a word."""

GAP_CELLS = 2


@dataclass(frozen=True)
class FooterContext:
    """What the footer goes by.

    `at_rest`: the key that pauses would play; `goes_on`: the call does; `behind_live`: it does, and
    an earlier place is heard; `words`: there is a transcript.
    """

    at_rest: bool = False
    goes_on: bool = False
    behind_live: bool = False
    words: bool = False
    mode: Mode | None = None


@dataclass(frozen=True)
class FooterItem:
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
    if moment.mode == "typing":
        return
    for names, word in _of_call(moment):
        item = FooterItem(tuple(key for name in names for key in keys[name][:1]), word)
        if taken.isdisjoint(item.keys):
            yield names[0], item


def _of_mode(mode: Mode | None, keys: dict[str, tuple[str, ...]]) -> tuple[FooterItem, ...]:
    close = keys["close"][:1]
    match mode:
        case "typing":
            return (
                FooterItem(("enter",), "done"),
                FooterItem(("escape",), "leave"),
                FooterItem(("ctrl+u",), "empty"),
            )
        case "pointing":
            return (
                FooterItem(("left", "right"), "place"),
                FooterItem(("enter",), "go there"),
                FooterItem(close, "leave"),
            )
        case "reading":
            return (
                FooterItem(("up", "down", "left", "right"), "word"),
                FooterItem(("enter",), "hear it"),
                FooterItem(close, "follow"),
            )
    return ()


def _of_call(moment: FooterContext) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("toggle-pause",), "play" if moment.at_rest else "pause"
    yield ("help",), "help"
    yield ("quit",), "quit"
    if moment.behind_live:
        yield ("to-end",), "live"
    yield ("back-5s", "forward-5s"), "5 s"
    yield ("say-again",), "again"
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
