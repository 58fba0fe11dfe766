"""When the next 10 ms block is due: on an absolute schedule, so that lateness never adds up."""

from __future__ import annotations

from dataclasses import dataclass

from callplayer.service.playhead import BLOCK_S

CATCH_UP_GAP_S = 0.004
MOST_BEHIND_S = 0.1


@dataclass(frozen=True)
class Turn:
    """`due_s`: the time the block belongs to; `not_before_s`: when to send it; `lost_s`: given up.

    The two times differ only while catching up: late blocks go out 4 ms apart instead of in one
    burst, until the schedule is met again.
    """

    due_s: float
    not_before_s: float
    lost_s: float = 0.0


def next_turn(turn: Turn, now_s: float) -> Turn:
    """Return the turn after `turn`, whose block has just gone out at `now_s`.

    More than 100 ms behind, the schedule starts anew: what was missed is lost, not hurried after.
    """
    due_s = turn.due_s + BLOCK_S
    behind_s = now_s - due_s
    if behind_s > MOST_BEHIND_S:
        return resumed_turn(turn, now_s)
    return Turn(due_s, max(due_s, now_s + CATCH_UP_GAP_S))


def resumed_turn(turn: Turn, now_s: float) -> Turn:
    """Return a turn that starts the schedule anew at `now_s`, after `turn` was the last one due."""
    return Turn(now_s, now_s, max(now_s - turn.due_s, 0.0))
