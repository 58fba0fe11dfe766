"""The stretches of a file that are recordings of their own, one after the other.

Chained Ogg (a new stream after the end of one, RFC 3533), and MP3 files that were put together:
each has its own delay, its own count of time, and often its own header of what it holds.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_OGG_BEGIN, _OGG_END = 2, 4
_XING_AT = {  # by (is MPEG 1, is mono): where in its frame the header begins
    (True, False): 36,
    (True, True): 21,
    (False, False): 21,
    (False, True): 13,
}
_TAGS = (b"Xing", b"Info", b"ID3")
_MP3_RATES_HZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


@dataclass(frozen=True)
class Link:
    """Bytes `start` to `end`; `missing_s` is what its header names and is not there.

    `is_cut`: its end is missing, and nothing says how much.
    """

    start: int
    end: int
    missing_s: float = 0.0
    is_cut: bool = False


def ogg_links(fd: int) -> list[Link]:
    """Return the links of a chained Ogg, by its pages."""
    size = os.fstat(fd).st_size
    links: list[Link] = []
    start, at, is_ended, in_head = 0, 0, True, True
    while at < size:
        page = os.pread(fd, 27 + 255, at)
        if page[:4] != b"OggS" or len(page) < 27:
            found = _next_page(fd, at + 1, size)
            if found is None:
                is_ended = is_ended and len(page) >= 27
                break
            at = found
            continue
        flags, segments = page[5], page[26]
        if flags & _OGG_BEGIN:
            if not in_head:
                links.append(Link(start, at))
                start = at
            in_head = True
        else:
            in_head = False
        is_ended = bool(flags & _OGG_END)
        at += 27 + segments + sum(page[27 : 27 + segments])
        if at > size:
            is_ended = False
    links.append(Link(start, size, is_cut=not is_ended))
    return links


def _next_page(fd: int, at: int, size: int) -> int | None:
    """Return where the next page begins; None if there is none."""
    while at < size:
        content = os.pread(fd, 1 << 16, at)
        found = content.find(b"OggS")
        if found >= 0:
            return at + found
        at += max(len(content) - 3, 1)
    return None


@dataclass(frozen=True)
class _Xing:
    """What a Xing or Info header says of the link it begins."""

    at: int
    seconds: float
    bytes: int


def mp3_links(fd: int) -> list[Link]:
    """Return the links of MP3s that were put together: each begins with an ID3 tag or a header."""
    size = os.fstat(fd).st_size
    if not size:
        return [Link(0, 0)]
    starts: list[int] = [0]
    headers: dict[int, _Xing] = {}
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as content:
        skip_until, tag_at = 0, None
        for at, name in _found(content):
            if at < skip_until:
                continue
            if name == b"ID3":
                end = at + _id3_bytes(content[at : at + 10])
                if end > at and _is_frame(content[end : end + 4]):
                    skip_until, tag_at = end, at
                    if at > 0:
                        starts.append(at)
                continue
            header = _xing(content, at)
            if header is None:
                continue
            begins = tag_at if tag_at is not None and header.at == skip_until else header.at
            tag_at = None
            if begins > starts[-1] and (headers or begins > 0):
                starts.append(begins)
            headers[starts[-1]] = header
    links = []
    for start, end in zip(starts, [*starts[1:], size], strict=True):
        links.append(Link(start, end, _missing_s(headers.get(start), end)))
    return links


def _found(content: mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Yield where each of the tags' names stands, in order."""
    places = {name: content.find(name) for name in _TAGS}
    while any(at >= 0 for at in places.values()):
        at, name = min((at, name) for name, at in places.items() if at >= 0)
        yield at, name
        places[name] = content.find(name, at + 1)


def _missing_s(header: _Xing | None, end: int) -> float:
    if header is None or not header.bytes:
        return 0.0
    there = end - header.at
    if there >= header.bytes * 0.999 - 2048:
        return 0.0
    return header.seconds * (1 - there / header.bytes)


def _id3_bytes(tag: bytes) -> int:
    """Return how long an ID3v2 tag is; its size has 7 bits a byte. 0 if it is none."""
    if len(tag) < 10 or any(byte & 128 for byte in tag[6:10]):
        return 0
    footer = 10 if tag[5] & 0x10 else 0
    size = sum(byte << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + footer


def _is_frame(head: bytes) -> bool:
    return len(head) == 4 and head[0] == 0xFF and head[1] >= 0xE0 and (head[1] >> 3) & 3 != 1


def _xing(content: mmap.mmap, at: int) -> _Xing | None:
    """Return the header whose name stands at `at`, if a frame of its kind is around it."""
    for (is_mpeg1, is_mono), offset in _XING_AT.items():
        begins = at - offset
        if begins < 0:
            continue
        frame = content[begins : begins + 4]
        version, rate = (frame[1] >> 3) & 3, (frame[2] >> 2) & 3
        if not _is_frame(frame) or rate == 3 or frame[1] & 6 != 2:
            continue
        if (version == 3) != is_mpeg1 or (frame[3] >> 6 == 3) != is_mono:
            continue
        flags = struct.unpack_from(">I", content[at + 4 : at + 8])[0]
        if flags & ~15:
            continue
        fields = struct.unpack_from(">II", content[at + 8 : at + 16].ljust(8, b"\0"))
        frames = fields[0] if flags & 1 else 0
        stated_bytes = fields[1 if flags & 1 else 0] if flags & 2 else 0
        seconds = frames * (1152 if version == 3 else 576) / _MP3_RATES_HZ[version][rate]
        return _Xing(begins, seconds, stated_bytes if frames else 0)
    return None
