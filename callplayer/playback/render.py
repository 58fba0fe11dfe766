"""From cursor to sound: which frames a block holds, how it fades, how loud each party is. Pure.

A block is 20 ms, 960 frames of int16. Every jump of the cursor fades 5 ms out and 5 ms in, and a
gain moves over one block, so nothing clicks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from callplayer.playback.cursor import BLOCK_FRAMES
from callplayer.recordings.samples import KNEE, Samples, Sound, soft_limited

FADE_FRAMES = BLOCK_FRAMES // 4

Gains = tuple[float, ...]
Reader = Callable[[int, int], Samples]

_FADE_IN = ((np.arange(FADE_FRAMES, dtype=np.float32) + 0.5) / FADE_FRAMES).astype(np.float32)
_FADE_OUT = _FADE_IN[::-1].copy()
_RAMP = ((np.arange(BLOCK_FRAMES, dtype=np.float32) + 1) / BLOCK_FRAMES).astype(np.float32)


@dataclass(frozen=True)
class SourceSpan:
    """`frames` of the recording from `source` on, placed at `offset` in the block."""

    offset: int
    source: int
    frames: int
    fade: Literal["", "in", "out"] = ""


@dataclass(frozen=True)
class BlockPlan:
    """The pieces of one block, and how far it moves the cursor."""

    pieces: tuple[SourceSpan, ...]
    advance_frames: int

    @property
    def next_source(self) -> int | None:
        """The frame that would go on without a seam, None if the block ends in silence."""
        if not self.advance_frames:
            return None
        last = self.pieces[-1]
        return last.source + last.frames


def plan_block(seamless_source: int | None, position: int, playable_frames: int) -> BlockPlan:
    """Plan a block that plays `playable_frames` from `position` on.

    `seamless_source` is the frame that would follow the last block, None after silence. Where the
    two differ, the old sound fades out in the first 5 ms of the block, and the new one follows.
    """
    if not playable_frames:
        if seamless_source is None:
            return BlockPlan((), 0)
        return BlockPlan((SourceSpan(0, seamless_source, FADE_FRAMES, "out"),), 0)
    if seamless_source == position:
        return BlockPlan((SourceSpan(0, position, playable_frames),), playable_frames)
    if seamless_source is None:
        return BlockPlan(_fading_in(0, position, playable_frames), playable_frames)
    fresh = min(BLOCK_FRAMES - FADE_FRAMES, playable_frames)
    old = SourceSpan(0, seamless_source, FADE_FRAMES, "out")
    return BlockPlan((old, *_fading_in(FADE_FRAMES, position, fresh)), fresh)


def _fading_in(offset: int, position: int, frames: int) -> tuple[SourceSpan, ...]:
    first = min(FADE_FRAMES, frames)
    fading = SourceSpan(offset, position, first, "in")
    if frames == first:
        return (fading,)
    return fading, SourceSpan(offset + first, position + first, frames - first)


def render(plan: BlockPlan, read: Reader, gains_from: Gains, gains_to: Gains) -> Samples:
    """Return one block of all parties: int16, shape (960, parties).

    `read(start, frames)` gives the call's sound, shape (frames, parties); beyond its end there is
    silence. The gains are factors, one a party; the block moves from the one to the other in a
    line. What would overload is rounded off above 80 % of full scale; at a gain of 1 the sound goes
    out bit for bit.
    """
    block = _sound(plan, read, len(gains_to))
    if gains_from == gains_to and all(gain == 1.0 for gain in gains_to):
        return block
    return _amplify(block, np.array(gains_from, np.float32), np.array(gains_to, np.float32))


def mixed(block: Samples) -> Samples:
    """Return one channel of a block: the sum of all, rounded off where it would overload."""
    if block.shape[1] == 1:
        return block
    flat = block.reshape(-1)
    if flat[flat.argmax()] < KNEE / 2 and flat[flat.argmin()] > -KNEE / 2:
        quiet: Samples = np.add(block[:, 0], block[:, 1])[:, None]
        return quiet
    total = np.add(block[:, 0], block[:, 1], dtype=np.int32)
    if max(total[total.argmax()], -total[total.argmin()]) > KNEE:
        total = np.rint(soft_limited(total.astype(np.float32)))
    return total.astype(np.int16)[:, None]


def _sound(plan: BlockPlan, read: Reader, parties: int) -> Samples:
    if len(plan.pieces) == 1 and not plan.pieces[0].fade:
        part = read(plan.pieces[0].source, BLOCK_FRAMES)
        if plan.pieces[0].frames == len(part) == BLOCK_FRAMES:
            return part
    block = np.zeros((BLOCK_FRAMES, parties), dtype=np.int16)
    for piece in plan.pieces:
        part = read(piece.source, piece.frames)
        if piece.fade:
            curve = _FADE_IN if piece.fade == "in" else _FADE_OUT
            part = np.rint(part * curve[: len(part), None]).astype(np.int16)
        block[piece.offset : piece.offset + len(part)] = part
    return block


def _amplify(
    block: Samples, gains_from: NDArray[np.float32], gains_to: NDArray[np.float32]
) -> Samples:
    gain = gains_from
    if (gains_from != gains_to).any():
        gain = gains_from + (gains_to - gains_from) * _RAMP[:, None]
    loud: Sound = block.astype(np.float32) * gain
    boosted = np.maximum(gains_from, gains_to) > 1
    if boosted.any():
        loud = np.where(boosted, soft_limited(loud), loud)
    return np.rint(loud, out=loud).clip(-32_768, 32_767, out=loud).astype(np.int16)
