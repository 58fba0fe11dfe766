"""The audio thread goes before all that only computes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from tests.rig.pulse import Sink


def test_the_audio_thread_is_urgent_where_that_is_allowed(sink: Sink) -> None:
    """As root it is; the engine's other threads stay ordinary."""
    program = """
import asyncio, os, time
from callplayer.engine.sound import Sound

async def play():
    sound = Sound(48_000)
    sound.add("track", "caller")
    await sound.open("")
    await asyncio.sleep(0.5)
    print([os.sched_getscheduler(int(t)) & 3 for t in os.listdir("/proc/self/task")])
    await sound.close()

asyncio.run(play())
"""
    told = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env=os.environ | sink.environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    ).stdout
    may = resource.getrlimit(resource.RLIMIT_RTPRIO)[0] > 0 or os.geteuid() == 0
    assert told.count(str(os.SCHED_RR)) == (1 if may else 0), told
