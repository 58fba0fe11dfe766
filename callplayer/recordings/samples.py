"""How decoded sound is held: whole numbers at 48 kHz for playing, float32 while it is read."""

from __future__ import annotations

from collections.abc import Iterator
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
    if not form.is_planar or channels == 1:
        data = np.frombuffer(memoryview(frame.planes[0]), kind, frames * channels)
        return scaled(data.reshape(frames, channels))
    planes = [np.frombuffer(memoryview(plane), kind, frames) for plane in frame.planes]
    return scaled(np.stack(planes, 1))


_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


def scaled(data: NDArray[Any]) -> Sound:
    """Return samples of any kind as a new array, full scale at ±1; what is no number is silence."""
    sound: Sound = data.astype(np.float32)
    if data.dtype.kind == "f":
        if not np.isfinite(sound).all():
            np.nan_to_num(sound, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    elif data.dtype == np.uint8:
        sound -= np.float32(128)
        sound *= np.float32(1 / 128)
    else:
        sound *= np.float32(2.0 ** (1 - 8 * data.dtype.itemsize))
    return sound


def silence(frames: int, channels: int) -> Iterator[Sound]:
    """Yield `frames` of silence, in blocks."""
    while frames > 0:
        block = np.zeros((min(frames, 1 << 16), channels), np.float32)
        frames -= len(block)
        yield block
