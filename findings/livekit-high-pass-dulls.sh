#!/usr/bin/env bash
# One would guess: the high-pass filter of LiveKit's AudioProcessingModule takes off hum and rumble, some 100 Hz and
#   less, and leaves the rest as it was, in time too.
# What happens: with any part switched on, 8 kHz sound is brought to 16 kHz inside and back. What comes out is 3 ms
#   late, and lacks the top: some 20 dB above 3.6 kHz. At 16 kHz nothing of the kind is seen; at 48 kHz all above
#   16 kHz is gone.
# Why it matters: a telephone's "s" and "f" are just there. A call is duller after a filter for hum, and a processed
#   channel that is mixed with an untouched copy of it rings. Bring it to 16 kHz first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check livekit==1.2.1 'numpy<3'
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import os

import numpy as np
from livekit import rtc

FRAMES, SETTLED = 300, 100


def processed(hz: int, top_hz: tuple[int, int]) -> tuple[float, float, float]:
    """Return the levels (dB) at 500 to 2500 Hz and at the top, and how late the sound is (ms)."""
    size = hz // 100
    noise = np.random.default_rng(0).normal(0, 3000, size * FRAMES).clip(-32_000, 32_000).astype(np.int16)
    module, out = rtc.AudioProcessingModule(high_pass_filter=True), []
    for number in range(FRAMES):
        piece = noise[number * size : (number + 1) * size]
        frame = rtc.AudioFrame(bytearray(piece.tobytes()), hz, 1, size)
        module.process_stream(frame)
        out.append(np.frombuffer(bytes(frame.data), np.int16))
    before, after = (part[size * SETTLED :].astype(float) for part in (noise, np.concatenate(out)))
    power = [np.abs(np.fft.rfft(part)) ** 2 for part in (before, after)]
    at_hz = np.fft.rfftfreq(len(before), 1 / hz)

    def level_db(low_hz: int, high_hz: int) -> float:
        band = (at_hz >= low_hz) & (at_hz < high_hz)
        return round(float(10 * np.log10(power[1][band].sum() / power[0][band].sum())), 1)

    product = np.fft.irfft(np.fft.rfft(after) * np.conj(np.fft.rfft(before)))
    return level_db(500, 2500), level_db(*top_hz), round(1000 * int(product.argmax()) / hz, 1)


TOPS = {8_000: (3600, 4000), 16_000: (7000, 8000), 48_000: (16_000, 24_000)}
found = {hz: processed(hz, top) for hz, top in TOPS.items()}
print(
    "livekit 1.2.1, high-pass filter alone: "
    + ", ".join(
        f"{hz // 1000} kHz: {middle} dB in the middle, {top} dB at the top, {late} ms late"
        for hz, (middle, top, late) in found.items()
    ),
    flush=True,
)
right = all(abs(middle) < 1 for middle, _, _ in found.values())
(_, narrow, late), (_, wide, _), (_, full, _) = found.values()
os._exit(not (right and narrow < -8 and late > 2 and abs(wide) < 1 and full < -40))
PY
