"""A recording as 48 kHz samples that are decoded when they are needed.

It starts at once, however long it is, and takes no more memory than a minute of sound.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from callplayer.errors import UsageError
from callplayer.recordings.containers.sound_file import SoundFile, opened_sound
from callplayer.recordings.samples import SAMPLE_RATE_HZ, Samples, Sound

LOG = logging.getLogger(__name__)

CHUNK_S = 1
CHUNK_FRAMES = CHUNK_S * SAMPLE_RATE_HZ
MAX_CHUNKS = 60
MARGIN_S = 0.05
"""What a resampler is given before and after a chunk: more than its filter reaches."""

AHEAD_S = 4.0
"""Up to here decoding on is quicker than a new start."""

CLOSE_S = 0.2
"""A large file that is still looked through is not waited for."""

LARGE_BYTES = 4_000_000
"""The packets of a file up to this size are counted in a moment; of a larger one, meanwhile."""


class StreamedSound:
    """Gives any part of a sound file: int16 at 48 kHz, of shape (frames, channels).

    Each chunk of a second is resampled by itself with a margin, so that a place sounds the same
    however it was come to. A thread decodes the chunk after the one that is read. `read` may be
    called on any thread. `frames` is put right once a file of more than `large_bytes` has been
    looked through.
    """

    def __init__(self, path: Path, large_bytes: int = LARGE_BYTES) -> None:
        """Open `path`; raise UsageError if it cannot be read or is known to be cut off."""
        is_large = path.is_file() and path.stat().st_size > large_bytes
        self._reader = _Forward(opened_sound(path, scan=not is_large))
        self._path = path
        self._lock = threading.Lock()
        self._chunks: dict[int, Samples] = {}
        self._ahead_of = -1
        self._wanted = threading.Event()
        self._closed = False
        self.channels = self._reader.file.channels
        self.frames = self._reader.frames_48_khz
        self._chunk(0)
        work = self._look_through if is_large else self._look_ahead
        self._thread = threading.Thread(target=work, name="decoder", daemon=True)
        self._thread.start()

    @property
    def file(self) -> SoundFile:
        """The file, for what its head says; its sound is read here."""
        return self._reader.file

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on, fewer at the end of the sound.

        Raise UsageError if the file cannot be read any more.
        """
        end = min(start + frames, self.frames)
        parts = []
        while start < end:
            index, offset = divmod(start, CHUNK_FRAMES)
            part = self._chunk(index)[offset : offset + end - start]
            if not len(part):
                break
            parts.append(part)
            start += len(part)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([np.zeros((0, self.channels), np.int16), *parts])

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        self._wanted.set()
        self._thread.join(timeout=CLOSE_S)
        with self._lock:
            self._reader.file.close()

    def _chunk(self, index: int) -> Samples:
        if index != self._ahead_of:
            self._ahead_of = index
            self._wanted.set()
        chunk = self._chunks.get(index)
        if chunk is None:
            with self._lock:
                chunk = self._chunks.get(index)
                if chunk is None:
                    chunk = self._load(index)
        return chunk

    def _load(self, index: int) -> Samples:
        while len(self._chunks) >= MAX_CHUNKS:
            del self._chunks[next(iter(self._chunks))]
        chunk = self._chunks[index] = self._reader.chunk(index)
        return chunk

    def _look_ahead(self) -> None:
        while not self._closed:
            self._wanted.wait()
            self._wanted.clear()
            after = self._ahead_of + 1
            if self._closed or after in self._chunks or after * CHUNK_FRAMES >= self.frames:
                continue
            self._load_ahead(after)

    def _load_ahead(self, index: int) -> None:
        """Have a chunk; who reads it meets what is wrong with it."""
        with self._lock, contextlib.suppress(Exception):
            if index not in self._chunks:
                self._load(index)

    def _look_through(self) -> None:
        """Have the chunk that comes next, then all packets' times; then look ahead."""
        self._load_ahead(1)
        try:
            exact = opened_sound(self._path)
        except UsageError as error:
            # It plays: what is there of it can be heard.
            LOG.warning("its length is not known for sure: %s", error.what)
        else:
            with self._lock:
                if self._closed:
                    exact.close()
                    return
                self._reader.file.close()
                self._reader = _Forward(exact)
                self.frames = self._reader.frames_48_khz
                # One that ended where the guess did may go on.
                whole = {at: c for at, c in self._chunks.items() if len(c) == CHUNK_FRAMES}
                self._chunks = whole
        self._look_ahead()


class _Forward:
    """Reads a file on where it can, and anew from where it must."""

    def __init__(self, file: SoundFile) -> None:
        self.file = file
        self._blocks: Iterator[Sound] = iter(())
        self._held: Sound = np.zeros((0, file.channels), np.float32)
        self._begins = 0
        self._is_fresh = True

    @property
    def frames_48_khz(self) -> int:
        """The file's length."""
        return round(self.file.frames * SAMPLE_RATE_HZ / self.file.rate_hz)

    def chunk(self, index: int) -> Samples:
        """Return one second, the last one shorter."""
        rate_hz = self.file.rate_hz
        frames = min(max(self.frames_48_khz - index * CHUNK_FRAMES, 0), CHUNK_FRAMES)
        if rate_hz == SAMPLE_RATE_HZ:
            return _to_int16(self._read(index * CHUNK_FRAMES, frames))
        import soxr

        margin = round(MARGIN_S * rate_hz)
        first, count = index * CHUNK_S * rate_hz - margin, CHUNK_S * rate_hz + 2 * margin
        padded = np.zeros((count, self.file.channels), np.float32)
        begins = max(-first, 0)
        part = self._read(first + begins, count - begins)
        padded[begins : begins + len(part)] = part
        resampled: Sound = soxr.resample(padded, rate_hz, SAMPLE_RATE_HZ)
        skip = round(margin * SAMPLE_RATE_HZ / rate_hz)
        return _to_int16(resampled[skip : skip + frames])

    def _read(self, first: int, count: int) -> Sound:
        """Return `count` frames of the file from `first` on, fewer at its end."""
        ends = self._begins + len(self._held)
        if self._is_fresh or not self._begins <= first <= ends + AHEAD_S * self.file.rate_hz:
            self._blocks, self._begins = self.file.blocks(first), first
            self._held = self._held[:0]
        parts, ends = [self._held], self._begins + len(self._held)
        self._is_fresh = True  # where reading fails it begins anew
        while ends < first + count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            ends += len(block)
        self._is_fresh = False
        self._held = np.concatenate(parts)
        got = self._held[first - self._begins : first - self._begins + count]
        # The next chunk begins by a margin before the end of this one.
        done = max(first + count - CHUNK_S * self.file.rate_hz - self._begins, 0)
        self._held, self._begins = self._held[done:], self._begins + min(done, len(self._held))
        return got


def _to_int16(samples: Sound) -> Samples:
    scaled: Sound = np.rint(samples * np.float32(32_768.0))
    return np.clip(scaled, -32_768, 32_767).astype(np.int16)
