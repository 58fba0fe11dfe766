#!/usr/bin/env bash
# One would guess: mixing two equal channels into one gives the same level whatever sample format
#   the result has.
# What happens: FFmpeg's resampler (here by PyAV) scales the mix down only where the result is an
#   integer format. Asked for float it gives 3 dB more, beyond full scale: 0.9 becomes 1.27. Mono to
#   stereo is 3 dB lower in both.
# Why it matters: a decoder that is changed from s16 to float plays stereo recordings louder, and what
#   it writes as 16 bits afterwards is clipped.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 'numpy<3'
"$work/venv/bin/python" - <<'PY'
import sys

import av
import numpy as np

tone = (0.9 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)


def peak(channels, layout_in: str, layout_out: str, sample_format: str) -> float:
    frame = av.AudioFrame.from_ndarray(np.stack(channels), format="fltp", layout=layout_in)
    frame.sample_rate = 48_000
    resampler = av.AudioResampler(format=sample_format, layout=layout_out, rate=48_000)
    out = np.concatenate([f.to_ndarray() for f in resampler.resample(frame)], axis=1)
    full_scale = 32768 if sample_format == "s16" else 1
    return round(float(np.abs(out.astype(np.float64)).max()) / full_scale, 2)


down = {f: peak([tone, tone], "stereo", "mono", f) for f in ("s16", "flt")}
up = {f: peak([tone], "mono", "stereo", f) for f in ("s16", "flt")}
print(f"PyAV {av.__version__}: peak 0.9 in both channels, to mono: {down}; mono 0.9 to stereo: {up}")
sys.exit(not (down == {"s16": 0.9, "flt": 1.27} and up == {"s16": 0.64, "flt": 0.64}))
PY
