#!/usr/bin/env bash
# One would guess: a library that gives a WAV file's length gives it for the codecs of telephony, too, or none.
# What happens: mutagen divides the sound's bytes by the size of a block, as if a block were one sample. For GSM
#   6.10 a block is 320 samples, for IMA ADPCM here 505: a call of 10 minutes is 1.9 s long, or 1.2 s. For µ-law,
#   whose block is a sample, it is right.
# Why it matters: recorders of dispatch centres write just these. An archive that is sorted, searched or billed by
#   length takes each call for a misdial, and nothing is raised. tinytag reads the same files rightly.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    mutagen==1.48.1 tinytag==2.3.2 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import mutagen
import numpy as np
import soundfile
import tinytag
from mutagen.wave import WAVE

LASTS_S = 600
found = {}
for coding in ("ULAW", "GSM610", "IMA_ADPCM"):
    soundfile.write("call.wav", np.zeros(LASTS_S * 8000), 8000, subtype=coding)
    found[coding] = (round(WAVE("call.wav").info.length, 1), round(tinytag.TinyTag.get("call.wav").duration, 1))
print(
    f"mutagen {mutagen.version_string}, tinytag {tinytag.__version__}: {LASTS_S} s of WAV: "
    + ", ".join(f"{coding} {one} s, {other} s" for coding, (one, other) in found.items())
)
same = found["ULAW"] == (LASTS_S, LASTS_S) and found["GSM610"][0] < 2 and found["IMA_ADPCM"][0] < 2
sys.exit(not (same and all(abs(other - LASTS_S) < 1 for _, other in found.values())))
PY
