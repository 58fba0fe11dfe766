#!/usr/bin/env bash
# One would guess: libsndfile reads a Core Audio file whose sound has no length yet, as it does an AU file and a
#   WAV file that were streamed: to the end. The format says what to write there: -1.
# What happens: "file is malformed" for each coding. FFmpeg reads the same file; with its length filled in libsndfile
#   does, too.
# Why it matters: the form is there for recorders, which fill in the length at the end. A call that is read while it
#   is recorded, or whose recorder lost its power, is there to the last word, and counts as broken.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 soundfile==0.14.0 'numpy<3'
cd "$work"
"$work/venv/bin/python" - <<'PY'
import struct
import sys

import av
import soundfile

SOUND = bytes([0xFF, 0x80]) * 4000  # µ-law


def core_audio(length: int) -> bytes:
    coding = struct.pack(">d4sIIIII", 8000.0, b"ulaw", 0, 1, 1, 1, 8)
    head = b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", len(coding)) + coding
    return head + b"data" + struct.pack(">qI", length, 0) + SOUND


def sun(length: int) -> bytes:
    return b".snd" + struct.pack(">IIIII", 24, length, 1, 8000, 1) + SOUND


def read(file: bytes) -> tuple[object, int]:
    with open("call", "wb") as written:
        written.write(file)
    with av.open("call") as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    try:
        return len(soundfile.read("call")[0]), decoded
    except soundfile.LibsndfileError as error:
        return error.error_string, decoded


found = {
    "CAF with its length": read(core_audio(4 + len(SOUND))),
    "CAF without": read(core_audio(-1)),
    "AU without": read(sun(0xFFFFFFFF)),
}
print(
    f"libsndfile {soundfile.__libsndfile_version__} and PyAV {av.__version__}, 8000 samples: "
    + ", ".join(f"{what}: {one} and {other}" for what, (one, other) in found.items())
)
(told, _), (untold, by_ffmpeg), (au, _) = found.values()
sys.exit(not (told == au == by_ffmpeg == 8000 and "malformed" in str(untold)))
PY
