"""Two parties side by side on one time line, by when their sound arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from callplayer.recordings.samples import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from callplayer.recordings.samples import Samples

DELAY_S = 0.04
SOME_AHEAD_S = 0.03
MOST_AHEAD_S = 1.0
QUIET = 100
"""No sample is larger, of 32,767: too faint to be missed."""

_DELAY_FRAMES = round(DELAY_S * SAMPLE_RATE_HZ)
_MOST_AHEAD_FRAMES = round(MOST_AHEAD_S * SAMPLE_RATE_HZ)
_SOME_AHEAD_FRAMES = round(SOME_AHEAD_S * SAMPLE_RATE_HZ)


class Aligner:
    """Takes each channel's sound as it arrives, gives frames of all channels as time goes on.

    A channel's parts follow each other without a seam for as long as they come in time, which is
    within `DELAY_S`; after a pause it is put at the time of its arrival. What comes in a burst, as
    after a stall, puts its channel ahead of the clock, by `MOST_AHEAD_S` at most, so that nothing
    said is lost; it is brought back in silence. Where a channel has nothing there is silence. Times
    are readings of one monotonic clock in s; the line begins at `began_s`.
    """

    def __init__(self, channels: int, began_s: float) -> None:
        self._began_s = began_s
        self._given = 0
        self._next = [0] * channels
        self._waiting = np.zeros((_DELAY_FRAMES, channels), np.int16)

    def put(self, channel: int, samples: Samples, now_s: float) -> None:
        """Take `samples`, int16 of shape (frames,), whose last one has just arrived."""
        arrived = max(self._frames_at(now_s) - len(samples), self._given)
        at = self._next[channel]
        if at > arrived + _SOME_AHEAD_FRAMES and _is_quiet(samples):
            return
        if at < self._given or at > arrived + _MOST_AHEAD_FRAMES:
            at = arrived
        self._next[channel] = end = at + len(samples)
        self._reach(end)
        self._waiting[at - self._given : end - self._given, channel] = samples

    def take(self, now_s: float) -> Samples:
        """Return the frames that are due: int16, shape (frames, channels); none twice."""
        due = max(self._frames_at(now_s) - _DELAY_FRAMES, self._given)
        self._reach(due)
        frames = due - self._given
        taken, self._waiting = self._waiting[:frames], self._waiting[frames:]
        self._given = due
        return taken

    def _frames_at(self, now_s: float) -> int:
        return int((now_s - self._began_s) * SAMPLE_RATE_HZ)

    def _reach(self, frames: int) -> None:
        """Have room for what lies before `frames`."""
        missing = frames - self._given - len(self._waiting)
        if missing > 0:
            silence = np.zeros((missing + _DELAY_FRAMES, self._waiting.shape[1]), np.int16)
            self._waiting = np.concatenate((self._waiting, silence))


def _is_quiet(samples: Samples) -> bool:
    return not len(samples) or bool(samples.max() <= QUIET and samples.min() >= -QUIET)
