"""A process of our own: started away from the terminal, and ended for sure.

Its environment is given, so no secret comes to it by chance; what it writes to stderr is logged
without secrets. A key or a hang-up of the terminal reaches this process only, which then ends its
children in order. How often a process is started again is `retry.RestartBudget`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from callplayer.logs import LogPipe

POLL_S = 0.02


@dataclass(frozen=True)
class EndLimits:
    """How long a process may take to end, in s, before the next and ruder step.

    `leave_s` is from the end of its stdin on; 0 leaves that step out. `terminate_s` has the time
    after each SIGTERM. SIGKILL follows.
    """

    leave_s: float = 5.0
    terminate_s: tuple[float, ...] = (5.0,)


class ChildProcess:
    """Start `argv` in a session of its own.

    `log_fd` takes its stderr, and its stdout as well if `log_stdout`; it is closed at the end.
    `stdin`, `stdout` and `pass_fds` are as in `subprocess`. Raise OSError if it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log_fd: int,
        *,
        stdin: int = subprocess.PIPE,
        stdout: int = subprocess.DEVNULL,
        log_stdout: bool = False,
        pass_fds: Sequence[int] = (),
        limits: EndLimits = EndLimits(),
    ) -> None:
        self._limits = limits
        with LogPipe(log_fd) as log:
            self._process = subprocess.Popen(
                list(argv),
                stdin=stdin,
                stdout=log.writer if log_stdout else stdout,
                stderr=log.writer,
                env=environment,
                bufsize=0,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """Return the exit status (negative: the signal that ended it), None while it runs."""
        return self._process.poll()

    def write_line(self, line: bytes) -> bool:
        """Write one line to its stdin at once; return whether the pipe took it.

        A line is shorter than PIPE_BUF, so the pipe takes all of it or nothing. A full pipe means
        a process that does not read: waiting for it would freeze this one.
        """
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return False
        try:
            os.write(stdin.fileno(), line)
        except (BlockingIOError, BrokenPipeError):
            return False
        return True

    def take_stdout(self) -> IO[bytes]:
        """Return its stdout, which the caller closes."""
        stdout, self._process.stdout = self._process.stdout, None
        assert stdout is not None
        return stdout

    def read_line(self, timeout_s: float, max_bytes: int) -> bytes:
        """Return the first line of its stdout; less if it ends, or does not come in time."""
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + timeout_s
        line = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in line and len(line) < max_bytes:
                if not selector.select(max(deadline_s - time.monotonic(), 0.0)):
                    break
                chunk = os.read(self._process.stdout.fileno(), 65_536)
                if not chunk:
                    break
                line += chunk
        return bytes(line)

    def wait(self) -> int:
        """Block until it has ended by itself; return its exit status."""
        return self._process.wait()

    async def ended(self) -> int:
        """Return its exit status when it has ended by itself."""
        while (status := self._process.poll()) is None:
            await asyncio.sleep(POLL_S)
        return status

    def end_now(self) -> int:
        """End it; block until it has ended. Return its exit status."""
        for timeout_s in self._steps(self._limits):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self.close_pipes()
        return self._process.wait()

    async def end(self, limits: EndLimits | None = None) -> int:
        """End it, by other limits than its own if given; return its exit status."""
        for timeout_s in self._steps(limits or self._limits):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self.ended()
        self.close_pipes()
        return self._process.wait()

    def close_pipes(self) -> None:
        """Close our ends of its stdin and stdout."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _steps(self, limits: EndLimits) -> Iterator[float | None]:
        """Take one step after another until it has ended; give how long to wait after each."""
        if limits.leave_s:
            if self._process.stdin is not None:
                self._process.stdin.close()
            yield limits.leave_s
        for wait_s in limits.terminate_s:
            if self._process.poll() is not None:
                return
            self._process.terminate()
            yield wait_s
        if self._process.poll() is None:
            self._process.kill()
            yield None
