#!/usr/bin/env bash
# One would guess: a library's way to a lower sample rate takes out first what the new rate cannot hold, as every
#   text on sound says it must.
# What happens: pydub's set_frame_rate() only interpolates. From 48 to 8 kHz a tone of 5 kHz comes out at 3 kHz as
#   loud as it was. miniaudio's convert_frames() has a filter, and lets the same tone through 9 dB lower.
# Why it matters: both are how a recording is made fit for a telephone line or a recogniser. The hiss of "s", a
#   siren's and an alarm's overtones fold into the band in which speech is understood. soxr and sox do filter.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pydub==0.25.1 miniaudio==1.71 soxr==1.1.0 'numpy<3'
"$work/venv/bin/python" -W ignore - <<'PY'
import sys

import miniaudio
import numpy as np
import soxr
from pydub import AudioSegment

FROM_HZ, TO_HZ, TONE_HZ = 48_000, 8_000, 5_000
tone = (16_384 * np.sin(2 * np.pi * TONE_HZ * np.arange(FROM_HZ) / FROM_HZ)).astype("<i2")


def level_db(samples: np.ndarray) -> int:
    """Return the level at which the tone stands at its image, against what it was."""
    middle = samples[2000:6000].astype(float)
    at = np.arange(len(middle)) / TO_HZ
    image = 2 * abs(np.mean(middle * np.exp(-2j * np.pi * (TO_HZ - TONE_HZ) * at)))
    return round(20 * np.log10(max(image, 1e-3) / 16_384))


S16 = miniaudio.SampleFormat.SIGNED16
segment = AudioSegment(tone.tobytes(), frame_rate=FROM_HZ, sample_width=2, channels=1)
found = {
    "pydub 0.25.1": level_db(np.frombuffer(segment.set_frame_rate(TO_HZ).raw_data, "<i2")),
    "miniaudio 1.71": level_db(
        np.frombuffer(bytes(miniaudio.convert_frames(S16, 1, FROM_HZ, tone.tobytes(), S16, 1, TO_HZ)), "<i2")
    ),
    "soxr 1.1.0": level_db(soxr.resample(tone.astype(np.float32), FROM_HZ, TO_HZ)),
}
print("a tone of 5 kHz, from 48 to 8 kHz, at 3 kHz: " + ", ".join(f"{name} {db} dB" for name, db in found.items()))
pydub_db, miniaudio_db, soxr_db = found.values()
sys.exit(not (pydub_db == 0 and -12 < miniaudio_db < -6 and soxr_db < -60))
PY
