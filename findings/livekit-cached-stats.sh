#!/usr/bin/env bash
# One would guess: get_stats() says how the track is when it is asked: with a packet every 20 ms, a look 35 ms
#   after another one counts one packet more, or two.
# What happens: WebRTC answers from a cache for 50 ms. A second look within that time is the first one over
#   again, to the last counter; a look 80 ms later is fresh.
# Why it matters: who acts on what has come since (packets after a seek, a jitter buffer that has turned over)
#   sees nothing come where a look of another part of the program was shortly before.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOBIN="$work" CGO_ENABLED=0 go install github.com/livekit/livekit-server/cmd/server@v1.13.5
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check livekit==1.2.1 livekit-api==1.2.2
SERVER="$work/server" "$work/venv/bin/python" - 2>"$work/log" <<'PY' || { cat "$work/log" >&2; exit 1; }
import asyncio
import contextlib
import json
import os
import socket
import subprocess

from livekit import api, rtc

KEY, SECRET = "finding", "finding-finding-finding-finding-finding"
LOOKS = 20


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(room: str, identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room_create=True, room=room)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


async def feed(source: rtc.AudioSource) -> None:
    while True:
        await source.capture_frame(rtc.AudioFrame.create(48_000, 1, 480))
        await asyncio.sleep(0.01)


async def packets(track: rtc.Track) -> int:
    for stat in await track.get_stats():
        if stat.HasField("inbound_rtp"):
            return stat.inbound_rtp.received.packets_received
    return 0


async def same_after(track: rtc.Track, apart_s: float) -> int:
    """Return how many of LOOKS second looks, `apart_s` after a first, are no newer than it."""
    same = 0
    for _ in range(LOOKS):
        await asyncio.sleep(0.1)  # the first look is a fresh one
        first = await packets(track)
        await asyncio.sleep(apart_s)
        same += await packets(track) == first
    return same


async def looks(url: str) -> tuple[int, int]:
    sender, listener = rtc.Room(), rtc.Room()
    subscribed = asyncio.get_running_loop().create_future()
    listener.on("track_subscribed", lambda track, *_: subscribed.set_result(track))
    await sender.connect(url, token("room", "sender"))
    source = rtc.AudioSource(48_000, 1, queue_size_ms=0)
    track = rtc.LocalAudioTrack.create_audio_track("one", source)
    await sender.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=False))
    feeding = asyncio.create_task(feed(source))
    await listener.connect(url, token("room", "listener"))
    track = await asyncio.wait_for(subscribed, 10)
    await asyncio.sleep(1.0)
    found = await same_after(track, 0.035), await same_after(track, 0.08)
    feeding.cancel()
    await sender.disconnect()
    await listener.disconnect()
    return found


async def main() -> bool:
    port = free_port(socket.SOCK_STREAM)
    rtc_ports = {"udp_port": free_port(socket.SOCK_DGRAM), "tcp_port": 0, "node_ip": "127.0.0.1"}
    rtc_ports["enable_loopback_candidate"] = True
    settings = {"port": port, "bind_addresses": ["127.0.0.1"], "keys": {KEY: SECRET}, "rtc": rtc_ports}
    server = subprocess.Popen(
        [os.environ["SERVER"]], env=os.environ | {"LIVEKIT_CONFIG": json.dumps(settings)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            await asyncio.sleep(0.05)
        url = f"ws://127.0.0.1:{port}"
        soon, later = await looks(url)
    finally:
        server.kill()
    print(
        f"livekit 1.2.1: {soon} of {LOOKS} looks 35 ms after another count no packet more,"
        f" {later} of {LOOKS} looks 80 ms after it",
        flush=True,
    )
    return soon >= LOOKS - 2 and later <= 2


same = asyncio.run(main())
os._exit(not same)
PY
