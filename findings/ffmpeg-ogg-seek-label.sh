#!/usr/bin/env bash
# One would guess: after a seek in an Ogg FLAC the first packet has the time that it has when the file is
#   read from its start.
# What happens: where the seek lands in front of a page that ends with a whole packet, libavformat gives
#   the page's first packet the time of the second one, and counts on: the last packet of that page and
#   the first of the next have the same time. So the sound after a seek is a block (512 ms at 8 kHz) off.
# Why it matters: who trusts a packet's time after a seek plays another place than was asked for. Seek
#   further back, and believe times from the second page on.
# Needs: flac.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import subprocess
import sys

import av
import numpy as np
import soundfile

noise = np.random.default_rng(3).uniform(-0.05, 0.05, 80_000)
soundfile.write("a.wav", noise, 8000, subtype="PCM_16")
subprocess.run("flac -s -f --ogg --serial-number=5 a.wav -o a.oga", shell=True, check=True)
with open("a.oga", "rb") as file, av.open(file, format="ogg") as container:
    stream = container.streams.audio[0]
    in_order = {bytes(p): p.pts for p in container.demux(stream) if p.size}
    wrong = []
    for target in range(0, 80_000, 2_000):
        container.seek(target, stream=stream)
        first = next(container.demux(stream))
        if first.pts != in_order[bytes(first)]:
            wrong.append((target, in_order[bytes(first)], first.pts))
at = f"; at {wrong[0][0]} the packet of {wrong[0][1]} is called {wrong[0][2]}" if wrong else ""
print(f"PyAV {av.__version__}: {len(wrong)} of 40 seeks misname their first packet{at}")
sys.exit(not wrong)
PY
