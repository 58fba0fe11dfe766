#!/usr/bin/env bash
# One would guess: a request about a room that does not exist is answered with 404, whichever it is.
# What happens: livekit-server answers so to GetParticipant, RemoveParticipant and DeleteRoom. ListParticipants
#   gives an empty list. SendData waits for some seconds and gives 503, "no response from servers", with
#   a server that is well.
# Why it matters: 503 is what one waits for and tries again. A service that sends to a call that has ended
#   takes the server for down, and each try holds it up by them.
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
import time

import aiohttp
from livekit import api

KEY, SECRET = "finding", "finding-finding-finding-finding-finding"


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def answer(request: object) -> str:
    began_s = time.monotonic()
    try:
        await request
        status = "200"
    except api.ServerError as error:
        status = str(error.status)
    return f"{status} after {time.monotonic() - began_s:.0f} s"


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
        async with aiohttp.ClientSession() as session:
            rooms = api.LiveKitAPI(f"http://127.0.0.1:{port}", KEY, SECRET, session=session).room
            who = api.RoomParticipantIdentity(room="none", identity="none")
            found = {
                "GetParticipant": await answer(rooms.get_participant(who)),
                "DeleteRoom": await answer(rooms.delete_room(api.DeleteRoomRequest(room="none"))),
                "ListParticipants": await answer(
                    rooms.list_participants(api.ListParticipantsRequest(room="none"))
                ),
                "SendData": await answer(rooms.send_data(api.SendDataRequest(room="none", data=b"x"))),
            }
    finally:
        server.kill()
    print(
        "livekit-server 1.13.5, livekit-api 1.2.2, a room that does not exist: "
        + ", ".join(f"{name} {what}" for name, what in found.items()),
        flush=True,
    )
    return [what.split()[0] for what in found.values()] == ["404", "404", "200", "503"]


same = asyncio.run(main())
os._exit(not same)
PY
