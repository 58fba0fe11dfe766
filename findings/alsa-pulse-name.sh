#!/usr/bin/env bash
# One would guess: PULSE_PROP, which libpulse reads in every client, names a program that plays through
#   ALSA's plugin `pulse` in the desktop's mixer.
# What happens: other properties of it arrive, and application.name does not: the plugin sets its own, "ALSA
#   plug-in [BINARY]", with an interpreter's name for every script, and the variable only fills gaps.
# Why it matters: all programs of one interpreter are one row in the mixer, and share the volume and the mute
#   that it remembers by that name. A key of one's own, module-stream-restore.id, does arrive.
# Needs: pulseaudio, pulseaudio-utils, libasound2-plugins, libportaudio2.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/pid" 2>/dev/null)" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check sounddevice==0.5.1 'numpy<3'
cat >"$work/asound.conf" <<'CONF'
</usr/share/alsa/alsa.conf>
@hooks.!0 { func load files [ ] errors false }
pcm.!default { type pulse }
CONF
export HOME=$work XDG_RUNTIME_DIR=$work ALSA_CONFIG_PATH=$work/asound.conf PULSE_SERVER=unix:$work/native LC_ALL=C
pulseaudio -n --daemonize=no --exit-idle-time=-1 --use-pid-file=no --log-level=error \
    --load="module-native-protocol-unix socket=$work/native auth-anonymous=1" \
    --load="module-null-sink sink_name=one" >/dev/null 2>&1 &
echo $! >"$work/pid"
sleep 1.5
PULSE_PROP='application.name=mine media.software=known' "$work/venv/bin/python" - 2>/dev/null <<'PY'
import re
import subprocess
import sys
import time

import sounddevice as sd

with sd.OutputStream(device="default", channels=2, samplerate=48_000, callback=lambda *_: None):
    time.sleep(1.0)
    listed = subprocess.run(
        ["pactl", "list", "sink-inputs"], check=True, capture_output=True, text=True
    ).stdout
found = dict(re.findall(r'^\s*([\w.]+) = "(.*)"$', listed, re.MULTILINE))
version = subprocess.run(["pulseaudio", "--version"], capture_output=True, text=True).stdout.split()[1]
print(
    f"PulseAudio {version}: PULSE_PROP's media.software is {found.get('media.software')!r},"
    f" its application.name is {found.get('application.name')!r}"
)
sys.exit(not (found.get("media.software") == "known" and found["application.name"] != "mine"))
PY
