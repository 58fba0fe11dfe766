"""Sound files of all kinds to one FLAC: checked to their end, without tags, names or pictures."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.integrity import check_whole, cut_off, quiet_libraries
from callplayer.recordings.recording import MAX_DURATION_S
from callplayer.text import plain_text

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4"})
_BY_PYAV = frozenset({".m4a", ".mp4"})  # libsndfile has no AAC
_FINE_SUBTYPES = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_24", "ALAC_32"})
_BLOCK_FRAMES = 1 << 16
_M4A_SLACK_S = 0.5  # an encoder's priming and padding, which some count and some do not

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Converted:
    """What was written: `channels` is 1 or 2."""

    duration_s: float
    channels: int


@dataclass(frozen=True)
class _Source:
    """A file being read: blocks of shape (frames, channels), full scale at ±1."""

    rate_hz: int
    channels: int
    is_fine: bool
    blocks: Iterator[Sound]


def convert(sources: tuple[Path, ...], target_fd: int) -> Converted:
    """Write the sound of one file, or of two (the caller, the call taker), as FLAC.

    It keeps the sample rate (of two, the first one's) and 16 bits, or 24 where there are more.
    Raise UsageError if a file cannot be read to its end, is cut off, has more channels, or is too
    long, ServiceError if it cannot be written.
    """
    import soundfile

    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_libraries())
        opened = [stack.enter_context(_open(path)) for path in sources]
        joined = opened[0] if len(opened) == 1 else _joined(sources, opened)
        if not 1 <= joined.channels <= 2:
            raise UsageError(
                f"{sources[0]} has {joined.channels} channels.",
                "Mix it down to one, or to two: the caller left, the call taker right.",
            )
        subtype = "PCM_24" if joined.is_fine else "PCM_16"
        frames = 0
        try:
            with soundfile.SoundFile(
                os.dup(target_fd), "w", joined.rate_hz, joined.channels, subtype, format="FLAC"
            ) as target:
                for block in joined.blocks:
                    frames += len(block)
                    if frames > MAX_DURATION_S * joined.rate_hz:
                        raise UsageError(
                            f"{sources[0]} is longer than {MAX_DURATION_S // 3600} h.", "Cut it."
                        )
                    target.write(_quantized(block, fine=joined.is_fine))
        except soundfile.LibsndfileError as error:  # of writing: what reads tells its own
            reason = plain_text(str(error), 160).rstrip(".")
            raise ServiceError(
                f"The sound of {sources[0]} cannot be kept: {reason}.",
                "Check free space.",
            ) from None
    if not frames:
        raise UsageError(f"{sources[0]} holds no sound.", "Name another file.")
    return Converted(frames / joined.rate_hz, joined.channels)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Source]:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise UsageError(
            f"{plain_text(str(path))} is no recording that can be imported.",
            "Name WAV, FLAC, OGG, MP3 or M4A files.",
        )
    check_whole(path)
    with _open_m4a(path) if path.suffix.lower() in _BY_PYAV else _open_sndfile(path) as source:
        yield source


@contextlib.contextmanager
def _open_sndfile(path: Path) -> Iterator[_Source]:
    import soundfile

    def blocks(file: soundfile.SoundFile) -> Iterator[Sound]:
        try:
            while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
                yield block
        except soundfile.LibsndfileError as error:
            raise _broken(path, error) from None

    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _broken(path, error) from None
    with file:
        is_fine = file.subtype in _FINE_SUBTYPES
        yield _Source(file.samplerate, file.channels, is_fine, blocks(file))


@contextlib.contextmanager
def _open_m4a(path: Path) -> Iterator[_Source]:
    import av

    # From an open file, so that a name can never be taken for an address of the network.
    with path.open("rb") as stream:
        try:
            container = av.open(stream, format="mov")
        except (av.FFmpegError, OSError) as error:
            raise _broken(path, error) from None
        with container:
            if not container.streams.audio:
                raise UsageError(f"{path} holds no sound.", "Name another file.")
            audio = container.streams.audio[0]
            channels = audio.channels
            resampler = av.AudioResampler("flt", audio.layout, audio.rate)
            assert isinstance(container, av.container.InputContainer)

            told_s = float((audio.duration or 0) * (audio.time_base or 0))

            def blocks() -> Iterator[Sound]:
                frames = 0
                try:
                    for frame in container.decode(audio):
                        frames += frame.samples
                        for part in resampler.resample(frame):
                            yield part.to_ndarray().reshape(-1, channels).astype(np.float32)
                except av.FFmpegError as error:
                    raise _broken(path, error) from None
                if frames / audio.rate < told_s - _M4A_SLACK_S:
                    raise cut_off(path, frames / audio.rate, told_s)

            yield _Source(audio.rate, channels, False, blocks())


def _joined(paths: tuple[Path, ...], sources: list[_Source]) -> _Source:
    """Return the two as one of two channels, the shorter one filled up with silence."""
    for path, source in zip(paths, sources, strict=True):
        if source.channels != 1:
            raise UsageError(
                f"{path} has {source.channels} channels; two files are joined of one each.",
                "Mix it down to one, or import it by itself.",
            )
    first, second = sources
    rate_hz = first.rate_hz

    def blocks() -> Iterator[Sound]:
        left = _Reblocked(first.blocks)
        right = _Reblocked(_at_rate(second, rate_hz))
        while True:
            pair = [side.next(_BLOCK_FRAMES) for side in (left, right)]
            frames = max(map(len, pair))
            if not frames:
                return
            block = np.zeros((frames, 2), np.float32)
            for channel, part in enumerate(pair):
                block[: len(part), channel] = part
            yield block

    return _Source(rate_hz, 2, first.is_fine or second.is_fine, blocks())


class _Reblocked:
    """Gives one channel in the amounts that are asked for."""

    def __init__(self, blocks: Iterator[Sound]) -> None:
        self._blocks = blocks
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def next(self, frames: int) -> NDArray[np.float32]:
        """Return the next `frames`, fewer at the end only."""
        parts, have = [self._rest], len(self._rest)
        while have < frames and (block := next(self._blocks, None)) is not None:
            parts.append(block[:, 0])
            have += len(block)
        whole = np.concatenate(parts)
        self._rest = whole[frames:]
        return whole[:frames]


def _at_rate(source: _Source, rate_hz: int) -> Iterator[Sound]:
    import soxr

    if source.rate_hz == rate_hz:
        yield from source.blocks
        return
    stream = soxr.ResampleStream(source.rate_hz, rate_hz, 1, dtype="float32")
    for block in source.blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros((0, 1), np.float32), last=True)


def _quantized(block: Sound, *, fine: bool) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return whole numbers of 16 bits, or of 24 at the top of 32; those that were are kept."""
    bits = 24 if fine else 16
    limit = 1 << (bits - 1)
    whole = np.clip(np.rint(block.astype(np.float64) * limit), -limit, limit - 1)
    return whole.astype(np.int32) << 8 if fine else whole.astype(np.int16)


def _broken(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{plain_text(str(path))} cannot be read: {plain_text(str(error), 160).rstrip('.')}.",
        "Check that it is a sound file that you may read.",
    )
