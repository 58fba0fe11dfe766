"""Keys for plain mode: one by one from a terminal, or lines from a pipe."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator

from callplayer.ui.key_profiles import key_of


class TypedLine(str):
    """A line of a pipe, as it came."""

    __slots__ = ()


UNFINISHED_S = 0.1
"""How long the rest of a key may be on its way; then Esc is that key."""

_LETTERS = {
    "A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "Z": "shift+tab",
    "P": "f1", "Q": "f2", "R": "f3", "S": "f4",
}  # fmt: skip
_NUMBERS = {
    "1": "home", "2": "insert", "3": "delete", "4": "end", "5": "pageup", "6": "pagedown",
    "7": "home", "8": "end",
    "11": "f1", "12": "f2", "13": "f3", "14": "f4", "15": "f5", "17": "f6", "18": "f7",
    "19": "f8", "20": "f9", "21": "f10", "23": "f11", "24": "f12",
}  # fmt: skip
_CONTROLS = {"\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x1b": "escape"}
_MODIFIERS = {"ctrl": 4, "alt": 2, "shift": 1}

_WHOLE = re.compile(
    r"(?P<alt>\x1b(?=\x1b[\[O]))?\x1b(?:"
    r"\[\[(?P<console>[@-~])"
    r"|\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-Z\\-~])"
    r"|O(?P<held>[1-8]?)(?P<letter>[@-~])"
    r"|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|(?P<with_alt>[^\x1b\[O\]PX^_]))"
)
_BEGUN = re.compile(r"\x1b(?:\x1b?\[\[?[0-?]*[ -/]*|\x1b?O[1-8]?|[]PX^_][^\x07\x1b]*\x1b?|\x1b)?")


def keys_in(text: str, *, is_all: bool = False) -> tuple[list[str], str]:
    """Return the names of the keys that a terminal sent, and what may be the beginning of one.

    A sequence that names no key is passed over whole. With `is_all` nothing more is to come.
    """
    keys: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != "\x1b":
            keys.append(_typed(text[at]))
            at += 1
        elif whole := _WHOLE.match(text, at):
            if key := _named(whole):
                keys.append(key)
            at = whole.end()
        else:
            begun = _BEGUN.match(text, at)
            end = begun.end() if begun is not None else at + 1
            if end == len(text) and not is_all:
                return keys, text[at:]
            if text[at:end] in ("\x1b", "\x1b\x1b"):
                end = at + 1
                keys.append("escape")
            elif end == at + 2:
                keys.append(f"alt+{_typed(text[at + 1])}")
            at = end
    return keys, ""


def _typed(character: str) -> str:
    if character in _CONTROLS:
        return _CONTROLS[character]
    if character < " ":
        return f"ctrl+{chr(ord(character) + 96)}"
    return key_of(character) or character


def _named(sequence: re.Match[str]) -> str | None:
    """Return the key of a whole sequence, None if it is none that is known here."""
    if sequence["console"]:
        return f"f{ord(sequence['console']) - 64}" if sequence["console"] in "ABCDE" else None
    if sequence["with_alt"]:
        return f"alt+{_typed(sequence['with_alt'])}"
    first, _, modifiers = (sequence["parameters"] or "").partition(";")
    if sequence["final"] == "~":
        name = _NUMBERS.get(first)
    else:
        letter = sequence["letter"] or sequence["final"] or ""
        name = _LETTERS.get(letter) if first in ("", "1") else None
        modifiers = modifiers or sequence["held"] or ""
    if name is None or not re.fullmatch(r"[1-8]?", modifiers):
        return None
    held = int(modifiers or 1) - 1 | (2 if sequence["alt"] else 0)
    return "+".join((*(each for each, bit in _MODIFIERS.items() if held & bit), name))


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Let the terminal of stdin give each key as it is pressed, for the time of the block.

    Also after a suspend: the shell takes its own settings while the program stands still.
    """
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)

    def take_terminal(*_signal: object) -> None:
        # In the background the terminal is another's, and the program would be stopped for this.
        if os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp():
            tty.setcbreak(sys.stdin)

    continued = signal.signal(signal.SIGCONT, take_terminal)
    try:
        take_terminal()
        yield
    finally:
        signal.signal(signal.SIGCONT, continued)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def read_keys(unfinished_s: float = UNFINISHED_S) -> AsyncIterator[str]:
    """Give the keys of stdin until it ends; of a pipe, each line that is not blank."""
    is_terminal = sys.stdin.isatty()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    descriptor = sys.stdin.fileno()

    def read() -> None:
        data = os.read(descriptor, 4096)
        if not data:
            loop.remove_reader(descriptor)
        waiting.put_nowait(data)

    try:
        loop.add_reader(descriptor, read)
    except OSError:
        return  # a file, or /dev/null: there will be no keys
    rest = ""
    try:
        while True:
            is_late = False
            try:
                wait_s = unfinished_s if is_terminal and rest else None
                data = await asyncio.wait_for(waiting.get(), wait_s)
            except TimeoutError:
                data, is_late = b"", True
            text = rest + decode(data)
            if is_terminal:
                keys, rest = keys_in(text, is_all=not data)
                for key in keys:
                    yield key
            else:
                *lines, rest = (text if data else f"{text}\n").split("\n")
                for line in filter(None, map(str.strip, lines)):
                    yield TypedLine(line)
            if not data and not is_late:
                return
    finally:
        loop.remove_reader(descriptor)
