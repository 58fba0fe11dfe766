#!/usr/bin/env bash
# One would guess: where a file object's write() raises OSError (the disk is full), PyAV raises that OSError
#   from mux() or close(), as it does when it writes to a path itself.
# What happens: it depends on which write fails. If the file's header does, OSError with ENOSPC comes out. If
#   sound that follows does, PyAVCallbackError comes: a RuntimeError, its errno a tag of FFmpeg's (1447131472),
#   its text "Error in PyAV callback". The OSError is its __context__.
# Why it matters: `except OSError` is enough in a test with a disk that is full from the start. A disk that
#   fills up while a call is written ends the program instead of saying so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.1
"$work/venv/bin/python" - <<'PY'
import errno
import sys

import av
import numpy as np

RATE_HZ = 48_000
FRAME = 4_800


class FullDisk:
    """A file on a disk with so many bytes left."""

    def __init__(self, left):
        self.left, self.position = left, 0

    def write(self, data):
        if self.position + len(data) > self.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.position += len(data)
        return len(data)

    def seek(self, offset, whence=0):
        self.position = offset + (self.position if whence else 0)
        return self.position

    def tell(self):
        return self.position


def raised_for(target):
    try:
        with av.open(target, "w", format="wav") as container:
            stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
            for start in range(0, 2 * RATE_HZ, FRAME):
                samples = np.zeros((1, FRAME), np.int16)
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE_HZ, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except Exception as error:
        kind = type(error).__name__ if not isinstance(error, OSError) else "OSError"
        text = f"{kind}({error.errno})"
        return text + (f" over {type(error.__context__).__name__}" if error.__context__ else "")
    return "nothing"


seen = [raised_for(FullDisk(20)), raised_for(FullDisk(20_000)), raised_for("/dev/full")]
print(
    f"av {av.__version__}, 2 s of WAV: a file object with 20 bytes left raises {seen[0]}, with 20,000"
    f" {seen[1]}; the path /dev/full raises {seen[2]}"
)
full = f"OSError({errno.ENOSPC})"
sys.exit(seen != [full, "PyAVCallbackError(1447131472) over OSError", full])
PY
