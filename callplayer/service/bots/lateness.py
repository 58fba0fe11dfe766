"""How late sound goes out to listeners, as counts."""

from __future__ import annotations

LATE_S = 0.02
STEP_S = 0.0005
STEPS = 256


class Lateness:
    """How late frames, 10 ms of one bot, went out: counts by 0.5 ms, the last for all beyond."""

    def __init__(self) -> None:
        self.counts = [0] * STEPS
        self.frames = 0
        self.late = 0
        """Later than 20 ms, or never sent."""

        self.lost = 0

    def note(self, late_s: float, frames: int) -> None:
        """Count `frames` that went out `late_s` after they were due."""
        self.frames += frames
        self.late += frames if late_s > LATE_S else 0
        self.counts[min(max(int(late_s / STEP_S), 0), STEPS - 1)] += frames

    def note_lost(self, frames: int) -> None:
        """Count `frames` that were never sent."""
        self.lost += frames
        self.late += frames
