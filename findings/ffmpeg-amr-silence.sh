#!/usr/bin/env bash
# One would guess: of two decoders of AMR-NB in one build of FFmpeg both read a file that sox makes.
# What happens: FFmpeg's own decoder, which is the default, refuses 492 of 501 packets of a call that is
#   silent but for a click (4.75 kbit/s frames that opencore's encoder writes in silence); opencore's
#   decoder in the same build reads all of them: 10 s of sound, where the default gives 0.16 s.
# Why it matters: phones and recorders that use opencore write such files, and a call with pauses is cut
#   to its first words. Ask for libopencore_amrnb by name.
# Needs: sox with libsox-fmt-base.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 'numpy<3'
sox -n -r 8000 -b 16 "$work/a.wav" synth 0.004 sine 1000 vol 0.6 pad 1 8.996 2>/dev/null
sox "$work/a.wav" -t amr-nb "$work/a.amr" 2>/dev/null
"$work/venv/bin/python" - "$work/a.amr" <<'PY'
import sys

import av


def decoded(name: str) -> tuple[int, int]:
    codec = av.CodecContext.create(name, "r")
    codec.sample_rate, codec.layout = 8000, "mono"
    samples = refused = 0
    with open(sys.argv[1], "rb") as file, av.open(file) as container:
        for packet in container.demux(audio=0):
            try:
                samples += sum(frame.samples for frame in codec.decode(packet))
            except av.FFmpegError:
                refused += 1
    return samples, refused


own, opencore = decoded("amrnb"), decoded("libopencore_amrnb")
print(f"PyAV {av.__version__}: amrnb {own[0]} samples, {own[1]} packets refused;"
      f" libopencore_amrnb {opencore[0]} samples, {opencore[1]} refused")
sys.exit(not (own[1] > 100 and opencore == (80_000, 0)))
PY
