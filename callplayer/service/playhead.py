"""The cursor of one stream: a pure function of (state, command, time), counted in frames.

A frame is one sample of each party at 48 kHz. Times are readings of one monotonic clock in s.

At the end of a recorded call the cursor stands still at `duration` and `paused` stays as it was:
resuming there changes nothing to be heard, and a scrub back goes on playing. While a live call
grows, its newest sound is `EDGE_FRAMES` behind the duration that is told, so that a block asked for
a little late is always there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from callplayer.wire import Command, Pause, Resume, Scrub, ScrubToEnd, Status

SAMPLE_RATE_HZ = 48_000
FRAMES_PER_MS = SAMPLE_RATE_HZ // 1000
BLOCK_FRAMES = 480
BLOCK_S = BLOCK_FRAMES / SAMPLE_RATE_HZ
EDGE_FRAMES = 2 * BLOCK_FRAMES
AT_END_FRAMES = 500 * FRAMES_PER_MS


@dataclass(frozen=True)
class Timeline:
    """How long a call is: `total_frames`, growing from `live_from_s` on if it is played as live."""

    total_frames: int
    live_from_s: float | None = None

    def duration_frames(self, now_s: float) -> int:
        """Return how much of the call there is at `now_s`."""
        if self.live_from_s is None:
            return self.total_frames
        grown = int((now_s - self.live_from_s) * SAMPLE_RATE_HZ)
        return min(max(grown, 0), self.total_frames)

    def is_over(self, now_s: float) -> bool:
        """Tell whether the call has ended; a recorded call always has."""
        return self.duration_frames(now_s) >= self.total_frames

    def newest_frames(self, now_s: float) -> int:
        """Return the furthest place the cursor can stand at."""
        duration = self.duration_frames(now_s)
        return duration if duration >= self.total_frames else max(duration - EDGE_FRAMES, 0)


@dataclass(frozen=True)
class Playhead:
    """Where the cursor is.

    `position_frames` is the next frame to go out; `block_frames` before it are those of the block
    that started to go out at `block_at_s`.
    """

    position_frames: int = 0
    paused: bool = True
    block_frames: int = 0
    block_at_s: float = 0.0


def start(timeline: Timeline, autoplay: bool, now_s: float) -> Playhead:
    """Return the first state: a live call with autoplay plays its newest sound, all else waits."""
    if autoplay and not timeline.is_over(now_s):
        return Playhead(timeline.newest_frames(now_s), paused=False)
    return Playhead()


def apply(head: Playhead, command: Command, timeline: Timeline, now_s: float) -> Playhead:
    """Return the state after `command`; a gain does not touch the cursor."""
    match command:
        case Pause():
            return replace(head, paused=True, block_frames=0)
        case Resume():
            return replace(head, paused=False)
        case Scrub(position=position_ms):
            wanted = max(position_ms, 0) * FRAMES_PER_MS
            return _moved(head, min(wanted, timeline.newest_frames(now_s)))
        case ScrubToEnd():
            return _moved(head, timeline.newest_frames(now_s))
        case _:
            return head


def playable_frames(head: Playhead, timeline: Timeline, now_s: float) -> int:
    """Return how many frames the block at `now_s` may play: 0…BLOCK_FRAMES.

    A live call plays whole blocks only, the last of a finished call may be shorter.
    """
    if head.paused:
        return 0
    left = timeline.duration_frames(now_s) - head.position_frames
    if left < BLOCK_FRAMES and not timeline.is_over(now_s):
        return 0
    return min(max(left, 0), BLOCK_FRAMES)


def advance(head: Playhead, frames: int, now_s: float) -> Playhead:
    """Return the state when a block that plays `frames` of the call starts to go out at `now_s`."""
    return replace(
        head,
        position_frames=head.position_frames + frames,
        block_frames=frames,
        block_at_s=now_s,
    )


def skip(head: Playhead, timeline: Timeline, lost_s: float, now_s: float) -> Playhead:
    """Return the state after `lost_s` in which nothing could go out.

    A recorded call goes on where it was; one that followed the live end catches up with it.
    """
    duration = timeline.duration_frames(now_s)
    was_behind = duration - round(lost_s * SAMPLE_RATE_HZ) - head.position_frames
    if head.paused or timeline.live_from_s is None or was_behind > AT_END_FRAMES:
        return head
    return _moved(head, max(timeline.newest_frames(now_s), head.position_frames))


def status(head: Playhead, timeline: Timeline, now_s: float) -> Status:
    """Return what the listener is told: the place of the sample that goes out at `now_s`."""
    elapsed = int((now_s - head.block_at_s) * SAMPLE_RATE_HZ)
    still_going_out = min(max(head.block_frames - elapsed, 0), head.block_frames)
    position = head.position_frames - still_going_out
    duration = timeline.duration_frames(now_s)
    over = timeline.is_over(now_s)
    return Status(
        position=position // FRAMES_PER_MS,
        duration=duration // FRAMES_PER_MS,
        paused=head.paused,
        at_end=position >= duration if over else duration - position <= AT_END_FRAMES,
        call_over=over,
    )


def _moved(head: Playhead, position_frames: int) -> Playhead:
    return replace(head, position_frames=position_frames, block_frames=0)
