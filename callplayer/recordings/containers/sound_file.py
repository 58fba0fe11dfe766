"""A sound file by any writer, as one stretch of samples with a true length.

`open_sound(path)` reads the packets once, without decoding: so the length is known, and a place is
found at once. Sound is decoded packet by packet, by PyAV, and put where the packets' times say;
a packet that cannot be decoded is passed over, counted, and silence stands in its place. Plain
samples of a WAV need no decoder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from callplayer.errors import UsageError
from callplayer.recordings.containers.byte_range import ByteRange
from callplayer.recordings.containers.formats import (  # fmt: skip
    MP3,
    OGG,
    SNIFFED_BYTES,
    UNREADABLE,
    WAV,
    Format,
    RawCoding,
    format_of,
)
from callplayer.recordings.containers.link_reader import (
    PACKET_BYTES,
    LinkReader,
    Loss,
    NoSoundError,
)
from callplayer.recordings.containers.links import Link, mp3_links, ogg_links
from callplayer.recordings.containers.pcm_reader import PcmReader, is_plain
from callplayer.recordings.containers.wav_head import (  # fmt: skip
    MAX_HEAD_BYTES,
    NotWavError,
    WavHead,
    made_head,
    mended_head,
    read_wav_head,
)
from callplayer.recordings.samples import Sound, without_nan
from callplayer.text import plain_text

BLOCK_FRAMES = 1 << 14
MISSING_S = 0.5
"""How much may be missing: some recorders count wrongly, by their header or a buffer."""

MISSING_BYTES = 4096
_NONSENSE_S = 7 * 24 * 3600


@dataclass(frozen=True)
class _Part:
    """A link that lies at `first` of the whole, in frames."""

    link: Link
    first: int
    frames: int


class SoundFile:
    """An open sound file: `rate_hz`, `channels`, `frames`, and the sound in `blocks` or by `read`.

    Memory stays flat, whatever the length. Not for several threads, and for one reader at a time:
    a second `blocks` ends the first one. `is_fine` says that it has more than 16 bits;
    `recorded_at` is the local time in a broadcast wave's head, `tags` are its texts.
    """

    def __init__(
        self, path: Path, fd: int, rate_hz: int | None = None, *, scan: bool = True
    ) -> None:
        """Use `open_sound`, or `opened_sound`."""
        self._scan = scan
        self.path = path
        self._fd = fd
        self._wav: WavHead | None = None
        self._plain_frames: int | None = None
        start = os.pread(fd, SNIFFED_BYTES, _id3_end(fd))
        form = format_of(path, start)
        if form is None:
            raise _not_known(path)
        self._form = form
        self._head = b""
        self._open_reader: tuple[Link, LinkReader | PcmReader] | None = None
        self._losses: dict[Link, list[Loss]] = {}
        self.recorded_at: datetime | None = None
        links = self._links(rate_hz)
        self._parts: list[_Part] = []
        self.frames = 0
        missing_s = 0.0
        for link in links:
            reader = self._reader(link)
            if not self._parts:
                self.rate_hz, self.channels = reader.rate_hz, reader.channels
                self.is_fine, self.tags = reader.is_fine, reader.tags
            elif (reader.rate_hz, reader.channels) != (self.rate_hz, self.channels):
                raise UsageError(
                    f"{self.name} goes on with another sample rate or number of channels"
                    f" at {self.frames / self.rate_hz:.1f} s.",
                    "Cut it there, and name the pieces.",
                )
            self._parts.append(_Part(link, self.frames, reader.frames))
            self.frames += reader.frames
            named = reader.named_frames
            is_sane = named is not None and named < _NONSENSE_S * reader.rate_hz
            if named is not None and is_sane and named > reader.frames:
                missing_s += (named - reader.frames) / reader.rate_hz
            missing_s = max(missing_s, link.missing_s)
        self._check_whole(links[-1], missing_s)

    @property
    def name(self) -> str:
        """The path, harmless to show."""
        return plain_text(str(self.path))

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self.frames / self.rate_hz

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be decoded, as far as it was read; positions in frames of the whole."""
        return tuple(
            Loss(part.first + loss.position, loss.packets)
            for part in self._parts
            for loss in self._losses.get(part.link, ())
        )

    def blocks(self, start: int = 0) -> Iterator[Sound]:
        """Yield the sound from frame `start` on, `frames` − `start` frames in all.

        Raise UsageError if the file cannot be read any more.
        """
        try:
            yield from self._blocks(start)
        except OSError as error:
            raise unreadable(self.path, error) from None

    def _blocks(self, start: int) -> Iterator[Sound]:
        held: list[Sound] = []
        size = 0
        for part in self._parts:
            if part.first + part.frames <= start:
                continue
            reader = self._reader(part.link)
            for block in reader.blocks(max(start - part.first, 0)):
                held.append(block)
                size += len(block)
                if size >= BLOCK_FRAMES:
                    yield without_nan(held[0] if len(held) == 1 else np.concatenate(held))
                    held, size = [], 0
            self._losses[part.link] = list(reader.losses)
        if held:
            yield without_nan(np.concatenate(held))

    def read(self, start: int, frames: int) -> Sound:
        """Return up to `frames` frames from `start` on, fewer at the end only."""
        frames = max(min(frames, self.frames - start), 0)
        sound = np.zeros((frames, self.channels), np.float32)
        at = 0
        if frames:
            for block in self.blocks(start):
                part = block[: frames - at]
                sound[at : at + len(part)] = part
                at += len(part)
                if at >= frames:
                    break
        return sound

    def close(self) -> None:
        """Close the file."""
        if self._open_reader is not None:
            self._open_reader[1].close()
            self._open_reader = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _reader(self, link: Link) -> LinkReader | PcmReader:
        if self._open_reader is not None and self._open_reader[0] == link:
            return self._open_reader[1]
        if self._open_reader is not None:
            self._open_reader[1].close()
            self._open_reader = None
        reader = self._new_reader(link)
        self._open_reader = (link, reader)
        return reader

    def _new_reader(self, link: Link) -> LinkReader | PcmReader:
        if self._wav is not None and is_plain(self._wav):
            return PcmReader(self._fd, self._wav, link.start, link.end)
        import av

        try:
            source = ByteRange(self._fd, link.start, link.end, self._head)
            return LinkReader(source, self._form, scan=self._scan, frames=self._plain_frames)
        except NoSoundError as error:
            raise _no_sound(self.path, str(error)) from None
        except av.FFmpegError as error:
            raise broken(self.path, error) from None

    def _links(self, rate_hz: int | None) -> list[Link]:
        size = os.fstat(self._fd).st_size
        if self._form.raw is not None:
            return [self._raw_link(self._form.raw, rate_hz, size)]
        if self._form == WAV:
            return [self._wav_link()]
        if self._form == OGG:
            return ogg_links(self._fd)
        if self._form == MP3:
            return mp3_links(self._fd)
        return [Link(0, size)]

    def _raw_link(self, raw: RawCoding, rate_hz: int | None, size: int) -> Link:
        rate_hz = raw.rate_hz or rate_hz
        if rate_hz is None:
            raise UsageError(
                f"Nothing in {self.name} says its sample rate.", "Name it: --rate 8000, or 6000."
            )
        self._head = made_head(raw.tag, rate_hz, 1, raw.bits, size)
        self._wav = read_wav_head(self._head)
        self._form = _big_packets(self._form)
        return Link(0, size)

    def _wav_link(self) -> Link:
        start = os.pread(self._fd, MAX_HEAD_BYTES, 0)
        try:
            head = read_wav_head(start)
        except NotWavError as error:
            raise broken(self.path, error) from None
        if head is None:
            raise _no_sound(self.path, "")
        self._wav, self.recorded_at = head, head.recorded_at
        end = head.data_end(self._fd)
        if not is_plain(head):
            if head.is_big_endian:
                raise _no_sound(self.path, "a RIFX of its coding is not known")
            self._head = mended_head(start, head, end - head.data_at)
            self._form = _big_packets(self._form)
        if head.block_bytes:
            self._plain_frames = (end - head.data_at) // head.block_bytes
        missing = head.data_at + head.data_bytes - end if head.is_size_known else 0
        missing_s = 0.0
        if missing > MISSING_BYTES and head.bytes_per_s:
            missing_s = missing / head.bytes_per_s
        return Link(head.data_at, end, missing_s)

    def _check_whole(self, last: Link, missing_s: float) -> None:
        if not self.frames:
            raise _no_sound(self.path, "")
        if missing_s > (0.0 if self._wav is not None and last.missing_s else MISSING_S):
            raise cut_off(self.path, self.duration_s, self.duration_s + missing_s)
        if last.is_cut:
            raise cut_off(self.path, self.duration_s)


@contextlib.contextmanager
def open_sound(path: Path, rate_hz: int | None = None) -> Iterator[SoundFile]:
    """Give the sound file `path` while the block lasts.

    `rate_hz` is for sound without a head that nothing says the rate of (`.vox`). Raise UsageError
    if it cannot be read, or is cut off.
    """
    with contextlib.closing(opened_sound(path, rate_hz)) as sound:
        yield sound


def opened_sound(path: Path, rate_hz: int | None = None, *, scan: bool = True) -> SoundFile:
    """Return the sound file `path`, to be closed; see `open_sound`.

    Without `scan` it is there at once, however long: its length is what its container says, or what
    FFmpeg guesses, and an end that is missing may show only there.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        return SoundFile(path, fd, rate_hz, scan=scan)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, OSError):
            raise unreadable(path, error) from None
        raise


def cut_off(path: Path, there_s: float, named_s: float | None = None) -> UsageError:
    """Return the error for a file of which `there_s` are there; `named_s` None: nothing says."""
    of = "and its end is missing" if named_s is None else f"of {named_s:.1f} s are there"
    return UsageError(
        f"{plain_text(str(path))} is cut off: {there_s:.1f} s {of}.",
        "Copy the whole file again; or save what is there as a recording of its own.",
    )


def broken(path: Path, error: Exception) -> UsageError:
    """Return the error for a file that a library cannot read."""
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(
        f"{plain_text(str(path))} cannot be read: {plain_text(reason, 160).rstrip('.')}.",
        "Check that it is a sound file that you may read.",
    )


def unreadable(path: Path, error: OSError) -> UsageError:
    """Return the error for a file that the system does not let be read."""
    return UsageError(
        f"{plain_text(str(path))} cannot be read: {error.strerror}.",
        "Check that it is a sound file that you may read.",
    )


def _no_sound(path: Path, why: str) -> UsageError:
    if why:
        return UsageError(f"{plain_text(str(path))} cannot be read: {why}.", "Convert it to WAV.")
    return UsageError(f"{plain_text(str(path))} holds no sound.", "Name another file.")


def _not_known(path: Path) -> UsageError:
    codec = UNREADABLE.get(path.suffix.lower())
    if codec is not None:
        return UsageError(
            f"{plain_text(str(path))} is {codec}, which cannot be decoded here.",
            "Convert it to WAV with the program that made it.",
        )
    return UsageError(
        f"{plain_text(str(path))} is no sound file that is known.",
        "Name WAV, FLAC, Ogg, MP3, M4A or another that docs/recordings.md lists.",
    )


def _id3_end(fd: int) -> int:
    tag = os.pread(fd, 10, 0)
    if tag[:3] != b"ID3" or len(tag) < 10:
        return 0
    size = sum((byte & 127) << shift for byte, shift in zip(tag[6:], (21, 14, 7, 0), strict=True))
    return 10 + size


def _big_packets(form: Format) -> Format:
    return Format(form.name, form.demuxer, {**form.options, "max_size": str(PACKET_BYTES)}, None)
