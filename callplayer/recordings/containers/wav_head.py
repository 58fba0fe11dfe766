"""The head of a WAV file by any writer: RIFF, RIFX, RF64, BW64.

Recorders write the sizes when they close a file; until then they are 0, 0xFFFFFFFF, or those of the
last time they were brought up to date. Some never put them right, and some count wrongly. So a size
is believed where what follows it is a chunk or the end; else the sound goes on to the end.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from datetime import datetime

from callplayer.vendor.times import FIRST_YEAR, LAST_YEAR

MAX_HEAD_BYTES = 1 << 20
UNKNOWN_SIZE = 0xFFFF_FFFF
_EXTENSIBLE = 0xFFFE
_FORMS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_BEXT_DATE_AT = 320
_UNTOLD_BYTES = 0x7FFF_0000
"""From here on a size says "not known": recorders to a pipe write 0x7FFF….. to 0xFFFFFFFF."""

MAX_RATE_HZ, MAX_CHANNELS = 1_000_000, 64
"""No recorder has more: a head that names more is broken, and would take all memory."""

PCM, ADPCM_MS, FLOAT, ALAW, ULAW, OKI_ADPCM = 1, 2, 3, 6, 7, 0x17


class NotWavError(Exception):
    """The file cannot become a call, however it goes on; the message says why."""


@dataclass(frozen=True)
class WavHead:
    """Where the sound begins and how it is coded; sizes in bytes, as the head names them.

    `tag` is the coding by Microsoft's numbers; `recorded_at` is the local time of a broadcast
    wave's `bext` chunk, or None; `tags` are the texts of a `LIST` chunk before the sound, by name.
    """

    tag: int
    channels: int
    rate_hz: int
    bytes_per_s: int
    block_bytes: int
    bits: int
    data_at: int
    data_bytes: int
    riff_bytes: int
    recorded_at: datetime | None = None
    is_big_endian: bool = False
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_size_known(self) -> bool:
        """Whether the head names a size at all."""
        return 0 < self.data_bytes < _UNTOLD_BYTES or self.data_bytes > UNKNOWN_SIZE

    def is_finished(self, file_bytes: int) -> bool:
        """Return whether the sizes are those of a whole file of `file_bytes`."""
        whole = self.riff_bytes + 8
        data_end = self.data_at + self.data_bytes
        return whole in (file_bytes, file_bytes - 1) and self.data_at <= data_end <= file_bytes

    def data_end(self, fd: int) -> int:
        """Return where the sound of the closed file `fd` ends.

        That is where the head says, if the end of the file or a chain of whole chunks is there.
        """
        file_bytes = os.fstat(fd).st_size
        end = self.data_at + self.data_bytes
        is_end = self.is_size_known and end <= file_bytes and self._are_chunks(fd, end, file_bytes)
        return end if is_end else file_bytes

    def _are_chunks(self, fd: int, at: int, file_bytes: int) -> bool:
        order = ">" if self.is_big_endian else "<"
        for start in {at, at + at % 2}:
            place = start
            while place + 8 <= file_bytes:
                name, size = struct.unpack(f"{order}4sI", os.pread(fd, 8, place))
                if not all(0x20 <= byte < 0x7F for byte in name) or place + 8 + size > file_bytes:
                    break
                place += 8 + size + size % 2
            if place >= file_bytes or not any(os.pread(fd, 8, place)[: file_bytes - place]):
                return place > start or file_bytes - start < 8
        return False


def is_sane(rate_hz: int, channels: int) -> bool:
    """Return whether any recorder may have made sound of so many samples and channels."""
    return rate_hz <= MAX_RATE_HZ and channels <= MAX_CHANNELS


def read_wav_head(start: bytes, max_bytes: int = MAX_HEAD_BYTES) -> WavHead | None:
    """Return the head at the `start` of a file; None if it is not yet all there.

    Raise NotWavError if it is none, or longer than `max_bytes`.
    """
    found, order, riff_bytes, at = _chunks(start, max_bytes)
    if b"data" not in found:
        return None
    if b"fmt " not in found:
        raise NotWavError("its sound comes before its format")
    data_bytes = int.from_bytes(found[b"data"], "little")
    return _head(found, order, at, data_bytes, riff_bytes)


def read_coding(start: bytes) -> tuple[int, int, int, int] | None:
    """Return coding, channels, rate in Hz and bits of a head that is not yet all there.

    None: its format is not there yet.
    """
    found, order, _, _ = _chunks(start, MAX_HEAD_BYTES)
    if b"fmt " not in found:
        return None
    tag, channels, rate_hz, _, _, bits = _coding(found[b"fmt "], order)
    return tag, channels, rate_hz, bits


def _chunks(start: bytes, max_bytes: int) -> tuple[dict[bytes, bytes], str, int, int]:
    """Return the chunks up to the sound, byte order, the file's named size, where the sound is.

    Of `data` the size is returned, little-endian.
    """
    found: dict[bytes, bytes] = {}
    if len(start) < 12:
        return found, "<", 0, 0
    order = ">" if start[:4] == b"RIFX" else "<"
    form, riff_bytes, wave = struct.unpack_from(f"{order}4sI4s", start)
    if form not in _FORMS or wave != b"WAVE":
        raise NotWavError("it is no WAV")
    at = 12
    while at + 8 <= len(start):
        name, size = struct.unpack_from(f"{order}4sI", start, at)
        at += 8
        if name == b"data":
            found[name] = size.to_bytes(8, "little")
            break
        if name == b"LIST":
            name = start[at : at + 4]  # its kind
        if name != b"fmt " or at + size <= len(start):
            found.setdefault(name, start[at : at + size])
        at += size + size % 2
        if at > max_bytes:
            raise NotWavError("its header is too long")
    return found, order, riff_bytes, at


def _head(
    chunks: dict[bytes, bytes], order: str, data_at: int, data_bytes: int, riff_bytes: int
) -> WavHead:
    long = chunks.get(b"ds64", b"")
    if data_bytes == UNKNOWN_SIZE and len(long) >= 16:
        data_bytes = int(struct.unpack_from(f"{order}8xQ", long)[0])
    tag, channels, rate_hz, bytes_per_s, block_bytes, bits = _coding(chunks[b"fmt "], order)
    if not is_sane(rate_hz, channels):
        raise NotWavError(f"it names {channels} channels of {rate_hz} Hz")
    return WavHead(
        tag, channels, rate_hz, bytes_per_s, block_bytes, bits,
        data_at, data_bytes, riff_bytes, _bext_time(chunks.get(b"bext", b"")), order == ">",
        _info_texts(chunks.get(b"INFO", b""), order),
    )  # fmt: skip


def made_head(tag: int, rate_hz: int, channels: int, bits: int, data_bytes: int) -> bytes:
    """Return a head for sound that has none."""
    block_bytes = max(channels * bits // 8, 1)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", UNKNOWN_SIZE, b"WAVE", b"fmt ", 16, tag, channels, rate_hz),
        *(rate_hz * channels * bits // 8, block_bytes, bits, b"data"),
        min(data_bytes, UNKNOWN_SIZE),
    )


def mended_head(start: bytes, head: WavHead, data_bytes: int) -> bytes:
    """Return the bytes before the sound, with `data_bytes` as its size."""
    size = struct.pack("<I", data_bytes if data_bytes < 1 << 31 else UNKNOWN_SIZE)
    return b"RIFF" + b"\xff" * 4 + start[8 : head.data_at - 4] + size


def _coding(chunk: bytes, order: str) -> tuple[int, int, int, int, int, int]:
    if len(chunk) < 16:
        raise NotWavError("its format is cut short")
    tag, *rest = struct.unpack_from(f"{order}HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from(f"{order}H", chunk, 24)
    channels, rate_hz, bytes_per_s, block_bytes, bits = rest
    return tag, channels, rate_hz, bytes_per_s, block_bytes, bits


def _bext_time(chunk: bytes) -> datetime | None:
    """Return OriginationDate and OriginationTime (EBU Tech 3285): local time, any separators."""
    text = chunk[_BEXT_DATE_AT : _BEXT_DATE_AT + 18].decode("latin-1")
    digits = [text[a:b] for a, b in ((0, 4), (5, 7), (8, 10), (10, 12), (13, 15), (16, 18))]
    try:
        moment = datetime(*(int(each) for each in digits))  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


def _info_texts(chunk: bytes, order: str) -> dict[str, str]:
    """Return the texts of a LIST chunk of the kind INFO, by the names of their chunks."""
    texts: dict[str, str] = {}
    at = 4
    while chunk[:4] == b"INFO" and at + 8 <= len(chunk):
        name, size = struct.unpack_from(f"{order}4sI", chunk, at)
        text = chunk[at + 8 : at + 8 + size].partition(b"\0")[0]
        texts.setdefault(name.decode("latin-1"), text.decode("utf-8", "replace"))
        at += 8 + size + size % 2
    return texts
