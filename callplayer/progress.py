"""Progress of what takes long: one line redrawn on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

LINE_EVERY_S = 15.0
"""How often a log, a pipe or a file gets a line of one and the same stage."""

Report = Callable[[str, str], None]
"""Takes a stage, such as "compiling", and the whole line, such as "compiling, 3 of 7, 0:12"."""


def elapsed_text(elapsed_s: float) -> str:
    """Return a duration as `m:ss`."""
    minutes, seconds = divmod(int(elapsed_s), 60)
    return f"{minutes}:{seconds:02}"


class ProgressLine:
    """Shows progress on `stream`; `clock` is the system's monotonic clock in s.

    On a terminal each text replaces the one before, and the last one stays. Elsewhere a text is a
    line of its own: the first of each stage, and then one every LINE_EVERY_S.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._redraws = stream.isatty()
        self._stage = ""
        self._written_s = float("-inf")
        self._drawn = ""

    def __call__(self, stage: str, text: str) -> None:
        """Show `text`, which belongs to `stage`."""
        now_s = self._clock()
        if self._redraws:
            self._redraw(text)
        elif stage != self._stage or now_s - self._written_s >= LINE_EVERY_S:
            self._written_s = now_s
            self._stream.write(f"{text}\n")
            self._stream.flush()
        self._stage = stage

    def close(self) -> None:
        """Leave the last text where it is; what follows begins on a line of its own."""
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
            self._drawn = ""

    def _redraw(self, text: str) -> None:
        columns = shutil.get_terminal_size().columns
        shown = text if len(text) < columns else f"{text[: columns - 2]}…"
        if shown != self._drawn:
            self._stream.write(f"\r{shown}{' ' * (len(self._drawn) - len(shown))}")
            self._stream.flush()
            self._drawn = shown


def now_and_then(write: Callable[[str], object]) -> Report:
    """Return a report that hands `write` the first line of each stage and one every 15 s."""
    stage_before = ""
    written_s = float("-inf")

    def report(stage: str, text: str) -> None:
        nonlocal stage_before, written_s
        now_s = time.monotonic()
        if stage != stage_before or now_s - written_s >= LINE_EVERY_S:
            stage_before, written_s = stage, now_s
            write(text)

    return report


def to_stderr() -> ProgressLine:
    """Return a progress line on this process's stderr."""
    return ProgressLine(sys.stderr)
