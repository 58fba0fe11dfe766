#!/usr/bin/env bash
# One would guess: a WAV file in G.721 (ADPCM of 32 kbit/s) that one library writes is the same sound in another that
#   knows the coding, or is refused.
# What happens: libsndfile puts the first of two samples into a byte's low half, FFmpeg (here by PyAV) looks for it in
#   the high half: noise in the rhythm of the voice, louder than the voice itself, with no error. As an AU file both
#   agree on the halves, and FFmpeg still has 14 dB where libsndfile has 32 dB of its own file.
# Why it matters: old voice loggers wrote G.721, and archives are turned into other formats by one of the two. Listen
#   to one call of each before the originals go.
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

HZ = 8000
AT = np.arange(HZ) / HZ
sweep = 0.3 * np.sin(2 * np.pi * (200 * AT + 600 * AT**2)) * (0.6 + 0.4 * np.sin(6 * np.pi * AT))


def above_noise_db(samples: np.ndarray) -> float:
    """Return how far the sweep stands above what is not the sweep, whatever its gain."""
    gain = np.dot(samples[:HZ], sweep) / np.dot(sweep, sweep)
    return round(float(10 * np.log10((gain * sweep).var() / (samples[:HZ] - gain * sweep).var())), 1)


def by_ffmpeg(name: str) -> np.ndarray:
    with av.open(name) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]) / 32768


found = {}
for kind in ("WAV", "AU"):
    soundfile.write("a", sweep, HZ, subtype="G721_32", format=kind)
    found[kind] = (above_noise_db(soundfile.read("a")[0]), above_noise_db(by_ffmpeg("a")))
print(
    f"G.721 of libsndfile {soundfile.__libsndfile_version__}, sound above noise as itself and PyAV {av.__version__}"
    f" read it: {', '.join(f'{kind} {own} dB and {other} dB' for kind, (own, other) in found.items())}"
)
sys.exit(not (all(own > 25 for own, _ in found.values()) and found["WAV"][1] < 3 and 8 < found["AU"][1] < 20))
PY
