"""How decoded sound is held: whole numbers at 48 kHz for playing, float32 while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

SAMPLE_RATE_HZ = 48_000

Samples = NDArray[np.int16]
"""int16 of shape (frames, parties)."""

Sound = NDArray[np.float32]
"""float32 of shape (frames, channels), full scale at ±1."""


def sound_of(frame: av.AudioFrame) -> Sound:
    """Return a decoded frame; what is no number is silence."""
    # Not by frame.to_ndarray(), which copies twice, at half of what MP3 costs to decode.
    form, channels, frames = frame.format, frame.layout.nb_channels, frame.samples
    kind = _KINDS[form.name.removesuffix("p")]
    sound: Sound = np.empty((frames, channels), np.float32)
    if form.is_planar:
        for channel, plane in enumerate(frame.planes):
            _scale(np.frombuffer(memoryview(plane), kind, frames), sound[:, channel])
    else:
        data = np.frombuffer(memoryview(frame.planes[0]), kind, frames * channels)
        _scale(data.reshape(frames, channels), sound)
    if kind[0] == "f" and not np.isfinite(sound).all():
        np.nan_to_num(sound, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return sound


_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


def _scale(data: NDArray[Any], into: Sound) -> None:
    if data.dtype.kind == "f":
        into[:] = data
    elif data.dtype == np.uint8:
        np.subtract(data, np.float32(128), out=into, casting="unsafe")
        into *= np.float32(1 / 128)
    else:
        np.multiply(data, 2.0 ** (1 - 8 * data.dtype.itemsize), out=into, casting="unsafe")
