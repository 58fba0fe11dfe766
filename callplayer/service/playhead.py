"""The cursor of one stream: a pure function of (state, command, call, time), counted in frames.

A frame is one sample of each party at 48 kHz. Times are readings of one monotonic clock in s.

At the end of a recorded call the cursor stands still at `duration` and `paused` stays as it was:
resuming there changes nothing to be heard, and a scrub back goes on playing. While a live call
goes on, its newest sound is a little behind the duration that is told, so that a block is always
there when it is due. Who runs dry all the same waits for that much to have come again, so that
there is one gap and not many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from callplayer.wire import Command, Pause, Resume, Scrub, ScrubToEnd, Status

SAMPLE_RATE_HZ = 48_000
FRAMES_PER_MS = SAMPLE_RATE_HZ // 1000
BLOCK_FRAMES = 960
"""What goes into one Opus packet, 20 ms: it is made at the last moment, when that is sent."""

BLOCK_S = BLOCK_FRAMES / SAMPLE_RATE_HZ
EDGE_FRAMES = 2 * BLOCK_FRAMES
AT_END_FRAMES = 500 * FRAMES_PER_MS
FOLLOW_FRAMES = 400 * FRAMES_PER_MS


@dataclass(frozen=True)
class Extent:
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
class Timeline:
    """How long a call is: `total_frames`, growing from `live_from_s` on if it is played as live."""

    total_frames: int
    live_from_s: float | None = None

    def at(self, now_s: float) -> Extent:
        """Return how much of the call there is at `now_s`."""
        if self.live_from_s is None:
            return Extent(self.total_frames)
        grown = max(int((now_s - self.live_from_s) * SAMPLE_RATE_HZ), 0)
        if grown >= self.total_frames:
            return Extent(self.total_frames)
        return Extent(grown, is_over=False)


@dataclass(frozen=True)
class Playhead:
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


def start(extent: Extent, autoplay: bool) -> Playhead:
    """Return the first state: a live call with autoplay plays its newest sound, all else waits."""
    if autoplay and not extent.is_over:
        return Playhead(extent.newest_frames, paused=False, following=True)
    return Playhead()


def apply(head: Playhead, command: Command, extent: Extent) -> Playhead:
    """Return the state after `command`; a gain does not touch the cursor."""
    match command:
        case Pause():
            return replace(head, paused=True, block_frames=0, following=False, dry=False)
        case Resume():
            return replace(head, paused=False, following=head.following and _is_close(head, extent))
        case Scrub(position=position_ms):
            return _sent(head, max(position_ms, 0) * FRAMES_PER_MS, extent)
        case ScrubToEnd():
            return _sent(head, extent.newest_frames, extent)
        case _:
            return head


def playable_frames(head: Playhead, extent: Extent) -> int:
    """Return how many frames the next block may play: 0…BLOCK_FRAMES.

    A live call plays whole blocks only, the last of a finished call may be shorter.
    """
    if head.paused:
        return 0
    left = extent.duration_frames - head.position_frames
    enough = extent.edge_frames if head.dry else BLOCK_FRAMES
    if left < enough and not extent.is_over:
        return 0
    return min(max(left, 0), BLOCK_FRAMES)


def advance(head: Playhead, frames: int, now_s: float) -> Playhead:
    """Return the state when a block that plays `frames` of the call starts to go out at `now_s`."""
    return Playhead(
        position_frames=head.position_frames + frames,
        paused=head.paused,
        block_frames=frames,
        block_at_s=now_s,
        following=head.following,
        dry=not head.paused and not frames,
    )


def follow(head: Playhead, extent: Extent) -> Playhead:
    """Return the state after a look at the live end: who follows it does not fall behind for good.

    A source that stalls and then gives all at once, or whose clock runs fast, leaves its follower
    behind; at twice the usual distance, or 0.4 s, it is sent to the newest sound again.
    """
    if head.paused or not head.following or extent.is_over or _is_close(head, extent):
        return head
    return _moved(head, extent.newest_frames)


def skip(head: Playhead, extent: Extent) -> Playhead:
    """Return the state after a time in which nothing could go out.

    A recorded call goes on where it was; one that followed the live end catches up with it.
    """
    if head.paused or not head.following:
        return head
    return _moved(head, max(extent.newest_frames, head.position_frames))


def go_back(head: Playhead, position_frames: int) -> Playhead:
    """Return the state with the cursor at an earlier place; it is never moved on."""
    return _moved(head, min(position_frames, head.position_frames))


def status(head: Playhead, extent: Extent, now_s: float) -> Status:
    """Return what the listener is told: the place of the sample that goes out at `now_s`."""
    elapsed = int((now_s - head.block_at_s) * SAMPLE_RATE_HZ)
    still_going_out = min(max(head.block_frames - elapsed, 0), head.block_frames)
    position = head.position_frames - still_going_out
    duration = extent.duration_frames
    over = extent.is_over
    return Status(
        position=position // FRAMES_PER_MS,
        duration=duration // FRAMES_PER_MS,
        paused=head.paused,
        at_end=position >= duration if over else duration - position <= AT_END_FRAMES,
        call_over=over,
    )


def _is_close(head: Playhead, extent: Extent) -> bool:
    behind = extent.duration_frames - head.position_frames
    return behind <= max(2 * extent.edge_frames, FOLLOW_FRAMES)


def _sent(head: Playhead, wanted_frames: int, extent: Extent) -> Playhead:
    newest = extent.newest_frames
    moved = _moved(head, min(wanted_frames, newest))
    return replace(moved, following=wanted_frames >= newest and not extent.is_over)


def _moved(head: Playhead, position_frames: int) -> Playhead:
    return replace(head, position_frames=position_frames, block_frames=0, dry=False)
