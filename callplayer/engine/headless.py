"""The engine as a program: requests as JSON lines on stdin, events as JSON lines on stdout.

The screen is one client of this, a script another. A client that reads slowly receives less, never
waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from collections.abc import Iterator

from callplayer.config import Settings
from callplayer.engine.revival import Revival, replace_process
from callplayer.engine.session.engine import Engine
from callplayer.engine.session.options import EngineOptions
from callplayer.ipc import codec
from callplayer.ipc import messages as m
from callplayer.logs import STDERR_IS_LOGGED, LogPipe
from callplayer.paths import log_path
from callplayer.text import plain_text
from callplayer.vendor.values import WireError

LOG = logging.getLogger(__name__)

MAX_BACKLOG_BYTES = 256_000
MAX_ONCE_BACKLOG_BYTES = 1_000_000
"""The limit for what is said once: it is rare and short."""

_SAID_AGAIN = (
    m.StateEvent,
    m.LevelsEvent,
    m.StatsEvent,
    m.WaveEvent,
    m.WordsEvent,
    m.TranscriptEvent,
)
BAD_REQUEST = "bad-request"
LINE_LIMIT_BYTES = 64_000
FLUSH_S = 3.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_headless(settings: Settings, options: EngineOptions) -> int:
    """Run the engine on this process's stdin and stdout; return the exit code."""
    under_screen = bool(os.environ.get(STDERR_IS_LOGGED))
    _send_native_noise_to_log()
    with blocking_kept(sys.stdin.fileno(), sys.stdout.fileno()):
        exit_code, restore = asyncio.run(_run(settings, options))
    if restore is not None and not under_screen:
        replace_process(restore, sys.argv[1:])
    return exit_code


@contextlib.contextmanager
def blocking_kept(*descriptors: int) -> Iterator[None]:
    """Leave terminals and pipes as blocking as they were: other programs read and write them, too.

    Asyncio changes that, for all who share them, and may close the descriptors.
    """
    before = [(os.dup(each), os.get_blocking(each)) for each in descriptors]
    try:
        yield
    finally:
        for shared, is_blocking in before:
            os.set_blocking(shared, is_blocking)
            os.close(shared)


async def _run(settings: Settings, options: EngineOptions) -> tuple[int, str | None]:
    """Run the engine; return the exit code, and what restores its call if it is to go on."""
    loop = asyncio.get_running_loop()
    output = await _open_stdout(loop)
    revival = Revival(lambda event: emit_line(output, event))
    engine = Engine(settings, options, revival.emit)
    revival.handle = engine.handle
    for number in SIGNALS:
        loop.add_signal_handler(number, engine.handle, m.Quit())
    reading = asyncio.create_task(_read_requests(engine, output))
    try:
        exit_code = await engine.run()
    finally:
        reading.cancel()
    await _flush(output)
    for number in SIGNALS:
        # The end has been reached in order: a signal that comes now changes nothing.
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)
    return exit_code, revival.lines


def _send_native_noise_to_log() -> None:
    """Let what native libraries print on file descriptor 2 end up in the log file, redacted."""
    if os.environ.get(STDERR_IS_LOGGED):
        return
    try:
        log = os.open(log_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)
    with LogPipe(log) as pipe:
        os.dup2(pipe.writer, 2)


class _Stdout(asyncio.Protocol):
    """The writing side of stdout; knows when the reader has gone."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()


class LineWriter:
    """Lines to a pipe without ever waiting, or straight to a file or terminal."""

    def __init__(self, transport: asyncio.WriteTransport | None, gone: asyncio.Event) -> None:
        self.transport = transport
        self.gone = gone

    def write(self, line: bytes) -> None:
        if self.transport is not None:
            self.transport.write(line)
            return
        try:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        except OSError:
            self.gone.set()

    @property
    def backlog_bytes(self) -> int:
        return self.transport.get_write_buffer_size() if self.transport else 0


async def _open_stdout(loop: asyncio.AbstractEventLoop) -> LineWriter:
    mode = os.fstat(sys.stdout.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return LineWriter(None, asyncio.Event())
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    transport, protocol = await loop.connect_write_pipe(_Stdout, pipe)
    return LineWriter(transport, protocol.gone)


def emit_line(output: LineWriter, event: m.Event) -> bool:
    """Write the event unless the client is too far behind; return whether it was written.

    What is emitted again gives way first, and answers to nonsense; what is said once, only to a
    client that asks much and reads nothing. An event that ends the engine is always written.
    """
    is_last = isinstance(event, m.ByeEvent) or getattr(event, "exit_code", None) is not None
    gives_way = isinstance(event, _SAID_AGAIN) or getattr(event, "code", "") == BAD_REQUEST
    limit_bytes = MAX_BACKLOG_BYTES if gives_way else MAX_ONCE_BACKLOG_BYTES
    if output.backlog_bytes > limit_bytes and not is_last:
        return False
    output.write(codec.encode_line(event))
    return True


async def _flush(output: LineWriter) -> None:
    """Give a slow reader FLUSH_S to take the last lines."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_S):
            while output.backlog_bytes and not output.gone.is_set():
                await asyncio.sleep(0.01)


async def _read_requests(engine: Engine, output: LineWriter) -> None:
    """Read requests until the client goes away; then quit, unless stdin never was a client."""
    gone = asyncio.create_task(output.gone.wait())
    gone.add_done_callback(lambda task: None if task.cancelled() else engine.handle(m.Quit()))
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()):
        for line in sys.stdin.buffer:
            _handle_line(engine, output, line)
        return
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while True:
        line = await read_line(reader)
        if line is None:
            _refuse(output, "a line that is too long")
        elif line:
            _handle_line(engine, output, line)
        else:
            engine.handle(m.Quit())
            return


async def read_line(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next line, b"" at the end, None for one beyond the reader's limit.

    Of that one all is passed over: its tail must not be taken for a request.
    """
    is_too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            line = end.partial
        except asyncio.LimitOverrunError as overrun:
            is_too_long = True
            await reader.readexactly(overrun.consumed)
            continue
        return None if is_too_long else line


def _handle_line(engine: Engine, output: LineWriter, line: bytes) -> None:
    if not line.strip():
        return
    try:
        request = codec.decode_request(line)
    except WireError as error:
        _refuse(output, plain_text(str(error)))
        return
    engine.handle(request)


def _refuse(output: LineWriter, why: str) -> None:
    emit_line(
        output,
        m.ErrorEvent(
            code=BAD_REQUEST,
            message=f"A line was not understood: {why}.",
            hint='Send one JSON object a line, such as {"cmd":"pause"}.',
        ),
    )
