"""Where decoded sound lies in a recording, by the times of its packets. Pure; times in frames.

Nothing that was decoded is left out: time that goes back, or jumps too far ahead, is a recorder
that counts anew, and the sound goes on where it was. A gap in time is a gap in the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_GAP_S = 3600


@dataclass
class SampleTimeline:
    """Places pieces of sound one after the other.

    `zero` is the time that is the recording's beginning; times that are off by up to `slack` are
    taken as rounded.
    """

    zero: int
    slack: int
    max_gap: int
    end: int | None = None
    restarts: int = 0

    def place(self, time: int | None, length: int) -> int:
        """Return where a piece of `length` frames begins; `time` None: right after the last."""
        if self.end is None:
            at = 0 if time is None else time - self.zero
        else:
            at = self.end if time is None else time - self.zero
            if not 0 <= at - self.end <= self.max_gap and abs(at - self.end) > self.slack:
                self.zero += at - self.end
                self.restarts += 1
                at = self.end
            elif abs(at - self.end) <= self.slack:
                at = self.end
        self.end = at + length
        return at


def slack_frames(codec: str, tick_s: float, rate_hz: int) -> int:
    """Return how far a time may be off before it is believed.

    1 ms; 8 ms where a container counts ms, which rounds and jitters; of Vorbis half its longest
    block, since FFmpeg counts a change of block size at the next packet.
    """
    if codec == "vorbis":
        return 4096
    return round((0.008 if 0.0005 < tick_s <= 0.002 else 0.001) * rate_hz)
