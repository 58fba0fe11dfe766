"""Keys for plain mode: one by one from a terminal, or lines from a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator

from callplayer.ui.key_profiles import key_of


class TypedLine(str):
    """A line of a pipe, as it came."""

    __slots__ = ()


_SEQUENCES = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
    "\x1b[H": "home", "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end",
    "\x1b[5~": "pageup", "\x1b[6~": "pagedown", "\x1b[Z": "shift+tab",
    "\x1b[1;2C": "shift+right", "\x1b[1;2D": "shift+left",
    "\x1bOP": "f1", "\x1bOQ": "f2", "\x1bOR": "f3", "\x1bOS": "f4", "\x1b[15~": "f5",
}  # fmt: skip
_CONTROLS = {"\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x1b": "escape"}


def keys_in(text: str) -> Iterator[str]:
    """Return the names of the keys that a terminal sent."""
    at = 0
    while at < len(text):
        for size in (6, 5, 4, 3):
            name = _SEQUENCES.get(text[at : at + size])
            if name is not None and len(text[at : at + size]) == size:
                yield name
                at += size
                break
        else:
            character = text[at]
            at += 1
            if character in _CONTROLS:
                yield _CONTROLS[character]
            elif character < " ":
                yield f"ctrl+{chr(ord(character) + 96)}"
            else:
                yield key_of(character) or character


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


async def read_keys() -> AsyncIterator[str]:
    """Give the keys of stdin until it ends; of a pipe, each line that is not blank, as a Line."""
    is_terminal = sys.stdin.isatty()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str] = asyncio.Queue()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        data = os.read(descriptor, 4096)
        if not data:
            loop.remove_reader(descriptor)
        waiting.put_nowait(data.decode(errors="replace"))

    try:
        loop.add_reader(descriptor, read)
    except OSError:
        return  # a file, or /dev/null: there will be no keys
    rest = ""
    try:
        while text := await waiting.get():
            if is_terminal:
                for key in keys_in(text):
                    yield key
                continue
            *lines, rest = (rest + text).split("\n")
            for line in filter(None, map(str.strip, lines)):
                yield TypedLine(line)
    finally:
        loop.remove_reader(descriptor)
