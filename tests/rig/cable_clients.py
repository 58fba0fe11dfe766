"""Clients of the cable that are not ours, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from callplayer.vendor.transcript import Transcript, iter_words
from tests.rig.cable import identifier
from tests.rig.node import SOURCES, node, node_script

STALE_S = 2.0
CLIENTS = [
    ("rails", "actioncable-v1-json"),
    ("anycable", "actioncable-v1-json"),
    ("anycable", "actioncable-v1-ext-json"),
]
RESUMING = CLIENTS[2]

Event = dict[str, Any]


class NodeClient:
    """One client in a process of its own, and all that it reports."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[Event] = []
        self.transcript = Transcript()
        self.messages = 0

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == "words":
                self.messages += 1
                words = tuple(iter_words(msgspec.json.encode(event["message"])))
                self.transcript = self.transcript.apply(words)

    async def until(self, is_true: Callable[[NodeClient], bool], timeout_s: float = 20.0) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not is_true(self):
                    await asyncio.sleep(0.02)
        assert is_true(self), self.events[-5:]

    async def reported(self, event: str, timeout_s: float = 20.0, **fields: Any) -> None:
        """Wait until it has reported such an event."""
        wanted = {"event": event, **fields}
        await self.until(
            lambda each: any(wanted.items() <= e.items() for e in each.events), timeout_s
        )

    def texts(self) -> list[str]:
        return [word.word for word in self.transcript.in_order()]


@contextlib.asynccontextmanager
async def running(
    kind: tuple[str, str], url: str, incident: str, **more: Any
) -> AsyncIterator[NodeClient]:
    """A client while the block lasts."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(node_script(SOURCES / "cable_client.mjs")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    asked = {
        "client": kind[0],
        "protocol": kind[1],
        "url": url,
        "identifier": json.loads(identifier(incident)),
        "stale_s": STALE_S,
    }
    process.stdin.write(json.dumps(asked | more).encode() + b"\n")
    client = NodeClient(process)
    reading = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 10)
        await reading
