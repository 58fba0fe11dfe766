#!/usr/bin/env bash
# One would guess: an Ogg Opus of 3 s that was cut out of a longer stream, its times kept, is said to last 3 s.
# What happens: mutagen, tinytag and FFmpeg's demuxer (here by PyAV) give the time at its end: 3606 s for a cut at
#   3603 s. libsndfile finds the file's first time as well, and gives what can be heard.
# Why it matters: a recorder that joins a live channel in mid-stream, and a cut without encoding anew, make such
#   files, which the format allows for. A player's bar then runs for an hour, and what is refused as too long is a
#   few words. Take the stream's first time off.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 mutagen==1.48.1 tinytag==2.3.2 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import av
import mutagen
import numpy as np
import soundfile
import tinytag
from mutagen.oggopus import OggOpus

HZ = 48_000
tone = 0.1 * np.sin(np.arange(6 * HZ) / 20)
soundfile.write("whole.opus", tone, HZ, format="OGG", subtype="OPUS")
with av.open("whole.opus") as whole, av.open("cut.opus", "w", format="ogg") as cut:
    stream = whole.streams.audio[0]
    copy = cut.add_stream_from_template(stream)
    for packet in whole.demux(stream):
        if packet.size and packet.pts >= 3 * HZ:
            packet.stream = copy
            packet.pts = packet.dts = packet.pts + 3600 * HZ
            cut.mux(packet)
with av.open("cut.opus") as container:
    ends_s = container.duration / av.time_base
    decoded_s = sum(frame.samples for frame in container.decode(audio=0)) / HZ
found = {
    f"mutagen {mutagen.version_string}": OggOpus("cut.opus").info.length,
    f"tinytag {tinytag.__version__}": tinytag.TinyTag.get("cut.opus").duration,
    f"PyAV {av.__version__}": ends_s,
    f"libsndfile {soundfile.__libsndfile_version__}": soundfile.info("cut.opus").duration,
}
print(
    f"3 s of Opus, cut at 3603 s, of which {decoded_s:.2f} s are heard: "
    + ", ".join(f"{name} says {length:.2f} s" for name, length in found.items())
)
*wrong, right = found.values()
sys.exit(not (all(length > 3600 for length in wrong) and 2.9 < right < 3.1 and 2.9 < decoded_s < 3.1))
PY
