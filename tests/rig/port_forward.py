"""Carry TCP connections to another address: `python -m tests.rig.port_forward FROM TO PORT…`.

Listens on each PORT of the address FROM and connects to the same port of TO. Says
`{"ready": true}`; ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _forward(
    to: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(to, port)
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            far_writer.close()
    except (OSError, asyncio.CancelledError):
        pass  # no listener, or the end: the near end learns it by the close
    finally:
        writer.close()


async def forward(source: str, to: str, ports: list[int]) -> None:
    """Forward until stdin ends."""
    for port in ports:
        await asyncio.start_server(functools.partial(_forward, to, port), source, port)
    print(json.dumps({"ready": True}), flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, end.set)
    await end.wait()


if __name__ == "__main__":
    asyncio.run(forward(sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]))
