"""The SDK's own player: `rtc.MediaDevices.OutputPlayer`; lines in and out as in browser.mjs."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from livekit import rtc


async def main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    grant = json.loads(await reader.readline())
    room = rtc.Room()
    player = rtc.MediaDevices().open_output()
    tracks = asyncio.Queue[rtc.Track]()
    room.on("track_subscribed", lambda track, *_: tracks.put_nowait(track))
    await room.connect(grant["url"], grant["token"])
    for _ in range(2):
        await player.add_track(await tracks.get())
    await player.start()
    print(json.dumps({"ready": True}), flush=True)
    while line := await reader.readline():
        sent_ms = time.time() * 1000
        await room.local_participant.publish_data(line.strip(), reliable=True)
        print(json.dumps({"sent_wall_ms": sent_ms}), flush=True)
    await player.aclose()
    await room.disconnect()


asyncio.run(main())
