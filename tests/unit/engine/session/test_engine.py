"""What the engine as a whole must do, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys

COLLECTOR = """
import asyncio, gc, json, socket, sys, time
from callplayer.config import Secret, Settings
from callplayer.engine.cursor.call_state import Delays
from callplayer.engine.cursor.playback import PlaybackState
from callplayer.ipc.messages import Quit
from callplayer.engine.session.engine import STATS_S, Engine
from callplayer.engine.session.options import EngineOptions
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
        call = PlaybackState()
        engine = Engine(settings, EngineOptions("i1", no_audio=True), lambda _: None, call=call)
        running = asyncio.create_task(engine.run())
        await asyncio.sleep(0)
        frozen, enabled = gc.get_freeze_count(), gc.isenabled()
        seen = {}
        for name, paused in (("plays", False), ("paused", True)):
            status = Status(0, 600_000, paused, at_end=False, call_over=True)
            call.take_status(status, time.monotonic(), Delays())
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
