"""The engine as a process: start it, and read its events. No protocol here."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callplayer.logs import STDERR_IS_LOGGED
from callplayer.paths import make_private_folder
from callplayer.supervise import ChildProcess, EndLimits

_OF_A_SERVICE = ("CALLPLAYER_SERVE_", "CALLPLAYER_LIVEKIT_")
_AT_ONCE = EndLimits(leave_s=0.0, terminate_s=(1.0,))


def start_engine(argv: Sequence[str], log_path: Path) -> ChildProcess:
    """Start the engine with pipes for stdin and stdout; `end_now` does not wait for it to leave.

    Its stderr goes to the end of the log file, without secrets. Raise OSError if it cannot be
    started.
    """
    return ChildProcess(
        argv,
        _environment() | {STDERR_IS_LOGGED: "1"},
        _open_log(log_path),
        stdout=subprocess.PIPE,
        limits=_AT_ONCE,
    )


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


@dataclass(frozen=True)
class EnginePipe:
    """The engine's stdout, read by the event loop."""

    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    @classmethod
    async def open(cls, process: ChildProcess, limit: int) -> EnginePipe:
        """Read the engine's stdout in lines of at most `limit` bytes."""
        reader = asyncio.StreamReader(limit=limit)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.take_stdout()
        )
        return cls(reader, transport)

    async def drain(self) -> None:
        """Read and drop the rest, so that an engine that leaves never waits for a full pipe."""
        while await self.reader.read(65_536):
            pass

    def close(self) -> None:
        """Stop reading."""
        self.transport.close()
