"""The engine as a process: start it, write to it, end it for sure. No protocol here."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callplayer.logs import STDERR_IS_LOGGED, LogPipe
from callplayer.paths import make_private_folder

_POLL_S = 0.02
_OF_A_SERVICE = ("CALLPLAYER_SERVE_", "CALLPLAYER_LIVEKIT_")


def start_engine(argv: Sequence[str], log_path: Path) -> subprocess.Popen[bytes]:
    """Start the engine with pipes for stdin and stdout; stderr goes to the end of the log
    file, without secrets.

    It gets a session of its own: a key or a hang-up of the terminal reaches the screen only, which
    then ends the engine. Raise OSError if it cannot be started.
    """
    with LogPipe(_open_log(log_path)) as pipe:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=pipe.writer,
            env=_environment() | {STDERR_IS_LOGGED: "1"},
            bufsize=0,
            start_new_session=True,
        )
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    return process


def _open_log(path: Path) -> int:
    """Open the log to append to it; where that fails, the call plays without a log."""
    try:
        make_private_folder(path.parent)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _environment() -> dict[str, str]:
    """Return this process's environment without the secrets of a replay service."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_A_SERVICE)}


def write_line(process: subprocess.Popen[bytes], line: bytes) -> bool:
    """Write one line at once; return whether the engine's pipe took it.

    A line is shorter than PIPE_BUF, so the pipe takes all of it or nothing. A full pipe means an
    engine that does not read: waiting for it would freeze the screen.
    """
    if process.stdin is None or process.stdin.closed:
        return False
    try:
        os.write(process.stdin.fileno(), line)
    except (BlockingIOError, BrokenPipeError):
        return False
    return True


@dataclass(frozen=True)
class EnginePipe:
    """The engine's stdout, read by the event loop."""

    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    @classmethod
    async def open(cls, process: subprocess.Popen[bytes], limit: int) -> EnginePipe:
        """Read the engine's stdout in lines of at most `limit` bytes."""
        reader = asyncio.StreamReader(limit=limit)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        return cls(reader, transport)

    async def drain(self) -> None:
        """Read and drop the rest, so that an engine that leaves never waits for a full pipe."""
        while await self.reader.read(65_536):
            pass

    def close(self) -> None:
        """Stop reading."""
        self.transport.close()


async def end_process(
    process: subprocess.Popen[bytes], *, leave_s: float, terminate_s: float
) -> int:
    """Wait `leave_s` for the process to leave by itself, then terminate, then kill it.

    Return its exit status (negative: the signal that ended it).
    """
    if process.stdin is not None:
        process.stdin.close()
    if not await _left_within(process, leave_s):
        process.terminate()
        if not await _left_within(process, terminate_s):
            process.kill()
    while (status := process.poll()) is None:
        await asyncio.sleep(_POLL_S)
    return status


def end_process_now(process: subprocess.Popen[bytes], *, terminate_s: float = 1.0) -> None:
    """The same without an event loop, for the way out of a crash or a hang-up."""
    if process.poll() is None:
        process.terminate()
        deadline_s = time.monotonic() + terminate_s
        while process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
    if process.poll() is None:
        process.kill()
        process.wait()


async def _left_within(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while process.poll() is None:
        if time.monotonic() >= deadline_s:
            return False
        await asyncio.sleep(_POLL_S)
    return True
