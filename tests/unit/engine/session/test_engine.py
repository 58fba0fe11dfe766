"""What the engine as a whole must do, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest

from callplayer.config import Settings
from callplayer.engine.session.engine import Engine, EngineOptions
from callplayer.errors import UnreachableError
from callplayer.vendor.http import StreamGrant
from callplayer.vendor.status import Status, read_status_updates

COLLECTOR = """
import asyncio, gc, json, socket, sys, time
from callplayer.config import Secret, Settings
from callplayer.engine.cursor.call_state import Delays
from callplayer.ipc.messages import Quit
from callplayer.engine.session.engine import STATS_S, Engine, EngineOptions
from callplayer.vendor.status import Status, read_status_updates

collected = []
gc.callbacks.append(lambda phase, info: phase == "start" and collected.append(info["generation"]))

def litter():
    for _ in range(5_000):
        ring = []
        ring.append(ring)

async def main():
    # An API that takes connections and never answers: the engine waits for it.
    with socket.create_server(("127.0.0.1", 0)) as api:
        address = f"http://127.0.0.1:{api.getsockname()[1]}"
        settings = Settings(api_url=address, client_id="test", client_secret=Secret("test"))
        engine = Engine(settings, EngineOptions("i1", no_audio=True), lambda _: None)
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(0)
        frozen, enabled = gc.get_freeze_count(), gc.isenabled()
        seen = {}
        for name, paused in (("plays", False), ("paused", True)):
            status = Status(0, 600_000, paused, at_end=False, call_over=True)
            engine._call.take_status(status, time.monotonic(), Delays())
            collected.clear()
            litter()
            await asyncio.sleep(STATS_S + 0.4)
            seen[name] = list(collected)
        engine.handle(Quit())
        await running
        print(json.dumps([frozen, enabled, seen]))

asyncio.run(main())
"""


def test_garbage_is_collected_while_paused_and_never_while_a_call_plays() -> None:
    """A collection takes tens of ms, in which no block of sound is made."""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", COLLECTOR],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    frozen, enabled, seen = json.loads(ran.stdout)
    assert frozen > 10_000, "what was there at the start is looked through each time"
    assert not enabled
    assert seen["plays"] == []
    assert seen["paused"]
    assert set(seen["paused"]) == {2}


async def test_a_status_in_parts_is_put_together_until_a_new_room_is_joined() -> None:
    engine = Engine(Settings(), EngineOptions("i1", no_audio=True), lambda _event: None)

    def bring(payload: bytes) -> None:
        engine._source.on_statuses(read_status_updates(payload))

    bring(b'{"kind":"status","position":5000,"duration":9000,"paused":true}')
    bring(b'\xef\xbb\xbf{"Kind":"STATUS","call_over":"true"}\0')
    assert engine._call.head.status == Status(5000, 9000, True, False, True)
    bring(b'{"data":{"kind":"status","position":"6000"}}{"kind":"status","atEnd":1}')
    assert engine._call.head.status == Status(6000, 9000, True, True, True)
    assert engine._source._link.first_status.is_set()

    class Grants:
        async def stream_grant(self, *_: object, **__: object) -> StreamGrant:
            return StreamGrant("token", "ws://127.0.0.1:9")

    with pytest.raises(UnreachableError):
        await engine._source._link.join(Grants())  # type: ignore[arg-type]
    bring(b'{"kind":"status","position":1}')
    head = engine._call.head
    assert not head.knows_duration, "nothing of the old one"
    assert head.status is not None
    assert msgspec.structs.replace(head.status, duration=0) == Status(1, 0, True, False, False)
