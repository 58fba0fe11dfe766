#!/usr/bin/env bash
# One would guess: ALSA's null device, or a file one on top of it, takes sound as a card does, at the rate
#   that was asked for, and throws it away: the way to run a player where there is no card.
# What happens: it has no clock. PortAudio's callback is asked for some 50 million frames a second at
#   48,000, about a thousand times real time, and the latency told is 35 ms as of any device.
# Why it matters: a configuration that silences a machine without a card makes a call's cursor run through
#   it in a second, with a core busy. Tell it by the rate, not by the name: it can be `default`.
# Needs: libportaudio2.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check sounddevice==0.5.1 'numpy<3'
cat >"$work/asound.conf" <<'CONF'
</usr/share/alsa/alsa.conf>
@hooks.!0 { func load files [ ] errors false }
pcm.!default { type null }
pcm.written { type file slave.pcm default file /dev/null format raw }
CONF
ALSA_CONFIG_PATH=$work/asound.conf "$work/venv/bin/python" - 2>/dev/null <<'PY'
import sys
import time

import sounddevice as sd

HZ, LASTS_S = 48_000, 1.0


def frames_per_second(device: str) -> tuple[float, float]:
    taken = 0

    def fill(out: object, frames: int, *_: object) -> None:
        nonlocal taken
        taken += frames

    with sd.OutputStream(device=device, channels=2, samplerate=HZ, callback=fill) as stream:
        time.sleep(LASTS_S)
        return taken / LASTS_S, stream.latency


found = {device: frames_per_second(device) for device in ("default", "written")}
print(
    f"sounddevice {sd.__version__}, {sd.get_portaudio_version()[1].split(',')[0]}: asked for {HZ} frames/s: "
    + ", ".join(f"{name} takes {rate:.1e}/s, latency {lag * 1000:.0f} ms" for name, (rate, lag) in found.items())
)
sys.exit(not all(rate > 20 * HZ for rate, _ in found.values()))
PY
