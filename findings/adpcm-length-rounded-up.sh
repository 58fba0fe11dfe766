#!/usr/bin/env bash
# One would guess: a call written as GSM 6.10 or ADPCM in WAV comes back with as many samples as were written: the
#   format has a chunk, `fact`, for just that number, as these codecs only know whole blocks.
# What happens: libsndfile writes the number there and does not read it: 8001 samples come back as 8320 in GSM, as
#   8500 in MS ADPCM. FFmpeg says 8001 as the stream's duration, and decodes 8320 and 8500, too.
# Why it matters: a call that is recorded in pieces, or cut and joined, gets up to 60 ms of what nobody said at each
#   joint, and its second channel or transcript slips by the sum. Read `fact` by yourself, and cut.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import struct
import sys

import av
import numpy as np
import soundfile

COUNT = 8001
found = {}
for coding in ("GSM610", "MS_ADPCM"):
    soundfile.write("a.wav", np.zeros(COUNT), 8000, subtype=coding)
    with open("a.wav", "rb") as file:
        header = file.read(200)
    (fact,) = struct.unpack_from("<I", header, header.index(b"fact") + 8)
    with av.open("a.wav") as container:
        stream = container.streams.audio[0]
        told, decoded = stream.duration, sum(frame.samples for frame in container.decode(stream))
    found[coding] = (fact, len(soundfile.read("a.wav")[0]), told, decoded)
print(
    f"libsndfile {soundfile.__libsndfile_version__}, PyAV {av.__version__}, {COUNT} samples: "
    + ", ".join(
        f"{coding}: fact {fact}, libsndfile reads {read}, FFmpeg says {told} and decodes {decoded}"
        for coding, (fact, read, told, decoded) in found.items()
    )
)
sys.exit(not (found == {"GSM610": (COUNT, 8320, COUNT, 8320), "MS_ADPCM": (COUNT, 8500, COUNT, 8500)}))
PY
