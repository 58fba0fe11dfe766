"""The sound of a call that is still being written, as a bot reads it."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from callplayer.playback.cursor import FRAMES_PER_MS, CallExtent
from callplayer.recordings.samples import Samples
from callplayer.service.live_wav import GrowingAudio

LEAST_EDGE_FRAMES = 200 * FRAMES_PER_MS
MOST_EDGE_FRAMES = 2000 * FRAMES_PER_MS
EDGE_SLACK_FRAMES = 100 * FRAMES_PER_MS
STEPS_LOOKED_AT = 16


class GrowingSound:
    """A call that is being written to `path` by another process, or was.

    Sound comes in steps. The live end is taken far enough behind the newest frame for the largest
    but one of the last steps, and a little more; a single stall does not count.
    """

    def __init__(self, path: Path) -> None:
        self._audio = GrowingAudio(path)
        self._frames = self._audio.frames()
        self._steps: deque[int] = deque(maxlen=STEPS_LOOKED_AT)
        self._whole: CallExtent | None = None

    def at(self, now_s: float) -> CallExtent:
        """Return how much has been written now."""
        if self._whole is not None:
            return self._whole
        over = self._audio.is_over()
        frames = self._audio.frames()
        if over:
            self._whole = CallExtent(frames)
            return self._whole
        if frames > self._frames:
            self._steps.append(frames - self._frames)
            self._frames = frames
        return CallExtent(frames, is_over=False, edge_frames=edge_frames(self._steps))

    def read(self, start: int, frames: int) -> Samples:
        """Return up to `frames` frames from `start` on."""
        return self._audio.read(start, frames)

    def close(self) -> None:
        """Close the file."""
        self._audio.close()


def edge_frames(steps: deque[int]) -> int:
    """Return how far behind the newest frame a call that grows in such `steps` is played."""
    usual = sorted(steps)[-2] if len(steps) > 1 else 0
    return min(max(usual + EDGE_SLACK_FRAMES, LEAST_EDGE_FRAMES), MOST_EDGE_FRAMES)
