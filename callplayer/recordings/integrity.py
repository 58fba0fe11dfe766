"""Whether a sound file is all there, by what its container tells of its length.

The libraries that decode take a file that was cut off for a shorter one, without a word.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from callplayer.errors import UsageError
from callplayer.text import plain_text

_UNTOLD_WAV_BYTES = 0x7FFF_0000
"""From here on a WAV's size says "not known": recorders to a pipe write 0x7FFF….. to 0xFFFFFFFF."""

_OGG_END = 4
_NO_GRANULE = (1 << 64) - 1
_XING_AT = {  # by (is MPEG 1, is mono): where in its frame the header begins
    (True, False): 36,
    (True, True): 21,
    (False, False): 21,
    (False, True): 13,
}
_XING_FRAMES, _XING_BYTES = 1, 2
_MP3_RATES_HZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


def check_whole(path: Path) -> None:
    """Raise UsageError if `path` tells of more sound than it holds, or cannot be read.

    Of a WAV the size of its data counts, of an Ogg the mark of its last page, of an MP3 its Xing or
    Info header. A file that tells nothing is taken as it is.
    """
    check = _CHECKS.get(path.suffix.lower())
    if check is None:
        return
    try:
        with path.open("rb") as file, contextlib.suppress(struct.error):  # too short to tell
            check(path, file)
    except OSError as error:
        raise UsageError(
            f"{plain_text(str(path))} cannot be read: {error.strerror}.",
            "Check that it is a sound file that you may read.",
        ) from None


def cut_off(path: Path, there_s: float, told_s: float | None = None) -> UsageError:
    """Return the error for a file of which `there_s` are there; `told_s` None: nobody tells."""
    of = "and its end is missing" if told_s is None else f"of {told_s:.1f} s are there"
    return UsageError(
        f"{plain_text(str(path))} is cut off: {there_s:.1f} s {of}.",
        "Copy the whole file again; or save what is there as a recording of its own.",
    )


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep what native libraries write to the process's stderr away while the block lasts."""
    if sys.stderr is None:  # it is closed: there is nothing to keep away
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check_wav(path: Path, file: BinaryIO) -> None:
    form = file.read(12)
    if form[:4] not in (b"RIFF", b"RF64") or form[8:] != b"WAVE":
        return
    bytes_per_s, long_size = 0, None
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        begins = file.tell()
        if name == b"data":
            told = long_size if long_size is not None else size
            there = os.fstat(file.fileno()).st_size - begins
            is_told = long_size is not None or 0 < size < _UNTOLD_WAV_BYTES
            if is_told and bytes_per_s and there < told:
                raise cut_off(path, there / bytes_per_s, told / bytes_per_s)
            return
        if name == b"fmt ":
            bytes_per_s = struct.unpack("<8xI", file.read(12))[0]
        elif name == b"ds64":
            long_size = struct.unpack("<8xQ", file.read(16))[0]
        file.seek(begins + size + size % 2)


def _check_ogg(path: Path, file: BinaryIO) -> None:
    rates_hz: dict[int, int] = {}
    place_s, is_ended, size = 0.0, True, os.fstat(file.fileno()).st_size
    while len(header := file.read(27)) == 27 and header[:4] == b"OggS":
        flags, granule, serial, segments = struct.unpack("<5xBQI8xB", header)
        lengths = file.read(segments)
        begins, length = file.tell(), sum(lengths)
        if serial not in rates_hz:
            rates_hz[serial] = _ogg_rate_hz(file.read(min(length, 64)))
        if begins + length > size or len(lengths) < segments:
            is_ended = False
            break
        if granule != _NO_GRANULE and rates_hz[serial]:
            place_s = granule / rates_hz[serial]
        is_ended = bool(flags & _OGG_END)
        file.seek(begins + length)
    if rates_hz and (not is_ended or 0 < len(header) < 27):
        raise cut_off(path, place_s)


def _ogg_rate_hz(first_packet: bytes) -> int:
    """Return how many granules a second has; 0: not known."""
    if first_packet.startswith(b"OpusHead"):
        return 48_000
    if first_packet.startswith(b"\x01vorbis"):
        return int(struct.unpack_from("<I", first_packet, 12)[0])
    return 0


def _check_mp3(path: Path, file: BinaryIO) -> None:
    begins = 0
    tag = file.read(10)
    if tag[:3] == b"ID3":  # its size has 7 bits a byte
        begins = 10 + sum(
            (byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True)
        )
    file.seek(begins)
    frame = file.read(64)
    if len(frame) < 64 or frame[0] != 0xFF or frame[1] < 0xE0:
        return
    version, rate = (frame[1] >> 3) & 3, (frame[2] >> 2) & 3
    if version == 1 or rate == 3:  # reserved values
        return
    at = _XING_AT[version == 3, frame[3] >> 6 == 3]
    name, flags, frames, told = struct.unpack_from(">4sIII", frame, at)
    if name not in (b"Xing", b"Info") or flags & 3 != _XING_FRAMES | _XING_BYTES or not frames:
        return
    there = os.fstat(file.fileno()).st_size - begins
    told_s = frames * (1152 if version == 3 else 576) / _MP3_RATES_HZ[version][rate]
    if there < told - 2 * told // frames:  # some count the header's own frame and some do not
        raise cut_off(path, told_s * there / told, told_s)


_CHECKS = {".wav": _check_wav, ".ogg": _check_ogg, ".opus": _check_ogg, ".mp3": _check_mp3}
