"""A WAV that another program is still writing: what its header tells, and whether it is finished.

Recorders write the sizes when they close the file; until then they are 0, 0xFFFFFFFF, or those of
the last time it was brought up to date.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from callplayer.service.sources.pcm import PcmFormat

MAX_HEADER_BYTES = 65_536

_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FMT = struct.Struct("<HHIIHH")
_EXTENSIBLE = 0xFFFE
_CODINGS = {
    **{(1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (1, 32): "PCM_32"},
    **{(3, 32): "FLOAT", (3, 64): "DOUBLE", (6, 8): "ALAW", (7, 8): "ULAW"},
}


class NotWavError(Exception):
    """The file cannot become a call, however it goes on; the message says why."""


@dataclass(frozen=True)
class WavHeader:
    """Where the sound begins and how it is coded; the sizes, in bytes, are those told."""

    form: PcmFormat
    data_at: int
    riff_bytes: int
    data_bytes: int

    def is_finished(self, file_bytes: int) -> bool:
        """Tell whether the sizes told are those of a whole file of `file_bytes`."""
        told = self.riff_bytes + _CHUNK.size
        data_end = self.data_at + self.data_bytes
        return told in (file_bytes, file_bytes - 1) and self.data_at <= data_end <= file_bytes

    def data_end(self, file_bytes: int) -> int:
        """Return where the sound ends, in a file that has `file_bytes` now."""
        return self.data_at + self.data_bytes if self.is_finished(file_bytes) else file_bytes


def read_header(start: bytes) -> WavHeader | None:
    """Return the header at the `start` of a file; None if it is not yet all there.

    Raise NotWavError if it is none, or of a sound that no call is made of.
    """
    if len(start) < _RIFF.size:
        return None
    riff, riff_bytes, wave = _RIFF.unpack_from(start)
    if riff not in (b"RIFF", b"RF64") or wave != b"WAVE":
        raise NotWavError("it is no WAV")
    form: PcmFormat | None = None
    at = _RIFF.size
    while at + _CHUNK.size <= len(start):
        name, size = _CHUNK.unpack_from(start, at)
        at += _CHUNK.size
        if name == b"data":
            if form is None:
                raise NotWavError("its sound comes before its format")
            return WavHeader(form, at, riff_bytes, size)
        if name == b"fmt ":
            if at + size > len(start):
                return None
            form = _form(start[at : at + size])
        at += size + size % 2
    if at > MAX_HEADER_BYTES:
        raise NotWavError("its header is too long")
    return None


def _form(chunk: bytes) -> PcmFormat:
    if len(chunk) < _FMT.size:
        raise NotWavError("its format is cut short")
    tag, channels, rate_hz, _, _, bits = _FMT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    try:
        return PcmFormat(_CODINGS[tag, bits], rate_hz, channels)
    except (KeyError, ValueError):
        raise NotWavError(
            f"coding {tag} of {bits} bits, {rate_hz} Hz, {channels} channels is not known here"
        ) from None
