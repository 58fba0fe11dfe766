#!/usr/bin/env bash
# One would guess: set_subscribed(False) and then True on the tracks of a room gives each track anew, however
#   little time lies between, or at the latest once the server has negotiated.
# What happens: with two tracks and less than some 20 ms between, one of the two mostly never comes back: it is
#   neither subscribed nor unpublished, no event and no error says so, and True once more does not help.
#   With 100 ms between both come back each time.
# Why it matters: a new subscription is the one way to a fresh jitter buffer; who takes it as fast as it goes
#   loses one of the call's two speakers for good.
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
BACK_S, AGAIN_S = 3.0, 3.0


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


async def until(is_so, most_s: float = 10.0) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            while not is_so():
                await asyncio.sleep(0.02)
            return True
    return False


async def comes_back(url: str, room: str, apart_s: float) -> int:
    """Return how many of two tracks are back after both were given up and asked for again."""
    sender, listener = rtc.Room(), rtc.Room()
    here = set()
    listener.on("track_subscribed", lambda _, publication, __: here.add(publication.sid))
    listener.on("track_unsubscribed", lambda _, publication, __: here.discard(publication.sid))
    await sender.connect(url, token(room, "sender"))
    feeding = []
    for name in ("one", "two"):
        source = rtc.AudioSource(48_000, 1, queue_size_ms=0)
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        await sender.local_participant.publish_track(track)
        feeding.append(asyncio.create_task(feed(source)))
    await listener.connect(url, token(room, "listener"))
    assert await until(lambda: len(here) == 2)
    await asyncio.sleep(0.7)
    publications = list(listener.remote_participants["sender"].track_publications.values())
    for publication in publications:
        publication.set_subscribed(False)
    await asyncio.sleep(apart_s)
    for publication in publications:
        publication.set_subscribed(True)
    await asyncio.sleep(0.7)  # both have gone by now, and come back where they do
    if not await until(lambda: len(here) == 2, BACK_S):
        for publication in publications:
            publication.set_subscribed(True)
        await until(lambda: len(here) == 2, AGAIN_S)
    back = len(here)
    for task in feeding:
        task.cancel()
    await sender.disconnect()
    await listener.disconnect()
    return back


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
        at_once = [await comes_back(url, f"at-once-{n}", 0.0) for n in range(4)]
        later = [await comes_back(url, f"later-{n}", 0.1) for n in range(4)]
    finally:
        server.kill()
    print(
        "livekit 1.2.1, livekit-server 1.13.5: two tracks, unsubscribed and subscribed again:"
        f" back after 0 ms between: {at_once} of 2; after 100 ms: {later} of 2",
        flush=True,
    )
    return min(at_once) < 2 and later == [2] * 4


same = asyncio.run(main())
os._exit(not same)
PY
