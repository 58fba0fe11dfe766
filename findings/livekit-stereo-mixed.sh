#!/usr/bin/env bash
# One would guess: a track published from an AudioSource with two channels arrives in two channels, as one
#   from a browser does with stereo asked for.
# What happens: both channels that a listener reads are the same to the bit, and hold the mean of left and
#   right. A higher bit rate changes nothing, and no option of the SDK asks for stereo.
# Why it matters: two people on two channels is how calls are recorded. A bot in Python that plays such a
#   file mixes them for good; give each channel a track of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
GOBIN="$work" CGO_ENABLED=0 go install github.com/livekit/livekit-server/cmd/server@v1.13.5
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check livekit==1.2.1 livekit-api==1.2.2 'numpy<3'
SERVER="$work/server" "$work/venv/bin/python" - 2>"$work/log" <<'PY' || { cat "$work/log" >&2; exit 1; }
import asyncio
import json
import os
import socket
import subprocess

import numpy as np
from livekit import api, rtc

KEY, SECRET, HZ, FRAME = "finding", "finding-finding-finding-finding-finding", 48_000, 480
LEFT_HZ, RIGHT_HZ = 440, 1200


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room_create=True, room="room")
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_grants(grants).to_jwt()


async def feed(source: rtc.AudioSource) -> None:
    at = np.arange(FRAME)
    while True:
        both = np.stack([8000 * np.sin(2 * np.pi * hz * at / HZ) for hz in (LEFT_HZ, RIGHT_HZ)], axis=1)
        await source.capture_frame(rtc.AudioFrame(both.astype("<i2").tobytes(), HZ, 2, FRAME))
        at = at + FRAME


def level_db(sound: np.ndarray, hz: int) -> int:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return round(20 * np.log10(spectrum[round(hz * len(sound) / HZ)] / spectrum.max() + 1e-9))


async def heard(url: str, bit_rate: int) -> np.ndarray:
    sender, listener = rtc.Room(), rtc.Room()
    subscribed = asyncio.get_running_loop().create_future()
    listener.on("track_subscribed", lambda track, *_: subscribed.set_result(track))
    await listener.connect(url, token("listener"))
    await sender.connect(url, token("sender"))
    source = rtc.AudioSource(HZ, 2, queue_size_ms=200)
    options = rtc.TrackPublishOptions(dtx=False)
    options.audio_encoding.max_bitrate = bit_rate
    await sender.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("call", source), options
    )
    feeding = asyncio.create_task(feed(source))
    parts: list[np.ndarray] = []
    track = await asyncio.wait_for(subscribed, 10)
    async for event in rtc.AudioStream(track, sample_rate=HZ, num_channels=2):
        parts.append(np.frombuffer(event.frame.data, np.int16).reshape(-1, 2))
        if len(parts) == 200:
            break
    feeding.cancel()
    await sender.disconnect()
    await listener.disconnect()
    return np.concatenate(parts)[HZ:]


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
        await asyncio.sleep(5)
        sounds = [await heard(f"ws://127.0.0.1:{port}", rate) for rate in (48_000, 256_000)]
    finally:
        server.terminate()
        server.wait()
    left = sounds[0][:, 0].astype(float)
    same = all(np.array_equal(sound[:, 0], sound[:, 1]) for sound in sounds)
    levels = level_db(left, LEFT_HZ), level_db(left, RIGHT_HZ)
    print(
        f"livekit 1.2.1: left {LEFT_HZ} Hz, right {RIGHT_HZ} Hz; at 48 and 256 kbit/s channels the same: {same};"
        f" in the left one {LEFT_HZ} Hz {levels[0]} dB, {RIGHT_HZ} Hz {levels[1]} dB",
        flush=True,
    )
    return same and min(levels) > -3


same = asyncio.run(main())
os._exit(not same)
PY
