#!/usr/bin/env bash
# One would guess: an AudioSource without a queue (queue_size_ms=0) has nothing queued.
# What happens: queued_duration is counted by the clock alone. 300 frames of 10 ms are taken in some
#   tenths of a second, as there is no queue to wait for, and then nearly 3 s are said to be queued.
# Why it matters: a bot that waits for queued_duration, or for wait_for_playout, waits for sound that
#   is not there; what is really held can only be known with a queue.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check livekit==1.2.1
"$work/venv/bin/python" - <<'PY'
import asyncio
import os
import sys
import time

from livekit import rtc


async def fill(queue_ms: int) -> tuple[float, float]:
    source = rtc.AudioSource(48_000, 1, queue_size_ms=queue_ms)
    started_s = time.monotonic()
    for _ in range(300):
        await source.capture_frame(rtc.AudioFrame.create(48_000, 1, 480))
    return time.monotonic() - started_s, source.queued_duration


async def main() -> bool:
    without, with_queue = await fill(0), await fill(1000)
    print(
        f"livekit 1.2.1: 300 frames of 10 ms,"
        f" queue 0: taken in {without[0]:.1f} s, queued_duration {without[1]:.1f} s;"
        f" queue 1000 ms: {with_queue[0]:.1f} s, {with_queue[1]:.1f} s",
        flush=True,
    )
    return without[0] < 1.5 and without[1] > 1.5 and with_queue[1] <= 1.1


same = asyncio.run(main())
os._exit(not same)
PY
