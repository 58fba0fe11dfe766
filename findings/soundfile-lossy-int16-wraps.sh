#!/usr/bin/env bash
# One would guess: a file that was never beyond full scale can be read as 16-bit integers; where a lossy
#   codec goes over, the samples are clipped.
# What happens: MP3 is clipped. Ogg Vorbis and Opus wrap around: of a loud voice's second thousands of
#   samples jump from one end of the range to the other, though read as floats they are right.
# Why it matters: a shout sent as telephony has it, at full scale, becomes a roar; quiet files never show
#   it. Read floats, and clip by yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 'numpy<3'
"$work/venv/bin/python" - <<'PY'
import io
import sys

import numpy as np
import soundfile as sf

HZ = 8000
AT = np.arange(HZ * 10) / HZ
shout = 3 * np.sin(2 * np.pi * 180 * AT) * np.sin(2 * np.pi * 2.3 * AT)
shout += 0.5 * np.random.default_rng(3).standard_normal(len(AT))
stored = (np.clip(shout, -1, 1) * 32767).astype(np.int16)


def wrapped(kind: str, subtype: str) -> tuple[int, int]:
    file = io.BytesIO()
    sf.write(file, stored, HZ, format=kind, subtype=subtype)
    file.seek(0)
    floats, _ = sf.read(file, dtype="float64")
    file.seek(0)
    integers, _ = sf.read(file, dtype="int16")
    off = np.abs(np.clip(floats * 32768, -32768, 32767) - integers)
    return int((np.abs(floats) > 1).sum()), int((off > 32768).sum())


found = {name: wrapped(kind, name) for kind, name in
         (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))}
print(
    f"soundfile {sf.__version__}, libsndfile {sf.__libsndfile_version__}: samples beyond full scale, and of"
    f" them wrapped when read as int16: {', '.join(f'{name} {a}, {b}' for name, (a, b) in found.items())}"
)
sys.exit(not (found["VORBIS"][1] > 1000 and found["OPUS"][1] > 1000 and found["MPEG_LAYER_III"][1] == 0))
PY
