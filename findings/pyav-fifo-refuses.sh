#!/usr/bin/env bash
# One would guess: AudioFifo, which PyAV has for cutting decoded frames into even pieces, takes the frames of any
#   file in the order in which they were decoded.
# What happens: it wants each frame's time to be the last one's end to the tick. WebM and Matroska keep times in whole
#   ms, and a decoder's first frame of Opus is 13.5 ms long: ValueError at the second frame. From Ogg the same
#   packets all go in.
# Why it matters: WebM is what browsers and meeting servers record. Code that was tried with Ogg or WAV raises at each
#   such call. Set pts to None, and keep the time by yourself.
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

soundfile.write("a.ogg", 0.1 * np.sin(np.arange(48_000) / 20), 48_000, format="OGG", subtype="OPUS")
with av.open("a.ogg") as ogg, av.open("a.webm", "w") as webm:
    stream = ogg.streams.audio[0]
    copy = webm.add_stream_from_template(stream)
    for packet in ogg.demux(stream):
        if packet.size:
            packet.stream = copy
            webm.mux(packet)


def taken(name: str) -> tuple[int, str]:
    fifo, count = av.AudioFifo(), 0
    with av.open(name) as container:
        for frame in container.decode(audio=0):
            try:
                fifo.write(frame)
            except ValueError as error:
                return count, str(error)
            count += 1
    return count, "no error"


found = {name: taken(name) for name in ("a.ogg", "a.webm")}
print(f"PyAV {av.__version__}: frames that AudioFifo takes: "
      + ", ".join(f"{name} {count}, {error}" for name, (count, error) in found.items()))
sys.exit(not (found["a.ogg"] == (50 + 1, "no error") and found["a.webm"][0] < 5 and "pts" in found["a.webm"][1]))
PY
