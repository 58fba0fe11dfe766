"""The build of livekit-server as a process of its own, beside a call that plays.

`python -m callplayer.service.livekit.build_process` is that process: it sees that there is a
livekit-server and shows its progress on stderr. With `--for-parent` it works at low priority,
prints its progress as JSON lines on stdout, and ends, with all that it started, when its stdin
does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import IO

import msgspec

from callplayer.config import without_settings
from callplayer.errors import CallplayerError, ServiceError
from callplayer.progress import to_stderr
from callplayer.service.livekit.binary import build_binary, ensure_binary
from callplayer.service.livekit.build import BuildProgress
from callplayer.service.livekit.go_compiler import Cancelled
from callplayer.supervise import ChildProcess, EndLimits
from callplayer.text import plain_text

NICENESS = 10
END_LIMITS = EndLimits(leave_s=8.0, terminate_s=())
MAX_LINE_BYTES = 4_096


class _BuildReport(msgspec.Struct, omit_defaults=True):
    """What the process prints: how far it is, or (last) how it ended."""

    progress: BuildProgress | None = None
    ready: bool = False
    what: str = ""
    hint: str = ""


class BackgroundBuild:
    """Builds livekit-server in a process of its own, from `start` to `close`.

    It ends when this process does, however that ends. `progress` is how far it is, `error` why it
    failed; `ready` says that there is a livekit-server now.
    """

    def __init__(self) -> None:
        self.progress: BuildProgress | None = None
        self.error: ServiceError | None = None
        self.ready = False
        self._process: ChildProcess | None = None

    def start(self) -> None:
        """Start the build; how it goes is in the attributes."""
        try:
            self._process = ChildProcess(
                [sys.executable, "-P", "-m", __name__, "--for-parent"],
                without_settings(os.environ),
                os.open(os.devnull, os.O_WRONLY),
                stdout=subprocess.PIPE,
                limits=END_LIMITS,
            )
        except OSError as error:
            self.error = ServiceError(f"The build cannot be started: {error.strerror}.")
            return
        stdout = (self._process.take_stdout(),)
        self._reader = threading.Thread(target=self._read, args=stdout, name="build", daemon=True)
        self._reader.start()

    def wait(self) -> None:
        """Return when the build has ended, either way."""
        if self._process is not None:
            self._reader.join()

    def close(self) -> None:
        """End the build if it still runs; what it has compiled stays in Go's cache."""
        if self._process is not None:
            self._process.end_now()
            self._reader.join()

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            while line := stdout.readline(MAX_LINE_BYTES):
                with contextlib.suppress(msgspec.MsgspecError):
                    self._take(msgspec.json.decode(line, type=_BuildReport))
        if not self.ready and self.error is None:
            self.error = ServiceError("The build of livekit-server broke off.", "Run again.")

    def _take(self, line: _BuildReport) -> None:
        if line.progress is not None:
            self.progress = line.progress
        elif line.ready:
            self.ready = True
        elif line.what:
            self.error = ServiceError(plain_text(line.what, 400), plain_text(line.hint, 400))


def _report(line: _BuildReport) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()


def _yield_to_the_call() -> None:
    """Have the build wait for all else on this machine: a sound server that waits is heard."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _for_parent() -> int:
    _yield_to_the_call()
    cancelled = threading.Event()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4_096):
                pass
        cancelled.set()

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    try:
        build_binary(lambda at: _report(_BuildReport(progress=at)), cancelled)
    except CallplayerError as error:
        _report(_BuildReport(what=error.what, hint=error.hint))
        return error.exit_code
    except Cancelled:
        return 1
    _report(_BuildReport(ready=True))
    return 0


def _for_a_person() -> int:
    line = to_stderr()
    try:
        ensure_binary(line)
    except CallplayerError as error:
        line.close()
        print(f"callplayer: {error.what}\n  {error.hint}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    line.close()
    return 0


def main(argv: list[str]) -> int:
    """Build what is missing; return the exit code."""
    return _for_parent() if argv == ["--for-parent"] else _for_a_person()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
