#!/usr/bin/env bash
# One would guess: what a parser of RTP gives as the payload is the payload: after the header extension where
#   the X bit is set, and without the padding where the P bit is.
# What happens: dpkt and scapy read both bits and stop there. The extension's bytes stand before the sound,
#   the padding's behind it. aiortc gives the 8 bytes that were sent.
# Why it matters: WebRTC sends an extension in every packet of sound. A call cut out of a capture as G.711
#   has 8 strange samples in each 168, a buzz at 50 Hz, and is 5 % too long; an Opus decoder refuses it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check dpkt==1.9.8 scapy==2.8.0 aiortc==1.16.0
"$work/venv/bin/python" -W ignore - <<'PY'
import importlib.metadata
import struct
import sys

import dpkt
from aiortc.rtp import RtpPacket
from scapy.layers.rtp import RTP

SOUND = b"OPUSDATA"
EXTENSION = struct.pack("!HH", 0xBEDE, 1) + bytes([0x10, 0xB5, 0, 0])  # RFC 8285, one level of sound
PADDING = bytes([0, 0, 0, 4])


def payloads(first_byte: int, body: bytes) -> dict[str, bytes]:
    packet = struct.pack("!BBHII", first_byte, 111, 1000, 48_000, 0x11223344) + body
    return {
        "dpkt": bytes(dpkt.rtp.RTP(packet).data),
        "scapy": bytes(RTP(packet).payload),
        "aiortc": RtpPacket.parse(packet).payload,
    }


extended, padded = payloads(0x90, EXTENSION + SOUND), payloads(0xA0, SOUND + PADDING)
print(
    "8 bytes of sound, with an extension and with padding: "
    + ", ".join(
        f"{name} {importlib.metadata.version(name)} {len(extended[name])} and {len(padded[name])} bytes"
        for name in extended
    )
)
wrong = all(extended[n] == EXTENSION + SOUND and padded[n] == SOUND + PADDING for n in ("dpkt", "scapy"))
sys.exit(not (wrong and extended["aiortc"] == padded["aiortc"] == SOUND))
PY
