#!/usr/bin/env bash
# One would guess: digital silence stays digital silence when its rate is changed.
# What happens: python-soxr dithers 16-bit output by default, so an input of zeros comes out as a
#   mix of -1, 0 and 1. The Python interface has no switch for it; floating-point output has no dither.
# Why it matters: "no sound at all" (a paused sender, a gap that was filled) can no longer be told
#   from quiet sound by looking for zeros once 16-bit sound has been resampled.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check soxr==1.1.0 'numpy<3'
"$work/venv/bin/python" - <<'PY'
import sys

import numpy as np
import soxr

zeros = np.zeros(48_000, np.int16)
values = np.unique(soxr.resample(zeros, 48_000, 16_000)).tolist()
share = float(np.mean(soxr.resample(zeros, 48_000, 16_000) != 0))
as_float = np.unique(soxr.resample(zeros.astype(np.float32), 48_000, 16_000)).tolist()
print(
    f"soxr {soxr.__version__}: zeros, 48 to 16 kHz: int16 gives {values}, {share:.0%} of them not 0;"
    f" float32 gives {as_float}"
)
sys.exit(not (values == [-1, 0, 1] and as_float == [0.0]))
PY
