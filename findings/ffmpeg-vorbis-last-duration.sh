#!/usr/bin/env bash
# One would guess: a packet's duration is how long it sounds, and is never below zero.
# What happens: in an Ogg Vorbis of 1 s by libsndfile the last packet's duration, as FFmpeg's demuxer
#   has it, is 4294967168: 128 below zero, as 32 bits. The file is valid and plays well.
# Why it matters: who adds up durations to learn a length without decoding has 27 hours for a second, and
#   refuses the file as too long.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import av
import numpy as np
import soundfile

tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
soundfile.write("a.ogg", np.stack([tone, tone], 1), 16_000)
with open("a.ogg", "rb") as file, av.open(file) as container:
    durations = [packet.duration for packet in container.demux(audio=0) if packet.size]
print(f"PyAV {av.__version__}, libsndfile {soundfile.__libsndfile_version__}: the last durations of"
      f" 16000 samples in Vorbis are {durations[-3:]}")
sys.exit(not durations[-1] > 1 << 31)
PY
