#!/usr/bin/env bash
# One would guess: a stream that PortAudio opens through PipeWire's libjack reports a latency of some ms, or
#   0 until it is linked.
# What happens: Pa_GetStreamInfo says 89,478 s, about 25 hours: the ports' latency is 2^32 - 1 frames at
#   48 kHz until the graph has been computed, and PortAudio hands that on as seconds.
# Why it matters: a player that places its cursor, or waits for sound to drain, by that latency does so for
#   a day. Bound what comes in, and use what was asked for until the callback's own times are there.
# Needs: dbus-daemon, pipewire, wireplumber, pipewire-pulse, pipewire-jack, pulseaudio-utils, libportaudio2.
set -euo pipefail
work=$(mktemp -d)
daemons=()
trap 'for each in "${daemons[@]}"; do kill "$each" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check sounddevice==0.5.1 'numpy<3'
mkdir -m 700 "$work/run"
export XDG_RUNTIME_DIR=$work/run HOME=$work PULSE_SERVER=unix:$work/run/pulse/native
dbus-daemon --session --nofork "--address=unix:path=$work/bus" >/dev/null 2>&1 &
daemons+=("$!")
export DBUS_SESSION_BUS_ADDRESS=unix:path=$work/bus
for daemon in pipewire wireplumber pipewire-pulse; do
    "$daemon" >/dev/null 2>&1 &
    daemons+=("$!")
    sleep 1.5
done
pactl load-module module-null-sink sink_name=one >/dev/null
sleep 1
LD_LIBRARY_PATH=$(dirname "$(find /usr/lib -path '*pipewire-0.3/jack/libjack.so.0' | head -1)") \
    "$work/venv/bin/python" - "$(pipewire --version | tail -1 | grep -o '[0-9.]*$')" 2>/dev/null <<'PY'
import sys

import sounddevice as sd

names = {api["name"]: number for number, api in enumerate(sd.query_hostapis())}
jack = names["JACK Audio Connection Kit"]
device = next(
    each["index"]
    for each in sd.query_devices()
    if each["hostapi"] == jack and each["max_output_channels"] >= 2
)
with sd.OutputStream(
    device=device, channels=2, samplerate=48_000, latency=0.01, callback=lambda *_: None
) as stream:
    latency_s = stream.latency
print(f"pipewire-jack {sys.argv[1]}: the latency of a new output stream is {latency_s:.0f} s")
sys.exit(not latency_s > 3600)
PY
