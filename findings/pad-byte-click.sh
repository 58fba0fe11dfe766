#!/usr/bin/env bash
# One would guess: the byte that pads a chunk of odd length in WAV and AIFF is no sound to any library.
# What happens: libsndfile, asked for an AIFF file of 8001 samples in µ-law, counts it in: the file says 8002, and
#   each reader gives a last sample of -32124, full scale. wavefile (npm) makes it of a WAV file that is right, and
#   that libsndfile reads as 8001 samples. In 8-bit PCM it is full scale as well, in A-law a sixth.
# Why it matters: telephony has one byte for a sample, so each second recording has an odd length: a click at its
#   end, and where recordings are joined. A peak meter says that the call was clipped.
# Needs: node, npm.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 'numpy<3'
cd "$work"
npm install --silent --no-audit --no-fund --prefix "$work" wavefile@11.0.0 >/dev/null
"$work/venv/bin/python" - <<'PY'
import json
import subprocess
import sys

import numpy as np
import soundfile

COUNT = 8001
READ = """
const sound = new (require("wavefile").WaveFile)(require("fs").readFileSync("a.wav"));
sound.fromMuLaw();
console.log(JSON.stringify(Array.from(sound.getSamples(false))));
"""
quiet = 0.01 * np.sin(2 * np.pi * 440 * np.arange(COUNT) / 8000)
last = {}
for kind in ("WAV", "AIFF"):
    soundfile.write(f"a.{kind.lower()}", quiet, 8000, subtype="ULAW", format=kind)
    samples, _ = soundfile.read(f"a.{kind.lower()}", dtype="int16")
    last[f"libsndfile's {kind} read by itself"] = (len(samples), int(samples[-1]))
read = json.loads(subprocess.run(["node", "-e", READ], check=True, capture_output=True, text=True).stdout)
last["its WAV read by wavefile 11.0.0"] = (len(read), read[-1])
print(
    f"libsndfile {soundfile.__libsndfile_version__}, {COUNT} quiet samples in µ-law: "
    + ", ".join(f"{what}: {count} samples, the last {value}" for what, (count, value) in last.items())
)
sys.exit([*last.values()] != [(COUNT, 0), (COUNT + 1, -32124), (COUNT + 1, -32124)])
PY
