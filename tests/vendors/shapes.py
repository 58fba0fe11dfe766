"""One status in the shapes that valid servers may give it."""

from __future__ import annotations

import json
from typing import Any

from livekit import rtc

from tests.vendors.variant import Shape

BOM, NUL = b"\xef\xbb\xbf", b"\0"


def shaped(status: dict[str, Any], shape: Shape) -> bytes:
    """Return a status as the bytes of a data packet."""
    match shape:
        case "strings":
            words = {name: _as_text(value) for name, value in status.items()}
            return json.dumps(words | {"kind": "Status"}).encode()
        case "bom":
            return BOM + json.dumps(status).encode() + NUL
        case "wrapped":
            return json.dumps({"type": "event", "data": status}).encode()
        case "list":
            return json.dumps([{"kind": "other"}, status]).encode()
    return json.dumps(status).encode()


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else 0
    return str(value)


async def send_status(room: rtc.Room, status: dict[str, Any], shape: Shape) -> None:
    """Send a status in its shape to all in the room."""
    participant = room.local_participant
    if shape == "text-stream":
        await participant.send_text(json.dumps(status), topic="status")
        return
    if shape == "byte-stream":
        writer = await participant.stream_bytes("status.json", topic="status")
        await writer.write(json.dumps(status).encode())
        await writer.aclose()
        return
    topic = "playback" if shape == "topic" else ""
    await participant.publish_data(shaped(status, shape), reliable=True, topic=topic)
