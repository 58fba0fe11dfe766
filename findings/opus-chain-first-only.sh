#!/usr/bin/env bash
# One would guess: two Ogg Opus files laid end to end, which the format calls a chain and allows, are read to their
#   end, or refused.
# What happens: libsndfile reads the first one and says that the file ends there, with no error: 3 s of 5. FFmpeg
#   decodes all 5 s, and says that it lasts 2 s, the last one's length. mutagen and tinytag say 3 s.
# Why it matters: a recorder that starts anew within a call, or goes on after a lost connection, leaves a chain.
#   What is transcribed or played with libsndfile lacks all that came after, and looks whole.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 mutagen==1.48.1 tinytag==2.3.2 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import av
import mutagen
import numpy as np
import soundfile
import tinytag
from mutagen.oggopus import OggOpus

HZ, LASTS_S = 48_000, (3, 2)
with open("chain.opus", "wb") as chain:
    for seconds in LASTS_S:
        soundfile.write("one.opus", 0.1 * np.sin(np.arange(seconds * HZ) / 20), HZ, format="OGG", subtype="OPUS")
        with open("one.opus", "rb") as one:
            chain.write(one.read())
with av.open("chain.opus") as container:
    told_s = container.duration / av.time_base
    decoded_s = sum(frame.samples for frame in container.decode(audio=0)) / HZ
found = {
    f"libsndfile {soundfile.__libsndfile_version__} reads": len(soundfile.read("chain.opus")[0]) / HZ,
    f"PyAV {av.__version__} decodes": decoded_s,
    "and says": told_s,
    f"mutagen {mutagen.version_string} says": OggOpus("chain.opus").info.length,
    f"tinytag {tinytag.__version__} says": tinytag.TinyTag.get("chain.opus").duration,
}
print("a chain of 3 s and 2 s of Opus: " + ", ".join(f"{what} {length:.1f} s" for what, length in found.items()))
sys.exit([round(length) for length in found.values()] != [3, 5, 2, 3, 3])
PY
