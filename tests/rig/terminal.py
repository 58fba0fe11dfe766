"""A real terminal: tmux on a socket of its own, keys typed into it, its screen read."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LOOK_S = 0.1
"""A look at the screen starts a program: ten a second leave the processor to what is tested."""


class Terminal:
    """A tmux window of `columns` × `rows` that runs one program and then prints how it ended."""

    def __init__(
        self,
        folder: Path,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        if shutil.which("tmux") is None:
            raise RuntimeError("the terminal tests need tmux; `make test` installs it")
        self._socket = folder / "tmux"
        self._end = folder / "end"
        # Secrets go by environment here too: the script names no value.
        script = f'{shlex.join(argv)}; echo "$? $(stty -g)" > {shlex.quote(str(self._end))}'
        before = folder / "before"
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "t",
            "-x", str(columns), "-y", str(rows),
            f"stty -g > {shlex.quote(str(before))}; {script}; exec cat",
            environment={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )  # fmt: skip
        self._before = before

    def _tmux(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        return subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), *words],
            env=environment if environment is not None else dict(os.environ),
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout

    def type(self, *keys: str) -> float:
        """Press keys by tmux's names; return when, by the monotonic clock."""
        now_s = time.monotonic()
        self._tmux("send-keys", "-t", "t", *keys)
        return now_s

    @contextlib.contextmanager
    def typist(self) -> Iterator[Callable[[str], float]]:
        """Give a function that presses one key and returns when, without starting a program for it.

        It writes to a tmux client in control mode, so the key is in the terminal within a
        millisecond of the time returned.
        """
        client = subprocess.Popen(
            ["tmux", "-u", "-S", str(self._socket), "-C", "attach", "-t", "t"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert client.stdin is not None
        stdin = client.stdin

        def press(key: str) -> float:
            now_s = time.monotonic()
            stdin.write(f"send-keys -t t {key}\n")
            stdin.flush()
            return now_s

        try:
            yield press
        finally:
            stdin.close()
            client.wait(timeout=5)

    def screen(self) -> str:
        """Return what is on the screen."""
        return self._tmux("capture-pane", "-p", "-t", "t")

    def all_rows(self) -> str:
        """Return the scrollback and what is on the screen."""
        return self._tmux("capture-pane", "-p", "-S", "-", "-t", "t")

    def cells(self, text: str) -> int:
        """Return how many cells the terminal takes a text for."""
        self._tmux("set-option", "-g", "@text", text)
        return int(self._tmux("display-message", "-p", "#{w:@text}"))

    def title(self) -> str:
        """Return the title that the program has set."""
        return self._tmux("display-message", "-p", "-t", "t", "#{pane_title}")

    def program_pid(self) -> int:
        """Return the id of the process that tmux has started."""
        return int(self._tmux("display-message", "-p", "-t", "t", "#{pane_pid}"))

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size."""
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def wait_for(self, *texts: str, timeout_s: float = 15.0) -> str:
        """Return the screen once it holds all these texts."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), timeout_s)

    def wait_until(self, wanted: Callable[[str], bool], timeout_s: float = 15.0) -> str:
        """Return the screen once it is as wanted."""
        deadline_s = time.monotonic() + timeout_s
        while not wanted(screen := self.screen()):
            if time.monotonic() > deadline_s:
                raise AssertionError(f"waited in vain; the screen:\n{screen}")
            time.sleep(LOOK_S)
        return screen

    def wait_end(self, timeout_s: float = 15.0) -> int:
        """Return the program's exit code; its terminal settings must be as they were before."""
        deadline_s = time.monotonic() + timeout_s
        while not self._end.exists() or not self._end.read_text().endswith("\n"):
            if time.monotonic() > deadline_s:
                raise AssertionError(f"the program did not end; the screen:\n{self.screen()}")
            time.sleep(0.02)
        code, settings = self._end.read_text().split()
        assert settings == self._before.read_text().strip(), "the terminal is not as it was"
        return int(code)

    def is_restored(self) -> bool:
        """Return whether the terminal's settings are as they were before the program."""
        where = self._tmux("display-message", "-p", "-t", "t", "#{pane_tty}").strip()
        reported = subprocess.run(
            ["stty", "-g", "-F", where], check=True, capture_output=True, text=True, timeout=10
        )
        return reported.stdout.strip() == self._before.read_text().strip()

    def close(self) -> None:
        """End the terminal and what still runs in it."""
        subprocess.run(
            ["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False
        )
