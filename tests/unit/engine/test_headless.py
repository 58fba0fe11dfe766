"""Lines on stdin: each whole, and one that is too long passed over to its end."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callplayer.engine.headless import (
    MAX_BACKLOG_BYTES,
    MAX_ONCE_BACKLOG_BYTES,
    LineWriter,
    blocking_kept,
    emit_line,
    read_line,
)
from callplayer.ipc import messages as m

LIMIT_BYTES = 64


async def _lines(*pieces: bytes) -> list[bytes | None]:
    """Return what is read of pieces that come one after the other, up to the end."""
    reader = asyncio.StreamReader(limit=LIMIT_BYTES)

    async def feed() -> None:
        for piece in pieces:
            reader.feed_data(piece)
            await asyncio.sleep(0)
        reader.feed_eof()

    feeding = asyncio.create_task(feed())
    lines: list[bytes | None] = []
    while (line := await read_line(reader)) != b"":
        lines.append(line)
    await feeding
    return lines


async def test_each_line_is_read_whole() -> None:
    assert await _lines(b"one\ntw", b"o\nthree") == [b"one\n", b"two\n", b"three"]


@pytest.mark.parametrize("pieces", [1, 3])
async def test_the_tail_of_a_line_that_is_too_long_is_no_line(pieces: int) -> None:
    long = [b"x" * LIMIT_BYTES] * pieces
    assert await _lines(*long, b'{"cmd":"pause"}\n', b"next\n") == [None, b"next\n"]


async def test_a_long_line_that_never_ends_is_none() -> None:
    assert await _lines(b"x" * 1000) == [None]


@given(
    lines=st.lists(st.binary(max_size=200).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    cut=st.integers(1, 90),
)
@settings(max_examples=100, deadline=None)
def test_however_it_is_cut_it_reads_the_same(lines: list[bytes], cut: int) -> None:
    sent = b"".join(line + b"\n" for line in lines)
    pieces = [sent[at : at + cut] for at in range(0, len(sent), cut)]
    read = asyncio.run(_lines(*pieces))
    assert len(read) == len(lines)
    for line, got in zip(lines, read, strict=True):
        # At the limit it depends on whether the end of the line has come yet.
        if len(line) < LIMIT_BYTES:
            assert got == line + b"\n"
        elif len(line) > LIMIT_BYTES:
            assert got is None


def test_a_terminal_and_a_pipe_stay_as_blocking_as_they_were() -> None:
    reader, writer = os.pipe()
    shared = os.dup(reader)
    os.set_blocking(writer, False)

    async def read() -> None:
        pipe = os.fdopen(reader, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, pipe)
        assert not os.get_blocking(shared)
        transport.close()

    with blocking_kept(reader, writer):
        asyncio.run(read())
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(reader)
    assert os.get_blocking(shared)
    assert not os.get_blocking(writer)
    os.close(shared)
    os.close(writer)


class Unread(asyncio.WriteTransport):
    """A pipe without a reader; `kept` is what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.kept += data

    def get_write_buffer_size(self) -> int:
        return len(self.kept)


async def test_a_client_that_reads_nothing_is_sent_what_is_said_once_and_how_it_ends() -> None:
    pipe = Unread()
    output = LineWriter(pipe, asyncio.Event())
    refused = m.ErrorEvent(
        code="bad-request", message="A line was not understood.", hint="Mend it."
    )
    reported = sum(emit_line(output, refused) for _ in range(10_000))
    assert 0 < reported < 10_000
    assert len(pipe.kept) < MAX_BACKLOG_BYTES + 1_000
    assert not emit_line(output, m.StateEvent(phase="playing"))
    assert not emit_line(output, m.TranscriptEvent(state="open"))
    once = (
        m.ClipEvent(stage="saved", start_ms=0, end_ms=1_000, sound="/clips/x.flac"),
        m.ErrorEvent(code="clip-not-saved", message="The disk is full.", hint="Free some."),
        m.EvenedEvent(parties=()),
        m.IncidentEvent(id="i1"),
        m.DevicesEvent(devices=()),
    )
    assert all(emit_line(output, event) for event in once)
    assert not all(emit_line(output, event) for event in once * 5_000)
    assert len(pipe.kept) < MAX_ONCE_BACKLOG_BYTES + 1_000
    assert emit_line(
        output, m.ErrorEvent(code="unreachable", message="No.", hint="Try.", exit_code=5)
    )
    assert emit_line(output, m.ByeEvent(exit_code=5))
