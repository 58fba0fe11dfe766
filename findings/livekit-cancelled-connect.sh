#!/usr/bin/env bash
# One would guess: a Room.connect() that takes too long can be given up, as every coroutine: by asyncio.timeout
#   or by cancelling its task. The SDK handles the cancellation itself: it fails the room's sid with "room
#   connection was cancelled".
# What happens: the native library goes on connecting. Once it has, it waits 15 s for a request that only the
#   cancelled connect() would have sent, takes its absence for a panic, and the SDK sends SIGTERM to the process.
# Why it matters: a timeout around connect() in a program that plays many rooms ends all of them, some 15 s after
#   it, on the day when the server is slow. Shield the connect, and leave the room when it is there.
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
import signal
import socket
import subprocess
import time

from livekit import api, rtc

KEY, SECRET = "finding", "finding-finding-finding-finding-finding"


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main() -> str:
    port = free_port(socket.SOCK_STREAM)
    rtc_ports = {"udp_port": free_port(socket.SOCK_DGRAM), "tcp_port": 0, "node_ip": "127.0.0.1"}
    settings = {"port": port, "bind_addresses": ["127.0.0.1"], "keys": {KEY: SECRET}, "rtc": rtc_ports}
    server = subprocess.Popen(
        [os.environ["SERVER"]], env=os.environ | {"LIVEKIT_CONFIG": json.dumps(settings)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            await asyncio.sleep(0.05)
        grants = api.VideoGrants(room_join=True, room="finding")
        token = api.AccessToken(KEY, SECRET).with_identity("one").with_grants(grants).to_jwt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.002):
                await rtc.Room().connect(f"ws://127.0.0.1:{port}", token)
        began_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(40.0):
                await ended.wait()
        return f"SIGTERM to itself after {time.monotonic() - began_s:.0f} s" if ended.is_set() else "nothing"
    finally:
        server.kill()


found = asyncio.run(main())
print(f"livekit 1.2.1, livekit-server 1.13.5, a connect that is cancelled after 2 ms: {found}", flush=True)
os._exit(not found.startswith("SIGTERM"))
PY
