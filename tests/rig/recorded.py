"""A terminal that keeps every byte a program sends to it, and what in them could steer it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence

from tests.rig.dated_screen import LOG_IN
from tests.rig.processes import end

PATIENCE_S = 20.0


class RecordedTerminal:
    """A program on a pseudo-terminal of its own; `output` is all that it has sent so far."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 160,
        rows: int = 50,
        term: str = "xterm-256color",
    ) -> None:
        self.output = b""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (rows, columns))
        self.process = subprocess.Popen(
            (sys.executable, "-c", LOG_IN, str(slave), *argv),
            env={**environment, "TERM": term, "LANG": "C.UTF-8"},
            pass_fds=(slave,),
        )
        os.close(slave)

    def type(self, keys: str) -> None:
        """Type keys as their bytes."""
        os.write(self._master, keys.encode())

    def read_for(self, duration_s: float) -> None:
        """Take what comes in the next `duration_s`."""
        until_s = time.monotonic() + duration_s
        while (left_s := until_s - time.monotonic()) > 0 and self._read(left_s):
            pass

    def until(self, wanted: str | Callable[[bytes], bool], timeout_s: float = PATIENCE_S) -> None:
        """Read until a text, or what else is wanted, is among the bytes."""
        if isinstance(wanted, str):
            text = wanted.encode()
            self.until(lambda output: text in output, timeout_s)
            return
        deadline_s = time.monotonic() + timeout_s
        while not wanted(self.output):
            alive = self._read(0.05)
            if time.monotonic() > deadline_s or not (alive or wanted(self.output)):
                raise AssertionError(f"waited in vain; the last bytes: {self.output[-3000:]!r}")

    def until_ended(self, timeout_s: float = PATIENCE_S) -> int:
        """Read to the end; return the exit code."""
        deadline_s = time.monotonic() + timeout_s
        while self._read(0.05):
            assert time.monotonic() < deadline_s, f"it does not end: {self.output[-3000:]!r}"
        return self.process.wait(timeout=timeout_s)

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """End the program, if it still runs, and the terminal."""
        end(self.process)
        if self._master >= 0:
            self.hang_up()

    def _read(self, timeout_s: float) -> bool:
        """Take what is there; return whether more can come."""
        if not select.select([self._master], [], [], timeout_s)[0]:
            return True
        try:
            chunk = os.read(self._master, 65_536)
        except OSError:  # the program has gone, and its side of the terminal with it
            return False
        self.output += chunk
        return bool(chunk)


_SEQUENCE = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<short>[ -/]*[0-OQ-WYZ`-~78=>cDEHMNZ])"
)
CSI_OF_A_SCREEN = frozenset("HfmhlJKtupqrABCDGdSTXPLMn@cx")
"""The last letters of what a screen needs: places, colours, modes, clearing, the title kept."""

INVISIBLE = re.compile(
    "[\x80-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
"""C1 controls, overrides of the writing direction, and what cannot be seen."""


def sequences_of(output: bytes) -> tuple[list[str], list[str], str]:
    """Return a terminal's CSI sequences, its OSC strings, and the text that is left of it all."""
    text = output.decode("utf-8", "strict")
    csi, osc, rest, at = [], [], [], 0
    for found in _SEQUENCE.finditer(text):
        rest.append(text[at : found.start()])
        at = found.end()
        if found["csi"] is not None:
            csi.append(found["csi"])
        elif found["osc"] is not None:
            osc.append(found["osc"])
    rest.append(text[at:])
    return csi, osc, "".join(rest)


def controls_in(text: str, allowed: str = "\r\n\t\x08") -> set[str]:
    """Return which characters of a text could steer a terminal or hide something."""
    found = {character for character in text if ord(character) < 32 or ord(character) == 127}
    return (found - set(allowed)) | set(INVISIBLE.findall(text))
