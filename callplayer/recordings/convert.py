"""Sound files of all kinds to one FLAC: read to their end, without tags, names or pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callplayer.errors import ServiceError, UsageError
from callplayer.recordings.containers.sound_file import SoundFile
from callplayer.recordings.recording import MAX_DURATION_S
from callplayer.recordings.samples import Sound
from callplayer.text import plain_text

_BLOCK_FRAMES = 1 << 16
_MAX_RATE_HZ = 655_350
_COMPRESSION = 3 / 8
"""FLAC's level 3 of 8: a quarter quicker than the usual 5, for files that are 2 % larger."""


@dataclass(frozen=True)
class Layout:
    """How the channels of a recording become parties.

    `swap`: the caller is on the right. `channels`: of a recording of more than two, those (from 1)
    that are the caller's and the call taker's; one of them: a mixed track. `rate_hz`: of sound
    without a head that nothing says the rate of.
    """

    swap: bool = False
    channels: tuple[int, ...] = ()
    rate_hz: int | None = None


@dataclass(frozen=True)
class Converted:
    """What was written: `channels` is 1 or 2; `notes` are one line each on what was lost."""

    duration_s: float
    channels: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _DecodedSource:
    """A file being read: blocks of shape (frames, channels), full scale at ±1."""

    rate_hz: int
    channels: int
    is_fine: bool
    blocks: Iterator[Sound]


def convert(sounds: Sequence[SoundFile], target_fd: int, layout: Layout | None = None) -> Converted:
    """Write the sound of one file, or of two (the caller, the call taker), as FLAC.

    It keeps the sample rate (of two, the first one's) and 16 bits, or 24 where there are more.
    Raise UsageError if a file cannot be read or its channels are not those of a call, ServiceError
    if the sound cannot be written.
    """
    import soundfile

    layout = layout or Layout()
    first = sounds[0]
    source = _chosen(first, layout) if len(sounds) == 1 else _joined(sounds, swap=layout.swap)
    if source.rate_hz > _MAX_RATE_HZ:
        raise UsageError(
            f"{first.name} has {source.rate_hz} samples a second.", "Convert it to 48000."
        )
    subtype = "PCM_24" if source.is_fine else "PCM_16"
    frames = 0
    try:
        with soundfile.SoundFile(
            os.dup(target_fd), "w", source.rate_hz, source.channels, subtype, format="FLAC",
            compression_level=_COMPRESSION,
        ) as target:  # fmt: skip
            for block in source.blocks:
                frames += len(block)
                target.write(_quantized(block, fine=source.is_fine))
    except soundfile.LibsndfileError as error:  # of writing: what reads says its own
        reason = plain_text(str(error), 160).rstrip(".")
        raise ServiceError(
            f"The sound of {first.name} cannot be kept: {reason}.", "Check free space."
        ) from None
    notes = tuple(note for sound in sounds if (note := loss_note(sound)))
    return Converted(frames / source.rate_hz, source.channels, notes)


def check_length(sound: SoundFile) -> None:
    """Raise UsageError for a sound file that is longer than a call may be."""
    if sound.duration_s > MAX_DURATION_S:
        raise UsageError(f"{sound.name} is longer than {MAX_DURATION_S // 3600} h.", "Cut it.")


def loss_note(sound: SoundFile) -> str:
    """Return a line on the packets that could not be decoded, "" if all could."""
    losses = sound.losses
    if not losses:
        return ""
    packets = sum(loss.packets for loss in losses)
    places = ", ".join(f"{loss.position / sound.rate_hz:.1f} s" for loss in losses[:5])
    more = ", …" if len(losses) > 5 else ""
    are = "packet cannot be decoded and is" if packets == 1 else "packets cannot be decoded and are"
    return f"{sound.name}: {packets} {are} left out, at {places}{more}"


def _chosen(sound: SoundFile, layout: Layout) -> _DecodedSource:
    """Return one file's channels as they are asked for."""
    if layout.channels:
        wrong = [each for each in layout.channels if not 1 <= each <= sound.channels]
        if wrong or len(layout.channels) > 2:
            raise UsageError(
                f"{sound.name} has {sound.channels} channels;"
                f" --channels {','.join(map(str, layout.channels))} is no choice of one or two.",
                "Name the caller's and the call taker's, such as --channels 1,3.",
            )
        order = [each - 1 for each in layout.channels]
    elif sound.channels > 2:
        raise UsageError(
            f"{sound.name} has {sound.channels} channels.",
            "Name the caller's and the call taker's, such as --channels 1,3; or mix it down.",
        )
    else:
        order = list(range(sound.channels))
    if layout.swap:
        if len(order) != 2:
            raise UsageError(f"{sound.name} has one channel to import.", "Leave out --swap.")
        order.reverse()
    if order == list(range(sound.channels)):
        return _DecodedSource(sound.rate_hz, sound.channels, sound.is_fine, sound.blocks())
    blocks = (block[:, order] for block in sound.blocks())
    return _DecodedSource(sound.rate_hz, len(order), sound.is_fine, blocks)


def _joined(sounds: Sequence[SoundFile], *, swap: bool) -> _DecodedSource:
    """Return the two as one of two channels, the shorter one filled up with silence."""
    for sound in sounds:
        if sound.channels != 1:
            raise UsageError(
                f"{sound.name} has {sound.channels} channels; two files are joined of one each.",
                "Mix it down to one, or import it by itself.",
            )
    first, second = reversed(sounds) if swap else sounds
    rate_hz = first.rate_hz

    def blocks() -> Iterator[Sound]:
        left = _Reblocked(first.blocks())
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

    return _DecodedSource(rate_hz, 2, first.is_fine or second.is_fine, blocks())


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


def _at_rate(sound: SoundFile, rate_hz: int) -> Iterator[Sound]:
    import soxr

    if sound.rate_hz == rate_hz:
        yield from sound.blocks()
        return
    stream = soxr.ResampleStream(sound.rate_hz, rate_hz, 1, dtype="float32")
    for block in sound.blocks():
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros((0, 1), np.float32), last=True)


def _quantized(block: Sound, *, fine: bool) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return whole numbers of 16 bits, or of 24 at the top of 32; those that were are kept."""
    if not fine:  # float32 holds 16 bits exactly
        whole: Sound = block * np.float32(32_768)
        np.rint(whole, out=whole)
        np.clip(whole, -32_768, 32_767, out=whole)
        return whole.astype(np.int16)
    limit = 1 << 23
    exact = np.clip(np.rint(block.astype(np.float64) * limit), -limit, limit - 1)
    return exact.astype(np.int32) << 8
