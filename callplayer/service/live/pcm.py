"""Sound as bytes, of any usual coding and rate, made what a live call keeps: int16 at 48 kHz."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from callplayer.errors import UsageError
from callplayer.recordings.samples import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from callplayer.recordings.samples import Samples

MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 384_000

_SAMPLE_BYTES = {
    **{"ULAW": 1, "ALAW": 1, "PCM_U8": 1, "PCM_16": 2},
    **{"PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8},
}
_CODINGS = {"s16le": "PCM_16", "f32le": "FLOAT", "mulaw": "ULAW", "alaw": "ALAW"}


@dataclass(frozen=True)
class PcmFormat:
    """How samples are coded: libsndfile's name of it, little-endian; frames a second; 1 or 2."""

    coding: str
    rate_hz: int
    channels: int

    def __post_init__(self) -> None:
        if (
            self.coding not in _SAMPLE_BYTES
            or not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ
            or self.channels not in (1, 2)
        ):
            raise ValueError(f"not a sound that a call can be made of: {self}")

    @property
    def frame_bytes(self) -> int:
        """The bytes of one sample of each channel."""
        return _SAMPLE_BYTES[self.coding] * self.channels


def parse_format(text: str) -> PcmFormat:
    """Return what `CODING:RATE:CHANNELS` says; raise UsageError if that is nothing we know."""
    parts = text.split(":")
    try:
        coding, rate, channels = parts
        return PcmFormat(_CODINGS[coding], int(rate), int(channels))
    except (ValueError, KeyError):
        raise UsageError(
            f"{text!r} is no format of live sound.",
            "Give CODING:RATE:CHANNELS, such as s16le:48000:1; the coding is one of "
            f"{', '.join(_CODINGS)}, the channels are 1 or 2.",
        ) from None


class PcmDecoder:
    """Turns bytes, in pieces of any size, into frames of int16 at 48 kHz, in order."""

    def __init__(self, form: PcmFormat) -> None:
        self._form = form
        self._rest = b""
        self._resampler = PcmResampler(form.rate_hz, form.channels)

    def decode(self, content: bytes, *, last: bool = False) -> Samples:
        """Return the frames, of shape (frames, channels), that are whole with `content`.

        `last` gives out what the resampler has kept back.
        """
        import soundfile

        content = self._rest + content
        whole = len(content) // self._form.frame_bytes * self._form.frame_bytes
        self._rest = content[whole:]
        if self._form.coding == "PCM_16" and self._form.rate_hz == SAMPLE_RATE_HZ:
            return np.frombuffer(content[:whole], "<i2").reshape(-1, self._form.channels)
        part = np.zeros((0, self._form.channels), np.float32)
        if whole:
            part, _ = soundfile.read(
                io.BytesIO(content[:whole]),
                dtype="float32",
                always_2d=True,
                samplerate=self._form.rate_hz,
                channels=self._form.channels,
                format="RAW",
                subtype=self._form.coding,
                endian="LITTLE",
            )
        return self._resampler.resample(part, last=last)


class PcmResampler:
    """From a rate to 48 kHz, without a seam between parts.

    soxr's way for a variable rate keeps back an even 5 to 30 ms; its usual one gives out 8 kHz in
    bursts of up to 170 ms.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        import soxr

        self._stream = (
            soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, channels, dtype="float32", vr=True)
            if rate_hz != SAMPLE_RATE_HZ
            else None
        )

    def resample(self, part: NDArray[np.float32], *, last: bool = False) -> Samples:
        """Return what comes out for `part`, float32 of shape (frames, channels), as int16."""
        if self._stream is not None:
            part = self._stream.resample_chunk(part, last=last)
        scaled: NDArray[np.float32] = np.rint(part * np.float32(32_768.0))
        return np.clip(scaled, -32_768, 32_767).astype(np.int16)
