"""Sound of a while ago, coded: Opus keeps a second of speech in some 2.5 kilobytes.

One coder goes through a lane's samples in order, second by second. Any second can be decoded by
itself, with a run-up through the last packets of the one before.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from callplayer.recordings.samples import SAMPLE_RATE_HZ

Pcm = npt.NDArray[np.int16]

CHUNK_FRAMES = SAMPLE_RATE_HZ
PACKET_FRAMES = SAMPLE_RATE_HZ // 50
RUN_UP_PACKETS = 4
"""What a decoder needs before its sound is right (RFC 7845, 4.6): 80 ms."""

DELAY_FRAMES = 312
"""How far libopus looks ahead at 48 kHz (OPUS_GET_LOOKAHEAD): its coder is fed as much ahead."""

BITS_PER_S = 20_000
COMPLEXITY = 0
"""A tenth of the most that Opus can do: it costs half a percent of a core for each lane."""

Packets = tuple[bytes, ...]


class ChunkEncoder:
    """Codes one lane's chunks, one after the other."""

    def __init__(self) -> None:
        import av

        encoder = av.CodecContext.create("libopus", "w")
        assert isinstance(encoder, av.AudioCodecContext)
        encoder.sample_rate = SAMPLE_RATE_HZ
        encoder.layout, encoder.format = "mono", "s16"
        encoder.bit_rate = BITS_PER_S
        encoder.options = {
            "application": "voip",
            "compression_level": str(COMPLEXITY),
            "frame_duration": "20",
        }
        self._encoder = encoder
        self._fed = 0

    def encode(self, sound: Pcm) -> Packets:
        """Code a chunk: int16, mono, 48 kHz, the CHUNK_FRAMES that begin DELAY_FRAMES after it."""
        import av

        packets: list[bytes] = []
        for start in range(0, CHUNK_FRAMES, PACKET_FRAMES):
            part = sound[start : start + PACKET_FRAMES].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, self._fed
            self._fed += PACKET_FRAMES
            packets += [bytes(packet) for packet in self._encoder.encode(frame)]
        return tuple(packets)


def pack(packets: Packets) -> bytes:
    """Return the packets as one string: an object each would take as much again."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in packets)


def unpack(packed: bytes) -> Packets:
    """Return what `pack` was given."""
    packets = []
    at = 0
    while at < len(packed):
        size = int.from_bytes(packed[at : at + 2], "big")
        packets.append(packed[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(packets)


def decode(before: Packets, packets: Packets) -> Pcm:
    """Return a chunk's sound, int16, from its packets; `before` are those of the chunk before."""
    import av

    decoder = av.CodecContext.create("opus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = SAMPLE_RATE_HZ, "mono"
    parts = []
    for packet in (*before[-RUN_UP_PACKETS:], *packets):
        parts += [frame.to_ndarray().reshape(-1) for frame in decoder.decode(av.Packet(packet))]
    sound: npt.NDArray[np.float32] = np.concatenate(parts)[-CHUNK_FRAMES:].astype(np.float32)
    pcm: Pcm = np.rint(sound * 32_767.0).clip(-32_768, 32_767).astype(np.int16)
    return pcm
