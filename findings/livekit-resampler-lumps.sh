#!/usr/bin/env bash
# One would guess: a resampler for live sound gives each frame of 10 ms back as some 10 ms, late by its filter's
#   length: a few ms, some more at a higher quality.
# What happens: LiveKit's AudioResampler, a soxr, works in blocks counted in samples. From 8 to 48 kHz at its default
#   quality it gives nothing for seven frames of 10 ms, then 59 ms or 79 ms in one lump, and holds up to 94 ms; at
#   its highest up to 175 ms. At QUICK it is as guessed. Each rate has other figures; no call tells them.
# Why it matters: a telephone's sound that is brought to a room is a tenth of a second late, and comes in lumps that
#   a player must buffer once more. Between 16 and 48 kHz it is 38 ms.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check livekit==1.2.1
"$work/venv/bin/python" - 2>/dev/null <<'PY'
import os

from livekit import rtc

FRAMES, TO_HZ = 200, 48_000
QUALITIES = ("QUICK", "MEDIUM", "VERY_HIGH")


def held(from_hz: int, quality: str) -> tuple[int, int, int]:
    """Return after how many frames sound comes, the largest lump, and the most that is held (both in ms)."""
    resampler = rtc.AudioResampler(from_hz, TO_HZ, quality=rtc.AudioResamplerQuality[quality])
    given, first, lump, most_ms = 0, 0, 0, 0.0
    for number in range(1, FRAMES + 1):
        frames = resampler.push(rtc.AudioFrame.create(from_hz, 1, from_hz // 100))
        samples = sum(frame.samples_per_channel for frame in frames)
        first = first or (number if samples else 0)
        given, lump = given + samples, max(lump, samples)
        most_ms = max(most_ms, 10 * number - 1000 * given / TO_HZ)
    return first, round(1000 * lump / TO_HZ), round(most_ms)


found = {(hz, quality): held(hz, quality) for hz in (8_000, 16_000) for quality in QUALITIES}
print(
    "livekit 1.2.1, frames of 10 ms to 48 kHz: "
    + ", ".join(
        f"from {hz // 1000} kHz {quality}: first sound at frame {first}, lumps up to {lump} ms, {most} ms held"
        for (hz, quality), (first, lump, most) in found.items()
    ),
    flush=True,
)
quick, default, best = (found[8_000, quality] for quality in QUALITIES)
os._exit(not (quick[2] < 5 and default[0] > 5 and default[2] > 80 and best[2] > 150))
PY
