"""A terminal of the tests' own that dates what is drawn: a pseudo-terminal and a grid of cells.

A read of a terminal through tmux says what stands there, give or take how long asking takes. Here
each byte is dated as it comes out of the program, so a digit that turns over is dated to a
millisecond or so.
"""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from tests.rig.processes import end

LOG_IN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
"""Makes the terminal the program's own."""

_TOKEN = re.compile(
    r"\x1b\[(?P<words>[0-9:;<=>?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]P_^].*?(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])",
    re.DOTALL,
)
"""One control sequence, one run of text or one control character, complete."""


class Grid:
    """The cells of a screen. Knows what Textual sends: text, places, clearing; not colours."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, output: bytes) -> None:
        """Take in what the program wrote; a sequence may come in parts."""
        text = self._rest + self._decoder.decode(output)
        at = 0
        while token := _TOKEN.match(text, at):
            at = token.end()
            if token["text"]:
                self._write(token["text"])
            elif token["control"]:
                self._control(token["control"])
            elif token["final"]:
                self._sequence(token["final"], token["words"])
        self._rest = text[at:]

    def lines(self) -> list[str]:
        """Return the rows as text."""
        return ["".join(row) for row in self.cells]

    def _write(self, text: str) -> None:
        row = self.cells[min(self._y, len(self.cells) - 1)]
        for character in text:
            if self._x < self.columns:
                row[self._x] = character
                self._x += 1

    def _control(self, control: str) -> None:
        if control == "\r":
            self._x = 0
        elif control == "\n":
            self._y = min(self._y + 1, len(self.cells) - 1)

    def _sequence(self, final: str, words: str) -> None:
        if final in "Hf":
            y, x = ([int(word or 1) for word in words.split(";")] + [1, 1])[:2] if words else (1, 1)
            self._x, self._y = x - 1, min(y, len(self.cells)) - 1
        elif final == "J":
            for row in self.cells:
                row[:] = " " * self.columns


class DatedScreen:
    """A program on a terminal of `columns` × `rows`; `painted` is called after each of its writes.

    `painted` gets the grid and the moment, by the monotonic clock, and runs on the reader's thread.
    So does `wrote`, which gets what was written and the moment, before the grid has taken it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        painted: Callable[[Grid, float], None] = lambda _grid, _now_s: None,
        *,
        columns: int = 80,
        rows: int = 24,
        wrote: Callable[[bytes, float], None] = lambda _output, _now_s: None,
    ) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self.grid = Grid(columns, rows)
        self.bytes_drawn = 0
        self._painted = painted
        self._wrote = wrote
        self.process = subprocess.Popen(
            (sys.executable, "-c", LOG_IN, str(slave), *argv),
            env={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            pass_fds=(slave,),
        )
        os.close(slave)
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: str) -> float:
        """Type keys as their bytes; return when, by the monotonic clock."""
        now_s = time.monotonic()
        os.write(self._master, keys.encode())
        return now_s

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Return once the screen holds `text`."""
        deadline_s = time.monotonic() + timeout_s
        while not any(text in line for line in self.grid.lines()):
            if time.monotonic() > deadline_s or self.process.poll() is not None:
                screen = "\n".join(self.grid.lines())
                raise AssertionError(f"waited in vain for {text!r}; the screen:\n{screen}")
            time.sleep(0.02)

    def quit(self, timeout_s: float = 15.0) -> int:
        """Press q; return the exit code."""
        self.type("q")
        return self.process.wait(timeout=timeout_s)

    def close(self) -> None:
        """End the program, if it still runs, and the terminal."""
        end(self.process)
        self._closing.set()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while not self._closing.is_set():
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                output = os.read(self._master, 65_536)
            except OSError:  # the program has gone, and its side of the terminal with it
                return
            now_s = time.monotonic()
            self.bytes_drawn += len(output)
            self._wrote(output, now_s)
            self.grid.feed(output)
            self._painted(self.grid, now_s)
