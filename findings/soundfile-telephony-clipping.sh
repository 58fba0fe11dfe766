#!/usr/bin/env bash
# One would guess: sound beyond full scale is clipped whatever a file stores, as soundfile asks libsndfile
#   to clip in every file that it opens.
# What happens: it is where the file stores plain integers. In the formats of telephony (µ-law, A-law,
#   GSM 6.10, IMA, MS and G.721 ADPCM) each sample beyond full scale wraps around to the other end, or
#   to silence: a sine at 1.2 comes back with errors of up to the whole range.
# Why it matters: a mix or a gain that goes 1 dB over is a little harsh in one format and a buzz that
#   drowns the words in another. Clip before writing.
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
SINE = np.sin(2 * np.pi * 200 * np.arange(HZ) / HZ).astype(np.float32)
PLAIN = ("PCM_U8", "PCM_16", "PCM_24")
TELEPHONY = ("ULAW", "ALAW", "GSM610", "IMA_ADPCM", "MS_ADPCM", "G721_32")


def wrong(subtype: str, peak: float) -> float:
    file = io.BytesIO()
    sf.write(file, SINE * np.float32(peak), HZ, format="WAV", subtype=subtype)
    file.seek(0)
    read, _ = sf.read(file, dtype="float32")
    return float(np.abs(read[1000:HZ] - np.clip(SINE * peak, -1, 1)[1000:]).max())


over = {name: wrong(name, 1.2) for name in PLAIN + TELEPHONY}
under = max(wrong(name, 0.9) for name in PLAIN + TELEPHONY)
print(
    f"soundfile {sf.__version__}, libsndfile {sf.__libsndfile_version__}: largest error of a sine at 1.2,"
    f" beside the clipped one: {', '.join(f'{name} {error:.2f}' for name, error in over.items())};"
    f" at 0.9 at most {under:.2f}"
)
sys.exit(not (all(over[n] < 0.02 for n in PLAIN) and all(over[n] > 0.7 for n in TELEPHONY) and under < 0.3))
PY
