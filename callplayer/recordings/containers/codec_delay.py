"""How late a codec's sound is where its container does not say so. Pure; times in frames.

A decoder gives its first sound so much after the encoder was given it. Where the container says
how much (MP3 with a LAME header, M4A with an edit list, Opus's pre-skip), FFmpeg has cut it off.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_LEAD_S = 60
_MP3_FRAMES = 1105
"""LAME's 576, and 529 of every decoder."""

_AAC_FRAMES = 1024
"""One block that overlaps: the least. Encoders of others look ahead by as much again."""

_FIXED = {
    "mp2": 481, "mp2float": 481, "mp1": 481, "mp1float": 481,
    "ac3": 256, "eac3": 256, "g722": 22, "g723_1": 60, "amrnb": 40,
}  # fmt: skip
_SPEEX = {8_000: 40, 16_000: 81, 32_000: 162}
"""The decoder's look-ahead; the encoder's is in the file."""

_OPUS_FRAMES = 312


@dataclass(frozen=True)
class Start:
    """How the sound begins: the first decoded frame lies at `position`, its time being `time`.

    `zero` is the time of the recording's beginning by its packets, `padding` what is left out at
    the end, `first_end` where the first frame ends.
    """

    position: int
    time: int
    zero: int
    padding: int
    first_end: int

    @property
    def shifted_zero(self) -> int:
        """The time that lies at the recording's beginning, the codec's delay taken off."""
        return self.time - self.position


def start_of(
    codec: str, demuxer: str, rate_hz: int, *, packet: int | None, frame: int | None, samples: int
) -> Start:
    """Return how a stream begins, by the times of its first packet and its first decoded frame."""
    time = frame or 0
    packet = time if packet is None else packet
    is_named = packet < 0 or time > packet
    zero = time if time > 0 else 0
    if demuxer == "mov" and 0 <= time < MAX_LEAD_S * rate_hz:
        zero = 0
    delay, padding = 0, 0
    if codec.startswith("wmav"):
        # Two blocks are cut off, of which one is delay.
        zero, delay = time - samples, 0
    elif codec in _FIXED:
        delay = _FIXED[codec]
    elif codec == "speex":
        delay = _SPEEX.get(rate_hz, 0)
    elif not is_named:
        delay = {"mp3float": _MP3_FRAMES, "mp3": _MP3_FRAMES, "aac": _AAC_FRAMES}.get(codec, 0)
        if codec in ("opus", "libopus"):
            delay = _OPUS_FRAMES * rate_hz // 48_000
        padding = delay
    position = time - zero - delay
    return Start(position, time, zero, padding, position + samples)
