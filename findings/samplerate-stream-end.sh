#!/usr/bin/env bash
# One would guess: a stream that is resampled chunk by chunk, with end_of_input for the last one, gives as
#   many samples as the same sound in one piece.
# What happens: one piece gives 48,000 for 8,000 at 8 kHz to 48 kHz. In chunks of 20 ms the first comes out
#   short by the filter's length, and the last does not make up for it: 863 samples (18 ms) are missing
#   with the best filter, and asking again gives none.
# Why it matters: the last syllable's end is cut, and joined pieces of a recording slip by that much
#   each. Pad the end with silence, and cut to length.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check samplerate==0.2.4 'numpy<3'
"$work/venv/bin/python" - <<'PY'
import sys

import numpy as np
import samplerate

CHUNK, RATIO = 160, 6
sound = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
nothing = np.zeros(0, np.float32)


def streamed(filter_name: str, chunk: int) -> int:
    resampler = samplerate.Resampler(filter_name, channels=1)
    count = 0
    for start in range(0, len(sound), chunk):
        last = start + chunk >= len(sound)
        count += len(resampler.process(sound[start : start + chunk], RATIO, end_of_input=last))
    return count + sum(len(resampler.process(nothing, RATIO, end_of_input=True)) for _ in range(3))


whole = {name: streamed(name, len(sound)) for name in ("sinc_best", "sinc_medium", "sinc_fastest")}
parts = {name: streamed(name, CHUNK) for name in whole}
print(
    f"samplerate {samplerate.__version__}: 8000 samples times {RATIO}, in one piece and in chunks of {CHUNK}:"
    f" {', '.join(f'{name} {whole[name]}, {parts[name]}' for name in whole)}"
)
sys.exit(not (set(whole.values()) == {48_000} and all(48_000 - n > 100 for n in parts.values())))
PY
