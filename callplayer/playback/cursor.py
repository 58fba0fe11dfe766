"""The cursor of one stream: a pure function of (state, command, call, time), counted in frames.

A frame is one sample of each party at 48 kHz. Times are readings of one monotonic clock in s.

At the end of a recorded call the cursor stands still at `duration` and `paused` stays as it was:
resuming there changes nothing to be heard, and a scrub back goes on playing. While a live call
goes on, its newest sound is a little behind the duration that is reported, so that a block is
always there when it is due. A listener that runs dry all the same waits for that much to have come
again, so that there is one gap and not many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from callplayer.recordings.samples import SAMPLE_RATE_HZ
from callplayer.vendor.commands import Command, Pause, Resume, Scrub, ScrubToEnd
from callplayer.vendor.status import Status

FRAMES_PER_MS = SAMPLE_RATE_HZ // 1000
BLOCK_FRAMES = 960
"""What goes into one Opus packet, 20 ms: it is made at the last moment, when that is sent."""

BLOCK_S = BLOCK_FRAMES / SAMPLE_RATE_HZ
EDGE_FRAMES = 2 * BLOCK_FRAMES
AT_END_FRAMES = 500 * FRAMES_PER_MS
FOLLOW_FRAMES = 400 * FRAMES_PER_MS


@dataclass(frozen=True)
class CallExtent:
    """How much of a call there is at one moment.

    While it goes on, its newest sound is taken `edge_frames` before `duration_frames`.
    """

    duration_frames: int
    is_over: bool = True
    edge_frames: int = EDGE_FRAMES

    @property
    def newest_frames(self) -> int:
        """The furthest place the cursor can be sent to."""
        if self.is_over:
            return self.duration_frames
        return max(self.duration_frames - self.edge_frames, 0)


@dataclass(frozen=True)
class CallTimeline:
    """How long a call is: `total_frames`, growing from `live_from_s` on if it is played as live."""

    total_frames: int
    live_from_s: float | None = None

    def at(self, now_s: float) -> CallExtent:
        """Return how much of the call there is at `now_s`."""
        if self.live_from_s is None:
            return CallExtent(self.total_frames)
        grown = max(int((now_s - self.live_from_s) * SAMPLE_RATE_HZ), 0)
        if grown >= self.total_frames:
            return CallExtent(self.total_frames)
        return CallExtent(grown, is_over=False)


@dataclass(frozen=True)
class Cursor:
    """Where the cursor is.

    `position_frames` is the next frame to go out; `block_frames` before it are those of the block
    that started to go out at `block_at_s`. `following`: it was sent to the live end and stays
    there. `dry`: it plays, and what it would play has not come yet.
    """

    position_frames: int = 0
    paused: bool = True
    block_frames: int = 0
    block_at_s: float = 0.0
    following: bool = False
    dry: bool = False


def start(extent: CallExtent, autoplay: bool) -> Cursor:
    """Return the first state: a live call with autoplay plays its newest sound, all else waits."""
    if autoplay and not extent.is_over:
        return Cursor(extent.newest_frames, paused=False, following=True)
    return Cursor()


def apply(cursor: Cursor, command: Command, extent: CallExtent) -> Cursor:
    """Return the state after `command`; a gain does not touch the cursor."""
    match command:
        case Pause():
            return replace(cursor, paused=True, block_frames=0, following=False, dry=False)
        case Resume():
            return replace(
                cursor, paused=False, following=cursor.following and _is_close(cursor, extent)
            )
        case Scrub(position=position_ms):
            return _sent(cursor, max(position_ms, 0) * FRAMES_PER_MS, extent)
        case ScrubToEnd():
            return _sent(cursor, extent.newest_frames, extent)
        case _:
            return cursor


def playable_frames(cursor: Cursor, extent: CallExtent) -> int:
    """Return how many frames the next block may play: 0…BLOCK_FRAMES.

    A live call plays whole blocks only, the last of a finished call may be shorter.
    """
    if cursor.paused:
        return 0
    left = extent.duration_frames - cursor.position_frames
    enough = extent.edge_frames if cursor.dry else BLOCK_FRAMES
    if left < enough and not extent.is_over:
        return 0
    return min(max(left, 0), BLOCK_FRAMES)


def advance(cursor: Cursor, frames: int, now_s: float) -> Cursor:
    """Return the state when a block that plays `frames` of the call starts to go out at `now_s`."""
    return Cursor(
        position_frames=cursor.position_frames + frames,
        paused=cursor.paused,
        block_frames=frames,
        block_at_s=now_s,
        following=cursor.following,
        dry=not cursor.paused and not frames,
    )


def follow(cursor: Cursor, extent: CallExtent) -> Cursor:
    """Return the state after a look at the live end: who follows it does not fall behind for good.

    A source that stalls and then gives all at once, or whose clock runs fast, leaves its follower
    behind; at twice the usual distance, or 0.4 s, it is sent to the newest sound again.
    """
    if cursor.paused or not cursor.following or extent.is_over or _is_close(cursor, extent):
        return cursor
    return _moved(cursor, extent.newest_frames)


def skip(cursor: Cursor, extent: CallExtent) -> Cursor:
    """Return the state after a time in which nothing could go out.

    A recorded call goes on where it was; one that followed the live end catches up with it.
    """
    if cursor.paused or not cursor.following:
        return cursor
    return _moved(cursor, max(extent.newest_frames, cursor.position_frames))


def go_back(cursor: Cursor, position_frames: int) -> Cursor:
    """Return the state with the cursor at an earlier place; it is never moved on."""
    return _moved(cursor, min(position_frames, cursor.position_frames))


def status(cursor: Cursor, extent: CallExtent, now_s: float) -> Status:
    """Return what is reported to the listener: the place of the sample that goes out at `now_s`."""
    elapsed = int((now_s - cursor.block_at_s) * SAMPLE_RATE_HZ)
    still_going_out = min(max(cursor.block_frames - elapsed, 0), cursor.block_frames)
    position = cursor.position_frames - still_going_out
    duration = extent.duration_frames
    over = extent.is_over
    return Status(
        position=position // FRAMES_PER_MS,
        duration=duration // FRAMES_PER_MS,
        paused=cursor.paused,
        at_end=position >= duration if over else duration - position <= AT_END_FRAMES,
        call_over=over,
    )


def _is_close(cursor: Cursor, extent: CallExtent) -> bool:
    behind = extent.duration_frames - cursor.position_frames
    return behind <= max(2 * extent.edge_frames, FOLLOW_FRAMES)


def _sent(cursor: Cursor, wanted_frames: int, extent: CallExtent) -> Cursor:
    newest = extent.newest_frames
    moved = _moved(cursor, min(wanted_frames, newest))
    return replace(moved, following=wanted_frames >= newest and not extent.is_over)


def _moved(cursor: Cursor, position_frames: int) -> Cursor:
    return replace(cursor, position_frames=position_frames, block_frames=0, dry=False)
