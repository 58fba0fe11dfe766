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
    """Return a decoded frame as a new array."""
    # Not by frame.to_ndarray(), which copies twice, at half of what MP3 costs to decode.
    kind, is_planar = _FORMS[frame.format.name]
    frames, planes = frame.samples, frame.planes
    if not is_planar:
        channels = frame.layout.nb_channels
        packed = np.frombuffer(memoryview(planes[0]), kind, frames * channels)
        return scaled(packed.reshape(frames, channels))
    if len(planes) == 1:
        return scaled(np.frombuffer(memoryview(planes[0]), kind, frames).reshape(frames, 1))
    sound = np.empty((frames, len(planes)), kind)
    for channel, plane in enumerate(planes):
        sound[:, channel] = np.frombuffer(memoryview(plane), kind, frames)
    return sound if kind == "f4" else scaled(sound)


_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_FORMS = {
    **{name: (kind, False) for name, kind in _KINDS.items()},
    **{f"{name}p": (kind, True) for name, kind in _KINDS.items()},
}


def scaled(data: NDArray[Any]) -> Sound:
    """Return samples of any kind as a new array, full scale at ±1."""
    sound: Sound = data.astype(np.float32)
    if data.dtype == np.uint8:
        sound -= np.float32(128)
        sound *= np.float32(1 / 128)
    elif data.dtype.kind == "i":
        sound *= np.float32(2.0 ** (1 - 8 * data.dtype.itemsize))
    return sound


KNEE = np.float32(0.8 * 32_767)
_ROOM = np.float32(32_767) - KNEE


def soft_limited(loud: Sound) -> Sound:
    """Return samples in int16 steps with those above 80 % of full scale rounded off by tanh."""
    size = np.abs(loud)
    bent = KNEE + _ROOM * np.tanh((size - KNEE) / _ROOM)
    limited: Sound = np.where(size > KNEE, np.copysign(bent, loud), loud)
    return limited


def without_nan(sound: Sound) -> Sound:
    """Return `sound` with silence for what is no number, and full scale for what is infinite."""
    if not np.isfinite(sound).all():
        np.nan_to_num(sound, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return sound


def silence(frames: int, channels: int) -> Iterator[Sound]:
    """Yield `frames` of silence, in blocks."""
    while frames > 0:
        block = np.zeros((min(frames, 1 << 16), channels), np.float32)
        frames -= len(block)
        yield block
