"""When the next block is due: on an absolute schedule, so that lateness never adds up."""

from __future__ import annotations

from dataclasses import dataclass

from callplayer.playback.cursor import BLOCK_S

CATCH_UP_GAP_S = 0.008
MOST_BEHIND_S = 2.0
"""The longest stall whose sound is still sent. A gap in a track's RTP timestamps would make the
listener's jitter buffer grow by it for 10 to 20 s; sound that comes late does so for 3 to 6 s."""


@dataclass(frozen=True)
class Turn:
    """`due_s`: when a block is due; `not_before_s`: when to send it; `lost_s`: given up.

    The two times differ only while catching up: late blocks go out 8 ms apart instead of in one
    burst, until the schedule is met again.
    """

    due_s: float
    not_before_s: float
    lost_s: float = 0.0


def next_turn(turn: Turn, now_s: float) -> Turn:
    """Return the turn after `turn`, whose block has just gone out at `now_s`.

    More than MOST_BEHIND_S behind, the schedule starts anew: what was missed is lost.
    """
    due_s = turn.due_s + BLOCK_S
    behind_s = now_s - due_s
    if behind_s > MOST_BEHIND_S:
        return Turn(now_s, now_s, now_s - turn.due_s)
    return Turn(due_s, max(due_s, now_s + CATCH_UP_GAP_S))
