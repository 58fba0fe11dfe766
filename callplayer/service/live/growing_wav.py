"""A WAV that another program is still writing: its head, in the codings that a live call takes."""

from __future__ import annotations

from dataclasses import dataclass

from callplayer.recordings.containers.wav_head import (
    NotWavError,
    WavHead,
    read_coding,
    read_wav_head,
)
from callplayer.service.live.pcm import PcmFormat

MAX_HEADER_BYTES = 65_536

_CODINGS = {
    **{(1, 8): "PCM_U8", (1, 16): "PCM_16", (1, 24): "PCM_24", (1, 32): "PCM_32"},
    **{(3, 32): "FLOAT", (3, 64): "DOUBLE", (6, 8): "ALAW", (7, 8): "ULAW"},
}

__all__ = ["MAX_HEADER_BYTES", "GrowingHead", "NotWavError", "read_header"]


@dataclass(frozen=True)
class GrowingHead:
    """Where the sound begins and how it is coded; the sizes, in bytes, are those of the moment."""

    form: PcmFormat
    wav: WavHead

    @property
    def data_at(self) -> int:
        """Where the sound begins."""
        return self.wav.data_at

    @property
    def sizes(self) -> tuple[int, int]:
        """The sizes that the head names: of the file, and of the sound."""
        return self.wav.riff_bytes, self.wav.data_bytes

    def is_finished(self, file_bytes: int) -> bool:
        """Return whether the sizes are those of a whole file of `file_bytes`."""
        return self.wav.is_finished(file_bytes)

    def data_end(self, file_bytes: int) -> int:
        """Return where the sound ends, in a file that has `file_bytes` now."""
        end = self.wav.data_at + self.wav.data_bytes
        return end if self.is_finished(file_bytes) else file_bytes


def read_header(start: bytes) -> GrowingHead | None:
    """Return the head at the `start` of a file; None if it is not yet all there.

    Raise NotWavError if it is none, or of a sound that no live call is made of.
    """
    head = read_wav_head(start, MAX_HEADER_BYTES)
    coding = read_coding(start)
    if coding is None:
        return None
    tag, channels, rate_hz, bits = coding
    try:
        if start.startswith(b"RIFX"):
            raise KeyError
        form = PcmFormat(_CODINGS[tag, bits], rate_hz, channels)
    except (KeyError, ValueError):
        raise NotWavError(
            f"coding {tag} of {bits} bits, {rate_hz} Hz, {channels} channels is not known here"
        ) from None
    return None if head is None else GrowingHead(form, head)
