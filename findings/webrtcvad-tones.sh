#!/usr/bin/env bash
# One would guess: a voice detector of telephony does not take a steady tone for a voice, least of all in its
#   most aggressive mode, and does not mind the hum of the mains, which lies below any voice.
# What happens: webrtcvad in mode 3 says speech in all frames of a 60 Hz hum at -20 dBFS and of a text
#   telephone's two tones (1400 and 1800 Hz), in nine of ten of a ringback tone, and in all of a smoke alarm's
#   beeps. A hum of 120 Hz at the same level is none.
# Why it matters: "skip the silence" stops at nothing on a line that hums, and a call that only rings is
#   full of speech.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check webrtcvad-wheels==2.0.14.post1 'numpy<3'
"$work/venv/bin/python" - <<'PY'
import importlib.metadata
import sys

import numpy as np
import webrtcvad

HZ, FRAME = 8000, 160
AT = np.arange(HZ * 5) / HZ


def tone(*frequencies_hz: float, peak: float) -> np.ndarray:
    return sum(peak * np.sin(2 * np.pi * hz * AT) for hz in frequencies_hz)


def speech(sound: np.ndarray) -> int:
    detector = webrtcvad.Vad(3)
    samples = (sound * 32767).astype("<i2")
    frames = samples.reshape(-1, FRAME)
    return round(100 * sum(detector.is_speech(frame.tobytes(), HZ) for frame in frames) / len(frames))


marks = np.where((AT * 45.45).astype(int) % 2, 1400, 1800)
found = {
    "silence": speech(0 * AT),
    "hum of 60 Hz": speech(tone(60, peak=0.1)),
    "hum of 120 Hz": speech(tone(120, peak=0.1)),
    "ringback": speech(tone(440, 480, peak=0.2)),
    "smoke alarm": speech(tone(3100, peak=0.3) * (AT % 1 < 0.5)),
    "text telephone": speech(0.3 * np.sin(2 * np.pi * np.cumsum(marks) / HZ)),
}
print(
    f"webrtcvad-wheels {importlib.metadata.version('webrtcvad-wheels')}, mode 3, % of frames with speech:"
    f" {', '.join(f'{name} {share}' for name, share in found.items())}"
)
sys.exit(not (found["silence"] == 0 and found["hum of 120 Hz"] < 10 and found["hum of 60 Hz"] > 95
              and found["ringback"] > 80 and found["text telephone"] > 95 and found["smoke alarm"] > 45))
PY
