#!/usr/bin/env bash
# One would guess: a participant that may not change its own name, metadata or attributes gets an error when
#   it tries to, as the server refuses it.
# What happens: set_name, set_metadata and set_attributes return as if all were well. Nobody's copy has
#   changed, no event comes, nothing is logged. With can_update_own_metadata in the token the same calls work.
# Why it matters: a bot that says by an attribute which party a track carries is believed to have said so, and
#   the listener takes the track for anybody's.
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


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(identity: str, may: bool) -> str:
    grants = api.VideoGrants(
        room_join=True, room_create=True, room="room", can_update_own_metadata=may
    )
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


async def tried(url: str, may: bool) -> tuple[list[str], list[str]]:
    """Return what each call gave, and what the other participant saw of them."""
    one, other = rtc.Room(), rtc.Room()
    calls, seen = [], []
    for what in ("name", "metadata", "attributes"):
        other.on(f"participant_{what}_changed", lambda *_, what=what: seen.append(what))
    await other.connect(url, token("other", False))
    await one.connect(url, token("one", may))
    await asyncio.sleep(0.5)
    for call in (
        one.local_participant.set_name("caller"),
        one.local_participant.set_metadata("caller"),
        one.local_participant.set_attributes({"role": "caller"}),
    ):
        try:
            await asyncio.wait_for(call, 10)
            calls.append("returned")
        except Exception as error:
            calls.append(repr(error))
        await asyncio.sleep(0.5)
    await one.disconnect()
    await other.disconnect()
    return calls, seen


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
        refused = await tried(f"ws://127.0.0.1:{port}", may=False)
        allowed = await tried(f"ws://127.0.0.1:{port}", may=True)
    finally:
        server.kill()
    print(
        f"livekit 1.2.1, livekit-server 1.13.5: without the grant calls {set(refused[0])}, changes seen"
        f" {refused[1]}; with it {set(allowed[0])}, {sorted(set(allowed[1]))}",
        flush=True,
    )
    return refused == (["returned"] * 3, []) and len(set(allowed[1])) == 3


same = asyncio.run(main())
os._exit(not same)
PY
